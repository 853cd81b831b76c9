"""The tenant's log, and the proofs about it."""

from typing import Any

from contracts.roles import OrgRole
from scripts.record_examples.cast import Cast

AUDIT = "/v1/tenants/{tenant_id}/audit"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    await ask(cast.nobody, "audit", "GET /v1/audit/key")
    few = {"first": 0, "page_size": 2}
    await ask(
        operator,
        "audit",
        f"GET {AUDIT}/records",
        query=few,
        headers={"Tenantry-Reason": "Ticket 4711"},
        until=lambda found: len(found["records"]) == 2,
    )
    await ask(operator, "audit", f"GET {AUDIT}/log/checkpoint")
    first = "000.p/1"
    await ask(operator, "audit", f"GET {AUDIT}/log/tile/{{level}}/{{number}}", level="0", number=first)
    await ask(operator, "audit", f"GET {AUDIT}/log/tile/entries/{{number}}", number=first)

    def has_path(found: dict[str, Any]) -> bool:
        return bool(found["hashes"])

    await ask(operator, "audit", f"GET {AUDIT}/inclusion", query={"leaf": 1}, until=has_path)
    await ask(operator, "audit", f"GET {AUDIT}/consistency", query={"tree_size": 1}, until=has_path)
    await tell_of_the_ledger(cast)
    await tell_of_exports(cast)
    await tell_of_holds(cast)


async def tell_of_exports(cast: Cast) -> None:
    """A week is asked for, written, and fetched by its link."""
    ask, lawyer = cast.recorder.ask, cast.of_tenant(OrgRole.LEGAL)
    body = {"received_from": "2026-01-01T00:00:00Z", "filter": {"action": "registry.tenant.created.v1"}}
    asked = await ask(lawyer, "audit", f"POST {AUDIT}/exports", body)
    cast.recorder.ids["export_id"] = asked["export_id"]
    found = await ask(
        lawyer,
        "audit",
        f"GET {AUDIT}/exports/{{export_id}}",
        until=lambda shown: shown["state"] == "ready",
    )
    await ask(lawyer, "audit", f"GET {AUDIT}/exports")
    token = found["link"].rpartition("/")[2]
    first = {"Range": "bytes=0-3"}
    await ask(cast.nobody, "audit", "GET /v1/audit/exports/{token}", headers=first, token=token)


async def tell_of_holds(cast: Cast) -> None:
    """A lawsuit begins and ends."""
    ask, lawyer = cast.recorder.ask, cast.of_tenant(OrgRole.LEGAL)
    body = {"reason": "Lawsuit 4 O 12/27", "subject": "member-4711", "received_from": "2026-01-01T00:00:00Z"}
    placed = await ask(lawyer, "audit", f"POST {AUDIT}/holds", body)
    cast.recorder.ids["hold_id"] = placed["hold_id"]
    await ask(lawyer, "audit", f"GET {AUDIT}/holds/{{hold_id}}")
    await ask(lawyer, "audit", f"GET {AUDIT}/holds")
    await ask(lawyer, "audit", f"DELETE {AUDIT}/holds/{{hold_id}}", query={"reason": "Settled out of court"})


async def tell_of_the_ledger(cast: Cast) -> None:
    """What anybody may see, and where a tenant's log stands in it."""
    ask = cast.recorder.ask
    await ask(
        cast.operator,
        "audit",
        f"GET {AUDIT}/ledger",
        until=lambda found: bool(found.get("ledger")),
    )
    await ask(cast.nobody, "audit", "GET /v1/audit/ledger/checkpoint")
    await ask(cast.nobody, "audit", "GET /v1/audit/ledger/consistency", query={"tree_size": 1})
    await ask(
        cast.nobody,
        "audit",
        "GET /v1/audit/anchors",
        query={"page_size": 1},
        until=lambda found: bool(found["anchors"]),
    )
