"""HTTP in: enrolment by members, for the tenant in their token."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.bound_tokens import challenge_for
from chassis.clock import Clock
from chassis.db import Database
from chassis.etags import etag_of
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.step_up import require_second_factor
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.roles import BackofficeRole
from services.registry.bodies import Body, Text
from services.registry.devices import operations as devices
from services.registry.devices.store import queries
from services.registry.errors import DeviceNotFound, TenantNotFound
from services.registry.settings import Settings


class DeviceIn(Body):
    """An installation's public key and the proof that it holds the private one."""

    challenge: Annotated[str, Field(min_length=20, max_length=100)]
    signature: Annotated[str, Field(min_length=80, max_length=100)]
    jwk: Annotated[dict[str, str], Field(max_length=10)]
    name: Text
    os: Text
    property: Text
    cohort: BackofficeRole


def router(database: Database, authenticate: Authenticate, clock: Clock, settings: Settings) -> APIRouter:
    """Enrolment by members, for the tenant in their token."""
    routes = APIRouter(prefix="/v1/devices", tags=["devices"])
    add_enrolment(routes, database, needs(authenticate, Capability.DEVICE_ENROL), clock, settings)
    add_reading(routes, database, needs(authenticate, Capability.DEVICE_READ))
    add_revoking(routes, database, needs(authenticate, Capability.DEVICE_MANAGE), clock)
    return routes


def tenant_of(claims: Claims) -> UUID:
    """Raises TenantNotFound."""
    if claims.tenant_id is None:
        raise TenantNotFound("devices belong to a tenant, and this token names none")
    return claims.tenant_id


def add_enrolment(
    routes: APIRouter, database: Database, enroller: Any, clock: Clock, settings: Settings
) -> None:
    @routes.post("/challenges", status_code=201)
    async def challenge(request: Request, claims: Annotated[Claims, enroller], key: Keyed) -> Response:
        """A text to sign with the device key, good once and for `expires_in` seconds. Needs a second factor."""
        require_second_factor(claims, challenge_for(claims))
        tenant_id, seconds = tenant_of(claims), settings.challenge_seconds
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                text = await devices.challenge(tx, tenant_id, claims.sub, clock.now(), seconds)
                return 201, {"challenge": text, "expires_in": seconds}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    @routes.post("", status_code=201)
    async def enrol(
        body: DeviceIn, request: Request, claims: Annotated[Claims, enroller], key: Keyed
    ) -> Response:
        """Register a device's public key by the signed challenge, at a property of the member. Needs a second factor."""
        require_second_factor(claims, challenge_for(claims))
        tenant_id, asked = tenant_of(claims), devices.NewDevice(**body.model_dump())
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                return 201, await devices.enrol(tx, claims, tenant_id, asked, settings.ladder, clock.now())

            return await once(request, tx, clock, claims.sub, tenant_id, effect)


def add_reading(routes: APIRouter, database: Database, reader: Any) -> None:
    @routes.get("/{device_id:uuid}")
    async def show(device_id: UUID, response: Response, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """A device of the caller's tenant, revoked ones too."""
        async with database.reading(tenant_of(claims)) as tx:
            row = await queries.device_by_id(tx, tenant_id=claims.tenant_id, device_id=device_id)
        if row is None:
            raise DeviceNotFound(f"there is no device {device_id}")
        response.headers["ETag"] = etag_of(row["row_version"])
        return dict(row)


def add_revoking(routes: APIRouter, database: Database, manager: Any, clock: Clock) -> None:
    @routes.delete("/{device_id:uuid}", status_code=204)
    async def revoke(device_id: UUID, claims: Annotated[Claims, manager]) -> Response:
        """Shut the device out for good; 404 for one that is revoked already."""
        async with database.transaction(tenant_of(claims)) as tx:
            await devices.revoke(tx, tenant_of(claims), device_id, "revoked by IT admin", clock.now())
        return Response(status_code=204)
