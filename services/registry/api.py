"""HTTP in, for operators, members and the ERP."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chassis.auth import Authenticate, require_realm_role
from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from chassis.errors import Forbidden
from chassis.idempotency import Keyed, once
from contracts.claims import Claims
from contracts.roles import BackofficeRole, OrgRole, RealmRole
from services.registry import devices, orders, store, tenants
from services.registry.erp import Erp
from services.registry.errors import DeviceNotFound, OrderNotSubmitted, TenantNotFound
from services.registry.identity import IdentityProvider, NewMember
from services.registry.settings import Settings
from services.registry.store import queries

Text = Annotated[str, Field(min_length=1, max_length=200)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Language = Literal["en", "fr"]


class Body(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class MemberIn(Body):
    """A person of the tenant."""

    email: Email
    name: Text
    locale: Language = "en"
    org_roles: Annotated[list[OrgRole], Field(max_length=10)] = []
    backoffice_roles: Annotated[list[BackofficeRole], Field(max_length=10)] = []
    properties: Annotated[list[Text], Field(max_length=500)] = []


class ItAdminIn(Body):
    """The first member; gets the role IT_ADMIN."""

    email: Email
    name: Text
    locale: Language = "en"


class TenantIn(Body):
    """A tenant to be."""

    slug: Slug
    name: Text
    kind: Literal["real"] = "real"
    locale: Language = "en"
    time_zone: Text = "Europe/Berlin"
    erp_customer_id: Annotated[str, Field(min_length=1, max_length=140)] | None = None
    it_admin: ItAdminIn


class DeviceIn(Body):
    """An installation's public key and the proof that it holds the private one."""

    challenge: Annotated[str, Field(min_length=20, max_length=100)]
    signature: Annotated[str, Field(min_length=80, max_length=100)]
    jwk: Annotated[dict[str, str], Field(max_length=10)]
    name: Text
    os: Text
    property: Text
    cohort: BackofficeRole


def tenant_out(tenant: Any, products: list[dict[str, Any]]) -> dict[str, Any]:
    """A tenant as callers see it."""
    names = (
        "tenant_id",
        "slug",
        "name",
        "kind",
        "status",
        "plan",
        "locale",
        "time_zone",
        "org_id",
        "ent_v",
        "row_version",
    )
    told = {name: getattr(tenant, name) for name in names}
    dates = {name: getattr(tenant, name) for name in ("trial_ends_at", "contract_start", "contract_end")}
    enabled = [product["product_key"] for product in products if product["enabled"]]
    return {**told, "tenant_id": str(tenant.tenant_id), **dates, "products": enabled}


def operator_routes(  # a list of small routes
    database: Database,
    authenticate: Authenticate,
    identity: IdentityProvider,
    clock: Clock,
    settings: Settings,
) -> APIRouter:
    """What operators do."""
    routes = APIRouter(prefix="/v1", tags=["tenants"])
    admin = require_realm_role(authenticate, RealmRole.PLATFORM_ADMIN)
    reader = require_realm_role(authenticate, RealmRole.PLATFORM_ADMIN, RealmRole.SUPPORT_ENGINEER)

    @routes.post("/tenants", status_code=201)
    async def create(
        body: TenantIn, request: Request, claims: Annotated[Claims, admin], key: Keyed
    ) -> Response:
        tenants.refuse_reserved(body.slug)
        tenant_id = tenants.tenant_id_of(f"{claims.sub}:{key}")
        operation_id = str(tenant_id)
        # Outside any transaction: find-or-create by the operation, so that a crash here is mended by trying again.
        org_id = await identity.find_or_create_organisation(operation_id, body.slug, body.name)
        # At once, not by the later push: whoever signs in first must get a token that names the tenant.
        await identity.set_attributes(org_id, {"tenant_id": [str(tenant_id)]})
        first = NewMember(
            body.it_admin.email.lower(),
            body.it_admin.name,
            body.it_admin.locale,
            [OrgRole.IT_ADMIN.value],
            [],
            [],
        )
        member_id = await identity.find_or_create_member(org_id, first)
        asked = tenants.NewTenant(
            body.slug, body.name, body.kind, body.locale, body.time_zone, body.erp_customer_id
        )
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                await tenants.start_trial(
                    tx, tenant_id, asked, operation_id, org_id, clock.now(), settings.trial_days
                )
                await tenants.join_member(tx, tenant_id, member_id, first)
                tenant = await store.tenant(tx, tenant_id)
                products = await store.rows(queries.products_of_tenant(tx, tenant_id=tenant_id))
                return 201, {**tenant_out(tenant, products), "it_admin_member_id": member_id}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    @routes.get("/tenants/{tenant_id}")
    async def show(tenant_id: UUID, response: Response, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        async with database.reading(tenant_id) as tx:
            tenant = await store.tenant(tx, tenant_id)
            products = await store.rows(queries.products_of_tenant(tx, tenant_id=tenant_id))
        response.headers["ETag"] = f'"{tenant.row_version}"'
        return tenant_out(tenant, products)

    @routes.post("/tenants/{tenant_id}/members", status_code=201)
    async def add_member(
        tenant_id: UUID, body: MemberIn, request: Request, claims: Annotated[Claims, admin], key: Keyed
    ) -> Response:
        async with database.reading(tenant_id) as reading:
            org_id = (await store.tenant(reading, tenant_id)).org_id
        member = NewMember(
            body.email.lower(),
            body.name,
            body.locale,
            [role.value for role in body.org_roles],
            [role.value for role in body.backoffice_roles],
            body.properties,
        )
        member_id = await identity.find_or_create_member(org_id, member)
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                await store.lock_tenant(tx, tenant_id)
                version = await tenants.join_member(tx, tenant_id, member_id, member)
                return 201, {"member_id": member_id, "row_version": version}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    @routes.get("/products")
    async def products(claims: Annotated[Claims, Depends(authenticate)]) -> dict[str, Any]:
        async with database.reading(None) as tx:
            return {"products": await store.rows(queries.all_products(tx))}

    return routes


def erp_routes(database: Database, erp: Erp, clock: Clock, secret: str) -> APIRouter:
    """The ERP's webhook: a hint, checked by signature, then read back."""
    routes = APIRouter(tags=["webhooks"])

    @routes.post("/webhooks/erpnext")
    async def sales_order(request: Request) -> dict[str, Any]:
        body = await request.body()
        orders.check_signature(body, request.headers.get(orders.SIGNATURE_HEADER), secret)
        set_actor("erpnext", "service")
        try:
            hint = orders.OrderHint.model_validate_json(body)
        except ValidationError as error:
            raise RequestValidationError(
                [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
            ) from error
        async with database.worker() as tx:
            if await orders.is_seen(tx, hint):
                return {"outcome": "duplicate"}
        order = await erp.sales_order(hint.name)
        if order is None or order.docstatus != 1:
            raise OrderNotSubmitted(f"the ERP has no submitted sales order {hint.name}")
        async with database.worker() as tx:
            tenant_id = await orders.find_tenant(tx, order.customer)
            if tenant_id is None:
                detail = f"customer {order.customer} has no tenant"
                return await orders.leave_task(
                    tx, hint, "sales_order_without_tenant", detail, None, clock.now()
                )
        async with database.transaction(tenant_id) as tx:
            return await orders.apply(tx, hint, order, tenant_id, clock.now())

    return routes


def device_routes(  # noqa: C901  # a list of small routes
    database: Database, authenticate: Authenticate, clock: Clock, settings: Settings
) -> APIRouter:
    """Enrolment by members, for the tenant in their token."""
    routes = APIRouter(prefix="/v1/devices", tags=["devices"])

    def member(claims: Annotated[Claims, Depends(authenticate)]) -> Claims:
        if claims.tenant_id is None:
            raise Forbidden("devices are enrolled by members; this token names no tenant")
        return claims

    Member = Annotated[Claims, Depends(member)]  # noqa: N806  # a type that holds the closure

    def tenant_of(claims: Claims) -> UUID:
        if claims.tenant_id is None:
            raise TenantNotFound("this token names no tenant")
        return claims.tenant_id

    @routes.post("/challenges", status_code=201)
    async def challenge(request: Request, claims: Member, key: Keyed) -> Response:
        devices.require_second_factor(claims)
        async with database.transaction(tenant_of(claims)) as tx:

            async def effect() -> tuple[int, Any]:
                text = await devices.challenge(
                    tx, tenant_of(claims), claims.sub, clock.now(), settings.challenge_seconds
                )
                return 201, {"challenge": text, "expires_in": settings.challenge_seconds}

            return await once(request, tx, clock, claims.sub, claims.tenant_id, effect)

    @routes.post("", status_code=201)
    async def enrol(body: DeviceIn, request: Request, claims: Member, key: Keyed) -> Response:
        devices.require_second_factor(claims)
        if claims.properties and body.property not in claims.properties:
            raise Forbidden(f"property {body.property!r} is out of your scope")
        async with database.transaction(tenant_of(claims)) as tx:

            async def effect() -> tuple[int, Any]:
                return 201, await devices.enrol(tx, claims, tenant_of(claims), body, clock.now())

            return await once(request, tx, clock, claims.sub, claims.tenant_id, effect)

    @routes.get("/{device_id:uuid}")
    async def show(device_id: UUID, response: Response, claims: Member) -> dict[str, Any]:
        async with database.reading(claims.tenant_id) as tx:
            row = await queries.device_by_id(tx, tenant_id=claims.tenant_id, device_id=device_id)
        if row is None:
            raise DeviceNotFound(f"there is no device {device_id}")
        response.headers["ETag"] = f'"{row["row_version"]}"'
        return dict(row)

    @routes.delete("/{device_id:uuid}", status_code=204)
    async def revoke(device_id: UUID, claims: Member) -> Response:
        if OrgRole.IT_ADMIN not in claims.org_roles:
            raise Forbidden("only an IT admin revokes devices")
        async with database.transaction(tenant_of(claims)) as tx:
            await devices.revoke(tx, tenant_of(claims), device_id, "revoked by IT admin", clock.now())
        return Response(status_code=204)

    return routes
