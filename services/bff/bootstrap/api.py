"""HTTP in: the first screen."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from chassis.clock import Clock
from chassis.db import Database
from chassis.switches import Switches
from services.bff.admission import Admit
from services.bff.api import BASE, in_force
from services.bff.bootstrap import operations
from services.bff.bootstrap.operations import Facts
from services.bff.directory import Directory, RegistryUnavailable
from services.bff.door import Guest
from services.bff.sessions import operations as sessions
from services.bff.sessions.model import Limits, Session


class Snapshots:
    """Reads facts and session in one snapshot; what the directory lacks is asked from the registry first."""

    def __init__(self, database: Database, registry: Directory, limits: Limits) -> None:
        self._database = database
        self._registry = registry
        self._limits = limits

    async def take(
        self, guest: Guest, session_id: UUID | None, now: datetime
    ) -> tuple[Facts, Session | None]:
        """Raises SessionNotFound, SessionEnded, PropertyOutOfScope, MemberDeactivated, RegistryUnavailable."""
        facts, session = await self._read(guest, session_id, now)
        if facts is None:
            await operations.learn(self._database, self._registry, guest)
            facts, session = await self._read(guest, session_id, now)
        if facts is None:
            raise RegistryUnavailable("what the registry said is not all that is needed")
        return facts, session

    async def _read(
        self, guest: Guest, session_id: UUID | None, now: datetime
    ) -> tuple[Facts | None, Session | None]:
        async with self._database.reading(guest.tenant_id) as tx:
            facts = await operations.read(tx, guest)
            if session_id is None:
                return facts, await sessions.open_one(tx, guest, self._limits, now)
            return facts, await sessions.in_use(tx, guest, session_id, self._limits, now)


def router(
    admit: Admit, snapshots: Snapshots, clock: Clock, switches: Switches, cursor: Callable[[], str]
) -> APIRouter:
    """`cursor` tells where the feed stands, or raises a Transient."""
    routes = APIRouter(prefix=BASE, tags=["bootstrap"])

    @routes.get("/bootstrap")
    async def bootstrap(
        guest: Annotated[Guest, Depends(admit)], session_id: UUID | None = None
    ) -> dict[str, Any]:
        """All that the first screen needs, and the cursor of the feed from which the stream goes on without a hole.

        With `session_id` it is refused once that session has ended (410 `BFF.SESSION_ENDED`, with the reason). Without, it
        shows the open session of this member on this device, if there is one: where a property is chosen there is none
        yet. Each part says the version of its aggregate: an event of the stream counts where its `aggregate_version` is
        not lower.
        """
        at = cursor()  # before the tables are read, so that nothing falls between them and the stream
        facts, session = await snapshots.take(guest, session_id, clock.now())
        return {
            "cursor": at,
            "device_id": guest.device_id,
            **shown(guest.tenant_id, facts),
            "session": None if session is None else shown_session(session),
            **in_force(switches, guest.tenant_id),
        }

    return routes


def shown(tenant_id: UUID, facts: Facts) -> dict[str, Any]:
    tenant, member = facts.tenant, facts.member
    names = ("slug", "name", "locale", "time_zone", "status")
    return {
        "tenant": {
            "tenant_id": tenant_id,
            **{name: tenant[name] for name in names},
            "version": tenant["aggregate_version"],
        },
        "entitlements": {
            **{name: tenant[name] for name in ("plan", "ent_v", "products")},
            "version": tenant["products_version"],
        },
        "member": {
            "member_id": member["member_id"],
            "properties": sorted(member["properties"]),
            "backoffice_roles": sorted(member["backoffice_roles"]),
            "version": member["aggregate_version"],
        },
    }


def shown_session(session: Session) -> dict[str, Any]:
    names = ("session_id", "property", "opened_at", "expires_at")
    return {name: getattr(session, name) for name in names}
