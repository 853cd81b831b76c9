"""What has happened to a tenant and what will, with causes; the same functions tell it that will do it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, rows
from services.registry.demo.store import queries as demo
from services.registry.tenants import store
from services.registry.tenants.model import DESTRUCTIVE, Ladder, Step, path_of
from services.registry.tenants.store import queries

FAR = datetime(9999, 1, 1, tzinfo=UTC)


def step_out(step: Step) -> dict[str, Any]:
    if step.due is None:
        raise ValueError("only what happens by itself is foretold")
    return {
        "at": step.at,
        "action": step.due.action.value,
        "cause": step.due.cause,
        "status_after": step.after.status,
        "is_destructive": step.due.action in DESTRUCTIVE,
    }


async def timeline(
    tx: ReadTx, tenant_id: UUID, ladder: Ladder, until: datetime | None = None
) -> dict[str, Any]:
    """Past moves, and every automatic action to come if nobody does anything, up to `until`. Raises TenantNotFound."""
    story = await store.story(tx, tenant_id, ladder)
    foretold = path_of(story, until or FAR)
    future = [step_out(step) for step in foretold.steps]
    if story.tenant.kind == "demo" and (reset := await demo.next_reset(tx)) is not None:
        cause = "every night at 03:00 Europe/Berlin"
        put_back = {"action": "reset_demo", "cause": cause, "status_after": "active", "is_destructive": True}
        future.append({"at": reset["due_at"], **put_back})
    return {
        "tenant_id": str(tenant_id),
        "status": story.tenant.status,
        "held_until": story.tenant.held_until,
        "past": await rows(queries.moves_of(tx, tenant_id=tenant_id)),
        "future": future,
        "status_then": foretold.tenant.status,
    }
