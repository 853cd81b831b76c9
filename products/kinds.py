"""What the three products are: what they count, what they keep, what their administrators can ask, their seed fixtures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.products import Retained
from products.state import USAGE, Collections, State

Act = Callable[[State, UUID], tuple[str, dict[str, int]]]
"""Does something for one tenant; answers a sentence and counts."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One product. `collection` is where work is kept; `queue` where it waits, if anywhere."""

    key: str
    metric: str
    collection: str
    queue: str | None
    actions: Mapping[str, Act]
    fixtures: Collections
    retained: tuple[Retained, ...] = ()
    """Collections that an erasure leaves, each with its ground."""


def flush_queue(state: State, tenant_id: UUID) -> tuple[str, dict[str, int]]:
    gone = state.clear(tenant_id, "queue")
    return f"{gone} waiting items are gone", {"queue": gone}


def reset_state(state: State, tenant_id: UUID) -> tuple[str, dict[str, int]]:
    counts = {name: state.clear(tenant_id, name) for name in ("assistants", "queue")}
    return "the assistants are as on the first day", counts


def rotate_keys(state: State, tenant_id: UUID) -> tuple[str, dict[str, int]]:
    rotated = state.bump(tenant_id, "signing_keys", "version")
    return f"{rotated} signing keys have a new version", {"signing_keys": rotated}


def used(metric: str, *quantities: int) -> list[dict[str, Any]]:
    """One day each, from the first of January on."""
    return [
        {"project": "default", "metric": metric, "day": f"2026-01-{day:02d}", "quantity": quantity}
        for day, quantity in enumerate(quantities, 1)
    ]


AI_CONSOLE = Kind(
    "ai_console",
    "requests",
    "prompts",
    "queue",
    {"flush_queue": flush_queue, "reset_state": reset_state},
    {
        "assistants": [
            {"id": "a1", "name": "Concierge", "model": "small"},
            {"id": "a2", "name": "Night auditor", "model": "large"},
        ],
        "prompts": [{"id": f"p{n}", "text": f"Question {n} of a guest"} for n in range(1, 6)],
        "queue": [{"id": "p5", "state": "waiting"}],
        USAGE: used("requests", 40, 55, 38),
    },
)
COMPLIANCE_SUITE = Kind(
    "compliance_suite",
    "documents",
    "documents",
    None,
    {"rotate_keys": rotate_keys},
    {
        "documents": [{"id": f"d{n}", "text": f"Evidence {n}"} for n in range(1, 5)],
        "approvals": [{"id": f"d{n}", "decision": "approved"} for n in range(1, 3)],
        "signing_keys": [{"id": "k1", "version": 1}],
        USAGE: used("documents", 3, 1),
    },
    (Retained(collection="approvals", count=0, ground="legal_obligation"),),
)
NOTETAKER = Kind(
    "notetaker",
    "minutes",
    "notes",
    "queue",
    {"flush_queue": flush_queue},
    {
        "notes": [{"id": f"n{n}", "text": f"Minutes of meeting {n}"} for n in range(1, 4)],
        "queue": [{"id": "n3", "state": "waiting"}],
        USAGE: used("minutes", 62, 30, 45, 51),
    },
)
KINDS: Mapping[str, Kind] = {kind.key: kind for kind in (AI_CONSOLE, COMPLIANCE_SUITE, NOTETAKER)}
