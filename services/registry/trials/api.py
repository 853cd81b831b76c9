"""HTTP in, for anybody: ask for a trial, and use the link that came by mail."""

import hashlib
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from chassis.buckets import Buckets
from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from chassis.ids import uuid7
from services.registry.bodies import Body, Email, Key, Language, Text
from services.registry.errors import SlugTaken, TooManyTrials
from services.registry.identity import IdentityProvider
from services.registry.members import operations as members
from services.registry.settings import Settings
from services.registry.tenants import creation
from services.registry.tenants import operations as tenants
from services.registry.trials import operations as trials
from services.registry.trials.links import Links

VISITOR = "trial-visitor"
LINKS_AN_HOUR = 3
ADDRESSES = 10_000


class TrialIn(Body):
    """Who would like to try what."""

    email: Email
    company: Text
    products: Annotated[list[Key], Field(max_length=50)] = Field(default_factory=list)
    locale: Language = "en"


class VerificationIn(Body):
    """What the link carries behind its `#token=`."""

    token: Annotated[str, Field(min_length=1, max_length=100)]


def router(
    database: Database, identity: IdentityProvider, clock: Clock, settings: Settings, links: Links
) -> APIRouter:
    """The answer to asking says nothing of whether the address is known, and takes the same time."""
    routes = APIRouter(prefix="/v1/trials", tags=["trials"])
    everybody = Buckets(settings.trial_rate, round(10 * settings.trial_rate) or 1, 2)
    each = Buckets(LINKS_AN_HOUR / 3600, LINKS_AN_HOUR, ADDRESSES)

    def take(name: str) -> None:
        if not everybody.take(name, clock.now().timestamp()):
            raise TooManyTrials("too many at once; try again", headers={"Retry-After": "1"})

    @routes.post("", status_code=202)
    async def ask(body: TrialIn) -> dict[str, str]:
        """Asking again sends another link, a few times an hour, so no Idempotency-Key is asked for."""
        now, email = clock.now(), body.email.lower()
        take("ask")
        set_actor(VISITOR, "system")
        if each.take(hashlib.sha256(email.encode()).digest(), now.timestamp()):
            trial_id = uuid7()
            async with database.transaction(trials.tenant_of(trial_id)) as tx:
                await trials.ask(
                    tx,
                    trial_id,
                    links,
                    email=email,
                    company=body.company,
                    locale=body.locale,
                    products=body.products,
                    lasts=timedelta(hours=settings.trial_link_hours),
                    most=settings.trial_open_most,
                    now=now,
                )
        return {"status": "received"}

    @routes.post("/verification", status_code=201)
    async def verify(body: VerificationIn) -> dict[str, Any]:
        """Makes the tenant and its first member. The link works once; after a crash it works again."""
        take("verify")
        set_actor(VISITOR, "system")
        try:
            return await make(body.token)
        except SlugTaken:
            return await make(body.token)  # somebody was faster with the slug; the next one is tried

    async def make(token: str) -> dict[str, Any]:
        async with database.platform_reading() as reading:
            trial = await trials.usable(reading, token, clock.now())
            asked = await trials.asked_for(reading, trial, clock.now())
        tenant_id, first = trials.tenant_of(trial["trial_id"]), trials.first_member(trial)
        org_id, member_id = await creation.make_known(identity, tenant_id, asked, first)
        async with database.transaction(tenant_id) as tx:
            await trials.use(tx, trial["trial_id"], clock.now())
            await tenants.start_trial(
                tx, tenant_id, asked, str(tenant_id), org_id, clock.now(), settings.ladder
            )
            await members.join(tx, tenant_id, member_id, first, clock.now())
        return {"tenant_id": str(tenant_id), "slug": asked.slug, "status": "trial"}

    return routes
