"""HTTP in, for operators: tenants and their life."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx, rows
from chassis.etags import IfMatch, etag_of
from chassis.fields import Day, Instant, Whole
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.roles import OrgRole
from services.registry.bodies import Body, Email, Language, Reason, Slug, Text
from services.registry.catalogue.store import queries as catalogue
from services.registry.errors import ProductUnknown
from services.registry.identity import IdentityProvider, NewMember
from services.registry.members import operations as members
from services.registry.settings import Settings
from services.registry.tenants import creation, store
from services.registry.tenants import operations as tenants
from services.registry.tenants.changes import TenantChanges, shown
from services.registry.tenants.model import Purchase, Story, Tenant, Trigger
from services.registry.tenants.store import queries
from services.registry.tenants.timeline import timeline

Status = Literal["trial", "active", "frozen", "archived"]


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


class ActivationIn(Body):
    """A purchase that an operator enters by hand; `reference` names the order or the payment."""

    source: Literal["sales_order", "payment"]
    reference: Text
    plan: Literal["starter", "professional", "enterprise"]
    products: Annotated[list[Text], Field(max_length=100)]
    contract_start: Day | None = None
    contract_end: Day | None = None


class CancellationIn(Body):
    """Freezes `now`, or when the paid period ends; the slug is typed again."""

    effective: Literal["now", "period_end"]
    reason: Literal["price", "missing_feature", "switched", "no_longer_needed", "service", "other"]
    slug: Text


class FreezeIn(Body):
    """Why an operator freezes; the evidence names the document."""

    reason: Literal["non_payment", "contract_end"]
    evidence: Text


class HoldIn(Body):
    """Postpones what destroys."""

    reason: Reason
    days: Annotated[Whole, Field(ge=1, le=366)]


async def purchase_of(tx: ReadTx, body: ActivationIn) -> Purchase:
    """Raises ProductUnknown."""
    known = {row["key"] for row in await rows(catalogue.all_products(tx))}
    if unknown := [key for key in body.products if key not in known]:
        raise ProductUnknown(f"products: {', '.join(unknown)} not in the catalogue")
    return Purchase(body.plan, tuple(sorted(set(body.products))), body.contract_start, body.contract_end)


def router(
    database: Database,
    authenticate: Authenticate,
    identity: IdentityProvider,
    clock: Clock,
    settings: Settings,
    page_tokens: PageTokens,
    changes: TenantChanges,
) -> APIRouter:
    """Reading for operators and support, changing for operators only."""
    routes = APIRouter(prefix="/v1/tenants", tags=["tenants"])
    creator = needs(authenticate, Capability.PLATFORM_TENANT_CREATE)
    finder = needs(authenticate, Capability.PLATFORM_TENANT_READ)
    reader = needs(authenticate, Capability.TENANT_READ)
    mover = needs(authenticate, Capability.PLATFORM_TENANT_MOVE)
    add_creation(routes, database, creator, identity, clock, settings)
    add_list(routes, database, finder, page_tokens)
    add_reading(routes, database, reader, clock, settings)
    add_activation(routes, changes, mover)
    add_cancellation(routes, changes, mover)
    add_freezing(routes, changes, mover)
    add_holds(routes, changes, mover, settings)
    return routes


def add_creation(
    routes: APIRouter,
    database: Database,
    creator: Any,
    identity: IdentityProvider,
    clock: Clock,
    settings: Settings,
) -> None:
    @routes.post("", status_code=201)
    async def create(
        body: TenantIn, request: Request, claims: Annotated[Claims, creator], key: Keyed
    ) -> Response:
        """A tenant on trial, with its organisation at the identity provider and its first IT admin."""
        tenant_id = tenants.tenant_id_of(f"{claims.sub}:{key}")
        asked = tenants.NewTenant(
            body.slug, body.name, body.kind, body.locale, body.time_zone, body.erp_customer_id
        )
        async with database.platform_reading() as reading:
            await tenants.refuse_taken(reading, tenant_id, asked, clock.now())
        admin_in = body.it_admin
        first = NewMember(
            admin_in.email.lower(), admin_in.name, admin_in.locale, [OrgRole.IT_ADMIN.value], [], []
        )
        org_id, member_id = await creation.make_known(identity, tenant_id, asked, first)
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                await tenants.start_trial(
                    tx, tenant_id, asked, str(tenant_id), org_id, clock.now(), settings.ladder
                )
                await members.join(tx, tenant_id, member_id, first, clock.now())
                return 201, {**await shown(tx, tenant_id, clock.now()), "it_admin_member_id": member_id}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)


def add_list(routes: APIRouter, database: Database, finder: Any, page_tokens: PageTokens) -> None:
    @routes.get("")
    async def find(
        claims: Annotated[Claims, finder], asked: Paged, status: Status | None = None
    ) -> dict[str, Any]:
        """Tenants of one status, or all of them."""
        scope = {"list": "tenants", "status": status}
        page = page_tokens.open(asked, scope, "tenant_id")
        async with database.platform_reading() as tx:
            found = await rows(
                queries.tenants_page(tx, status=status, after=page.after["tenant_id"], most=page.most)
            )
        listed = [{**row, "tenant_id": str(row["tenant_id"])} for row in found]
        return page.answer("tenants", listed)


def add_reading(routes: APIRouter, database: Database, reader: Any, clock: Clock, settings: Settings) -> None:
    @routes.get("/{tenant_id}")
    async def show(tenant_id: UUID, response: Response, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """The whole tenant, with its products and what may move it next; its ETag goes with a change."""
        async with database.reading(tenant_id) as tx:
            found = await shown(tx, tenant_id, clock.now())
        response.headers["ETag"] = etag_of(found["row_version"])
        return found

    @routes.get("/{tenant_id}/timeline")
    async def show_timeline(
        tenant_id: UUID,
        claims: Annotated[Claims, reader],
        simulate: bool = False,
        until: Instant | None = None,
    ) -> dict[str, Any]:
        """Past moves and everything that will happen by itself; `simulate` with `until` stops the clock there."""
        async with database.reading(tenant_id) as tx:
            return await timeline(tx, tenant_id, settings.ladder, until if simulate else None)

    @routes.get("/{tenant_id}/cancellation-preview")
    async def preview(
        tenant_id: UUID, claims: Annotated[Claims, reader], effective: tenants.Effective = "period_end"
    ) -> dict[str, Any]:
        """What cancelling now would do, and when; changes nothing."""
        now = clock.now()
        async with database.reading(tenant_id) as tx:
            return tenants.preview(await store.story(tx, tenant_id, settings.ladder), effective, now)


def add_activation(routes: APIRouter, changes: TenantChanges, mover: Any) -> None:
    @routes.post("/{tenant_id}/activation")
    async def activate(
        tenant_id: UUID,
        body: ActivationIn,
        request: Request,
        claims: Annotated[Claims, mover],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Enter a purchase by hand: moves a tenant in trial, frozen or active to active with what was bought."""

        async def change(tx: Tx, story: Story, now: datetime) -> Tenant:
            purchase = await purchase_of(tx, body)
            return await tenants.buy(tx, story, Trigger(body.source), purchase, body.reference, now)

        return await changes.make(request, claims.sub, tenant_id, change)


def add_cancellation(routes: APIRouter, changes: TenantChanges, mover: Any) -> None:
    @routes.post("/{tenant_id}/cancellation")
    async def cancel(
        tenant_id: UUID,
        body: CancellationIn,
        request: Request,
        claims: Annotated[Claims, mover],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Freeze now, or when the paid period ends; see `cancellation-preview` first."""

        async def change(tx: Tx, story: Story, now: datetime) -> Tenant:
            return await tenants.cancel(tx, story, body.effective, body.reason, body.slug, now)

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.delete("/{tenant_id}/cancellation")
    async def withdraw(
        tenant_id: UUID, request: Request, claims: Annotated[Claims, mover], key: Keyed, match: IfMatch
    ) -> Response:
        """Take back a cancellation that has not taken effect."""
        return await changes.make(request, claims.sub, tenant_id, tenants.withdraw)


def add_freezing(routes: APIRouter, changes: TenantChanges, mover: Any) -> None:
    @routes.post("/{tenant_id}/reactivation")
    async def reactivate(
        tenant_id: UUID, request: Request, claims: Annotated[Claims, mover], key: Keyed, match: IfMatch
    ) -> Response:
        """Take a cancelled tenant back within its grace; nothing was lost."""

        async def change(tx: Tx, story: Story, now: datetime) -> Tenant:
            return await tenants.move(tx, story, Trigger.REACTIVATION, claims.sub, now)

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.post("/{tenant_id}/freeze")
    async def freeze(
        tenant_id: UUID,
        body: FreezeIn,
        request: Request,
        claims: Annotated[Claims, mover],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Freeze an active tenant that does not pay, or whose contract is over."""

        async def change(tx: Tx, story: Story, now: datetime) -> Tenant:
            return await tenants.move(tx, story, Trigger(body.reason), body.evidence, now)

        return await changes.make(request, claims.sub, tenant_id, change)


def add_holds(routes: APIRouter, changes: TenantChanges, mover: Any, settings: Settings) -> None:
    @routes.post("/{tenant_id}/hold", status_code=201)
    async def place(
        tenant_id: UUID,
        body: HoldIn,
        request: Request,
        claims: Annotated[Claims, mover],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Postpone archiving and deleting for some days."""

        async def change(tx: Tx, story: Story, now: datetime) -> Tenant:
            return await tenants.hold(tx, story, body.reason, body.days, settings.hold_days, now)

        return await changes.make(request, claims.sub, tenant_id, change, status=201)

    @routes.delete("/{tenant_id}/hold")
    async def release(
        tenant_id: UUID, request: Request, claims: Annotated[Claims, mover], key: Keyed, match: IfMatch
    ) -> Response:
        """End the hold before its time."""
        return await changes.make(request, claims.sub, tenant_id, tenants.release)
