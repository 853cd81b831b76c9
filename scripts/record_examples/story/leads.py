"""Members wish for something, somebody of ours for a prospect; sales hears of it, and closes."""

from contracts.roles import OrgRole, RealmRole
from scripts.record_examples.cast import Bearer, Cast
from scripts.record_examples.story.tenants import TENANT

LEADS = "/v1/leads"
LEAD = f"{LEADS}/{{lead_id}}"


async def tell(cast: Cast) -> None:
    ask, operator, ids = cast.recorder.ask, cast.operator, cast.recorder.ids
    owner = {"owner": "sales-rep", "email": "sales.rep@tenantry.example"}
    await ask(operator, "registry", f"PUT {TENANT}/sales-owner", owner)
    member = cast.of_tenant(OrgRole.IT_ADMIN)
    wish = {"product": "compliance_suite", "why": "The auditor asked for it", "seats": 12, "volume": 400}
    wished = "POST /v1/catalog/requests"
    made = await ask(member, "registry", wished, wish, title="new")
    await ask(member, "registry", wished, wish, title="asked for already")
    await ask(member, "registry", "GET /v1/catalog")
    upgrade = {"plan": "enterprise", "why": "A second hotel", "seats": 60}
    await ask(member, "registry", "POST /v1/billing/upgrade-requests", upgrade)
    claims = {
        "sub": "sales-rep",
        "email": "sales.rep@tenantry.example",
        "realm_access": {"roles": [RealmRole.SALES_REP.value]},
    }
    seller = Bearer(cast.world.http, cast.signer, claims)
    prospect = {"company": "Hotel Dune", "email": f"buyer@{cast.name('dune')}.example"}
    await ask(seller, "registry", "POST /v1/catalog/trial-requests", prospect)
    ids["lead_id"] = made["lead_id"]
    await ask(seller, "registry", f"GET {LEADS}", query={"status": "open", "page_size": 3})
    notifier = cast.of_service("notifier")
    await ask(notifier, "registry", "GET /internal/v1/directory/leads/{lead_id}/recipients")
    await ask(seller, "registry", f"POST {LEAD}/closing", {"outcome": "won"}, match=LEAD)
    await ask(seller, "registry", f"GET {LEAD}")
