"""Whether locks may be told anything: the operators' flag, and the halts of audit, which the bff hears as events."""

from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.inbox import dispatch
from chassis.switches import Switches
from contracts.audit import LockActionsHaltedV1, LockActionsResumedV1
from contracts.envelope import Received
from services.bff.locks.errors import LocksHalted
from services.bff.locks.store import queries

FLAG = "lock_proxy_halted"
RETRY_SECONDS = 60


async def require_not_halted(tx: ReadTx, switches: Switches, tenant_id: UUID) -> None:
    """Raises LocksHalted, NotToldYet."""
    is_switched_off = switches.value(FLAG, tenant_id) is not False
    halt_id = await queries.halt_of_tenant(tx, tenant_id=tenant_id)
    if is_switched_off or halt_id is not None:
        raise LocksHalted(
            "lock actions are halted for now; use the key or the master card and try again later",
            french="les actions sur les serrures sont suspendues ; utilisez la clé et réessayez plus tard",
            headers={"Retry-After": str(RETRY_SECONDS)},
            halt_id=None if halt_id is None else str(halt_id),
        )


async def on_halted(tx: Tx, event: Received[LockActionsHaltedV1]) -> None:
    await queries.note_halt(tx, halt_id=event.body.halt_id, at=event.body.halted_at)


async def on_resumed(tx: Tx, event: Received[LockActionsResumedV1]) -> None:
    """For one tenant, or for all; it may be heard before the halt."""
    body = event.body
    if body.tenant_id is None:
        await queries.note_end_of_halt(tx, halt_id=body.halt_id, at=body.resumed_at)
    else:
        await queries.note_resumed(tx, tenant_id=body.tenant_id, halt_id=body.halt_id, at=body.resumed_at)


hear = dispatch({LockActionsHaltedV1: on_halted, LockActionsResumedV1: on_resumed})
