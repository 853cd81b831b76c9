"""HTTP in, for the notifier: whom to tell of what is no tenant's own matter, asked at the moment of sending."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Authenticate, require_service
from chassis.clock import Clock
from chassis.db import Database
from contracts.claims import Claims
from services.registry.errors import LeadNotFound, TrialLinkInvalid
from services.registry.leads.store import queries as leads
from services.registry.settings import Settings
from services.registry.trials.links import Links
from services.registry.trials.store import queries as trials


def router(
    database: Database, authenticate: Authenticate, clock: Clock, settings: Settings, links: Links
) -> APIRouter:
    """Addresses, and what a mail says that must not travel on the bus."""
    routes = APIRouter(prefix="/internal/v1/directory", tags=["internal"])
    only_notifier = require_service(authenticate, "notifier")

    @routes.get("/leads/{lead_id}/recipients")
    async def lead(lead_id: UUID, caller: Annotated[Claims, only_notifier]) -> dict[str, Any]:
        """Whoever owns the lead, else the sales queue."""
        async with database.platform_reading() as tx:
            row = await leads.lead_to_tell(tx, lead_id=lead_id)
        if row is None:
            raise LeadNotFound(f"there is no lead {lead_id}")
        found = dict(row)
        owner, email = found.pop("owner"), found.pop("owner_email")
        who = (
            mailbox("sales", settings.sales_mailbox, "Sales")
            if email is None
            else mailbox(owner, email, owner)
        )
        return {"recipients": [who], "data": found}

    @routes.get("/trials/{trial_id}/recipients")
    async def trial(trial_id: UUID, caller: Annotated[Claims, only_notifier]) -> dict[str, Any]:
        """Whoever asked, with the link; nobody once it is used or over."""
        async with database.platform_reading() as tx:
            row = await trials.trial_by_id(tx, trial_id=trial_id)
        if row is None:
            raise TrialLinkInvalid(f"there is no trial {trial_id}")
        if row["used_at"] is not None or row["expires_at"] <= clock.now():
            return {"recipients": [], "data": {}}
        who = {**mailbox("visitor", row["email"], row["company"]), "locale": row["locale"]}
        told = {"link": links.link(trial_id), "company": row["company"]}
        return {"recipients": [who], "data": {**told, "until": f"{row['expires_at']:%Y-%m-%d %H:%M} UTC"}}

    @routes.get("/operators/recipients")
    async def operators(caller: Annotated[Claims, only_notifier]) -> dict[str, Any]:
        """Whoever looks after the platform."""
        return {
            "recipients": [mailbox("operators", settings.operators_mailbox, "Operators")],
            "data": {},
        }

    return routes


def mailbox(member_id: str, email: str, name: str) -> dict[str, str]:
    return {"member_id": member_id, "email": email, "name": name, "locale": "en"}
