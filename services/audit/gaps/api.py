"""HTTP in, for operators: gaps in what audit hears, and the halts of lock actions."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.gaps import halts, store

MOST = 200
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class HaltIn(BaseModel):
    """Why no lock is to be told anything."""

    model_config = ConfigDict(extra="forbid")

    reason: Text


class ResumeIn(BaseModel):
    """The incident that is over; both operators name the same."""

    model_config = ConfigDict(extra="forbid")

    incident: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/#-]*$")]


def router(database: Database, authenticate: Authenticate, clock: Clock) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["gaps"])
    add_reading(routes, database, needs(authenticate, Capability.PLATFORM_GAP_READ))
    add_halting(routes, database, needs(authenticate, Capability.PLATFORM_LOCK_HALT), clock)
    return routes


def add_reading(routes: APIRouter, database: Database, reader: Any) -> None:
    @routes.get("/audit/gaps")
    async def gaps(
        claims: Annotated[Claims, reader], state: Literal["open", "all"] = "open"
    ) -> dict[str, Any]:
        """Numbers of sources that did not arrive, and sources that are silent; the newest 200.

        `asked`: a replay was asked for. `detected`: said, with a page, and not repaired. `lost`: gone at the source.
        """
        async with database.platform_reading() as tx:
            return {"gaps": await store.gaps(tx, is_open=state == "open", most=MOST)}

    @routes.get("/audit/lock-actions/halts")
    async def read_halts(claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """The newest 200 halts of lock actions with the tenants that were resumed, and commands without a record."""
        async with database.platform_reading() as tx:
            found = [dict(row) for row in await rows(halts.queries.halts(tx, most=MOST))]
            ids = [row["halt_id"] for row in found]
            words = await rows(halts.queries.resumptions_of(tx, halt_ids=ids, most=10_000))
            reports = await rows(halts.queries.reports_without_record(tx, most=MOST))
        for row in found:
            row["tenants"] = [shown(word) for word in words if word["halt_id"] == row["halt_id"]]
        return {"halts": found, "commands_without_record": [dict(row) for row in reports]}


def add_halting(routes: APIRouter, database: Database, operator: Any, clock: Clock) -> None:
    @routes.post("/audit/lock-actions/halts", status_code=201)
    async def halt(
        body: HaltIn, request: Request, claims: Annotated[Claims, operator], key: Keyed
    ) -> Response:
        """Halt all lock actions of all tenants, until two operators resume them tenant by tenant."""
        async with database.transaction(None) as tx:

            async def effect() -> tuple[int, Any]:
                halt_id = await halts.halt(tx, "operator", claims.sub, clock.now(), body.reason)
                return 201, {"halt_id": str(halt_id)}

            return await once(request, tx, clock, claims.sub, None, effect)

    @routes.post("/tenants/{tenant_id}/audit/lock-actions/resumption")
    async def resume(
        tenant_id: UUID, body: ResumeIn, request: Request, claims: Annotated[Claims, operator], key: Keyed
    ) -> Response:
        """Say that the incident is over for this tenant: the first operator asks, another one resumes.

        The first word holds for an hour. 409 `AUDIT.SECOND_OPERATOR_NEEDED` for a second word of the same operator,
        409 `AUDIT.OTHER_INCIDENT` where the first word named another incident.
        """
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                spoken = await halts.resume(tx, tenant_id, body.incident, claims.sub, clock.now())
                return 200, {
                    "tenant_id": str(tenant_id),
                    "incident": body.incident,
                    "state": "resumed" if all(one.is_resumed for one in spoken) else "asked",
                    "halts": [{"halt_id": str(one.halt_id), "is_resumed": one.is_resumed} for one in spoken],
                }

            return await once(request, tx, clock, claims.sub, tenant_id, effect)


def shown(word: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(word).items() if name != "halt_id"}
