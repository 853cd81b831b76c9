"""HTTP in: ask for an action on a lock, and see what became of it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from chassis.clock import Clock
from chassis.db import Database
from chassis.idempotency import Keyed, once
from chassis.switches import Switches
from contracts.lock_actions import LockVerb
from services.bff.admission import Admit, require_property, require_role
from services.bff.api import BASE, Body
from services.bff.door import Guest
from services.bff.locks import halts
from services.bff.locks import operations as locks
from services.bff.locks.errors import LocksNotConnected
from services.bff.locks.model import RISKS, ROLES
from services.bff.mutations import Mutations

LockPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class LockActionIn(Body):
    """What the lock is to do; `property` is where it is, and must be in the member's scope."""

    action: LockVerb
    property: Annotated[str, Field(min_length=1, max_length=200)]


def router(
    mutations: Mutations,
    database: Database,
    admit: Admit,
    clock: Clock,
    switches: Switches,
    *,
    deadline: float,
    is_connected: bool,
) -> APIRouter:
    """`deadline` in seconds: what was not sent to the vendor by then is never sent."""
    routes = APIRouter(prefix=BASE, tags=["locks"])

    @routes.post("/locks/{lock_id}/actions", status_code=202)
    async def act(
        lock_id: LockPath,
        body: LockActionIn,
        request: Request,
        guest: Annotated[Guest, Depends(admit)],
        key: Keyed,
    ) -> Response:
        """Ask for it. The command is sent once the request is provably in the audit log, in a second or two, or never.

        401 `CHASSIS.INSUFFICIENT_AUTHENTICATION` where the action needs a fresh second factor; 403 without one of its
        roles or outside of the property; 503 `BFF.LOCKS_HALTED` with `Retry-After` while no lock is told anything.
        """
        require_role(guest, ROLES[body.action])
        require_property(guest, body.property)
        admit.door.require_fresh(guest, RISKS[body.action])
        if not is_connected:
            raise LocksNotConnected("no vendor of locks is connected to this installation")
        headers: dict[str, str] = {}
        async with mutations.by(guest) as tx:

            async def effect() -> tuple[int, Any]:
                await halts.require_not_halted(tx, switches, guest.tenant_id)
                action_id = await locks.request(
                    tx, guest, lock_id, body.action, body.property, clock.now(), deadline
                )
                headers["Location"] = f"{BASE}/lock-actions/{action_id}"
                return 202, shown(await locks.read(tx, guest, action_id))

            return await once(
                request, tx, clock, str(guest.device_id), guest.tenant_id, effect, headers=headers
            )

    @routes.get("/lock-actions/{action_id}")
    async def read(action_id: UUID, guest: Annotated[Guest, Depends(admit)]) -> dict[str, Any]:
        """How far it is: `pending`, `receipted`, `sent`; then `success`, or `error` with its `code`.

        `unknown` where the vendor has not said what became of the command; it is asked until it does.
        """
        async with database.reading(guest.tenant_id) as tx:
            return shown(await locks.read(tx, guest, action_id))

    return routes


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "action_id": str(row["action_id"]), "device_id": str(row["device_id"])}
