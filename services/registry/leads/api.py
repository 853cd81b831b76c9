"""HTTP in: browse and wish, for members; leads and their activities, for sales."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.fields import Whole
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import DEMO_TENANT_ID, Capability, capabilities_of
from contracts.claims import Claims
from services.registry.bodies import Body, Email, Key, Reason, Text
from services.registry.changes import Changes
from services.registry.errors import NoTenant
from services.registry.leads import operations as leads
from services.registry.leads.operations import Wish
from services.registry.leads.store import queries

Amount = Annotated[Whole, Field(ge=1, le=1_000_000_000)]


class RequestIn(Body):
    """A product that the member's tenant would like to have."""

    product: Key
    why: Reason
    seats: Amount | None = None
    volume: Amount | None = None


class TrialRequestIn(Body):
    """A prospect to whom somebody has shown the demo tenant."""

    company: Text
    email: Email


class UpgradeIn(Body):
    """The plan that the tenant would like to have."""

    plan: Literal["starter", "professional", "enterprise"]
    why: Reason | None = None
    seats: Amount | None = None


class ClosingIn(Body):
    """What became of it."""

    outcome: leads.Outcome


class OwnerIn(Body):
    """Subject and address of whoever looks after the tenant in sales."""

    owner: Text
    email: Email


def router(
    database: Database, authenticate: Authenticate, clock: Clock, page_tokens: PageTokens
) -> APIRouter:
    """A wish makes one lead while it is open, and never a tenant."""
    routes = APIRouter(prefix="/v1", tags=["leads"])
    add_wishes(routes, database, authenticate, clock)
    add_reading(routes, database, authenticate, page_tokens)
    add_changes(routes, database, authenticate, clock)
    return routes


def own_tenant(claims: Claims) -> UUID:
    """Raises NoTenant."""
    if claims.tenant_id is None:
        raise NoTenant("only members of a tenant can ask for something")
    return claims.tenant_id


def add_wishes(routes: APIRouter, database: Database, authenticate: Authenticate, clock: Clock) -> None:
    reader = needs(authenticate, Capability.CATALOGUE_READ)
    asker = needs(authenticate, Capability.CATALOGUE_REQUEST)
    seller = needs(authenticate, Capability.PLATFORM_LEAD_OWN)
    payer = needs(authenticate, Capability.BILLING_MANAGE)

    async def ask(request: Request, claims: Claims, tenant_id: UUID, wish: Wish) -> Response:
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                lead, is_new = await leads.ask(tx, tenant_id, wish, claims.sub, clock.now())
                return (201 if is_new else 200), lead

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    @routes.get("/catalog")
    async def browse(claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """All products that are offered, with the state of the caller's tenant and why."""
        async with database.reading(claims.tenant_id) as tx:
            return {"products": await leads.catalogue_of(tx, claims.tenant_id, clock.now())}

    @routes.post("/catalog/requests", status_code=201, responses={200: {"description": "Asked for already"}})
    async def ask_for_product(
        body: RequestIn, request: Request, claims: Annotated[Claims, asker], key: Keyed
    ) -> Response:
        """Sales will call. While the request is open, asking again answers it."""
        wish = Wish(
            "product_request", body.product, body.product, why=body.why, seats=body.seats, volume=body.volume
        )
        return await ask(request, claims, own_tenant(claims), wish)

    @routes.post(
        "/catalog/trial-requests", status_code=201, responses={200: {"description": "Asked for already"}}
    )
    async def ask_for_trial(
        body: TrialRequestIn, request: Request, claims: Annotated[Claims, seller], key: Keyed
    ) -> Response:
        """From the demo tenant, for a prospect; whoever asks owns the lead."""
        email = body.email.lower()
        wish = Wish(
            "trial_request",
            email,
            company=body.company,
            email=email,
            owner=claims.sub,
            owner_email=claims.email,
        )
        return await ask(request, claims, DEMO_TENANT_ID, wish)

    @routes.post(
        "/billing/upgrade-requests", status_code=201, responses={200: {"description": "Asked for already"}}
    )
    async def ask_for_upgrade(
        body: UpgradeIn, request: Request, claims: Annotated[Claims, payer], key: Keyed
    ) -> Response:
        """One task for sales while it is open."""
        wish = Wish("upgrade_request", body.plan, plan=body.plan, why=body.why, seats=body.seats)
        return await ask(request, claims, own_tenant(claims), wish)


def owner_of(claims: Claims) -> str | None:
    """Whose leads the caller may see; none: everybody's."""
    sees_all = Capability.PLATFORM_LEAD_READ in capabilities_of(claims, None)
    return None if sees_all else claims.sub


def add_reading(
    routes: APIRouter, database: Database, authenticate: Authenticate, page_tokens: PageTokens
) -> None:
    seer = needs(authenticate, Capability.PLATFORM_LEAD_READ, Capability.PLATFORM_LEAD_OWN)

    @routes.get("/leads")
    async def find(
        claims: Annotated[Claims, seer], asked: Paged, status: Literal["open", "closed"] | None = None
    ) -> dict[str, Any]:
        """A sales representative sees its own."""
        owner = owner_of(claims)
        scope = {"list": "leads", "owner": owner, "status": status}
        page = page_tokens.open(asked, scope, "lead_id")
        is_open = None if status is None else status == "open"
        async with database.platform_reading() as tx:
            found = await rows(
                queries.leads_page(
                    tx, owner=owner, is_open=is_open, after=page.after["lead_id"], most=page.most
                )
            )
        listed = [leads.shown(row) for row in found]
        return page.answer("leads", listed)

    @routes.get("/leads/{lead_id}")
    async def show(lead_id: UUID, response: Response, claims: Annotated[Claims, seer]) -> dict[str, Any]:
        """A lead with what was done about it."""
        async with database.platform_reading() as tx:
            lead = await leads.find(tx, lead_id, owner_of(claims))
            activities = await rows(queries.activities_of(tx, lead_id=lead_id))
        response.headers["ETag"] = etag_of(lead["row_version"])
        return {**lead, "activities": activities}


def add_changes(routes: APIRouter, database: Database, authenticate: Authenticate, clock: Clock) -> None:
    changes = Changes(database, clock)
    closer = needs(authenticate, Capability.PLATFORM_LEAD_OWN)
    mover = needs(authenticate, Capability.PLATFORM_TENANT_MOVE)

    @routes.post("/leads/{lead_id}/closing")
    async def close(
        lead_id: UUID,
        body: ClosingIn,
        request: Request,
        claims: Annotated[Claims, closer],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Its outcome; the CRM is told. The same wish makes a new lead afterwards."""
        async with database.platform_reading() as reading:
            tenant_id = UUID((await leads.find(reading, lead_id, owner_of(claims)))["tenant_id"])

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            lead = await queries.lock_lead(tx, lead_id=lead_id)
            require_match(request, lead["row_version"])
            await leads.close(tx, lead, body.outcome, claims.sub, now)
            return await leads.find(tx, lead_id, None)

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.put("/tenants/{tenant_id}/sales-owner")
    async def put_owner(tenant_id: UUID, body: OwnerIn, claims: Annotated[Claims, mover]) -> dict[str, str]:
        """Who is told of the tenant's wishes from now on; the same again changes nothing."""
        async with database.transaction(tenant_id) as tx:
            await leads.put_owner(tx, tenant_id, body.owner, body.email.lower())
        return {"tenant_id": str(tenant_id), "owner": body.owner}
