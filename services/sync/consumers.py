"""Events in: what sync must know of tenants. A deleted one leaves nothing but its tombstone."""

from typing import Any

from chassis.db import Tx
from chassis.inbox import Handler
from contracts.envelope import Received
from contracts.event import Event
from contracts.registry import (
    TenantActivatedV1,
    TenantArchivedV1,
    TenantCreatedV1,
    TenantDeletedV1,
    TenantFrozenV1,
    TenantReactivatedV1,
)
from services.sync.operations import queries

STATUS: dict[type[Event], str] = {
    TenantCreatedV1: "trial",
    TenantActivatedV1: "active",
    TenantReactivatedV1: "active",
    TenantFrozenV1: "frozen",
    TenantArchivedV1: "archived",
}


async def on_tenant_moved(tx: Tx, event: Received[Any]) -> None:
    await know(tx, event, STATUS[type(event.body)])


async def on_tenant_deleted(tx: Tx, event: Received[Any]) -> None:
    tenant_id = event.body.tenant_id
    await queries.end_work_of_tenant(tx, tenant_id=tenant_id)
    await queries.erase_records(tx, tenant_id=tenant_id)
    await queries.erase_results(tx, tenant_id=tenant_id)
    await queries.erase_producers(tx, tenant_id=tenant_id)
    await queries.erase_counters(tx, tenant_id=tenant_id)  # a scope names a property
    await know(tx, event, "deleted")


async def know(tx: Tx, event: Received[Any], status: str) -> None:
    await queries.know_tenant(
        tx,
        tenant_id=event.body.tenant_id,
        status=status,
        aggregate_version=event.envelope.aggregate_version,
    )


HANDLERS: dict[type[Event], Handler] = {
    **dict.fromkeys(STATUS, on_tenant_moved),
    TenantDeletedV1: on_tenant_deleted,
}
