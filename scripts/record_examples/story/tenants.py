"""A tenant is created, looked at, bought for, cancelled and taken back."""

from contracts.roles import OrgRole
from scripts.record_examples.cast import Cast

TENANT = "/v1/tenants/{tenant_id}"


async def tell(cast: Cast) -> None:
    ask, operator, slug = cast.recorder.ask, cast.operator, cast.name("hotel-seaview")
    body = {
        "slug": slug,
        "name": "Hotel Seaview",
        "locale": "en",
        "time_zone": "Europe/Berlin",
        "erp_customer_id": cast.name("CUST-0042"),
        "it_admin": {"email": f"it.admin@{slug}.example", "name": "IT admin", "locale": "en"},
    }
    created = await ask(operator, "registry", "POST /v1/tenants", body)
    cast.recorder.ids["tenant_id"] = created["tenant_id"]
    found = await ask(operator, "registry", f"GET {TENANT}")
    cast.recorder.ids["org_id"] = cast.hide(found["org_id"], "organisation-seaview")
    await ask(operator, "registry", "GET /v1/tenants", query={"status": "trial", "page_size": 1})
    await ask(operator, "registry", f"GET {TENANT}/timeline")
    member = cast.of_tenant(OrgRole.IT_ADMIN)
    await ask(member, "registry", "GET /v1/me/capabilities")


async def tell_changes(cast: Cast) -> None:
    """The tenant has become active by an order."""
    ask, operator = cast.recorder.ask, cast.operator
    activation = {
        "source": "payment",
        "reference": "PAYMENT-2027-0001",
        "plan": "professional",
        "products": ["ai_console", "notetaker"],
        "contract_start": cast.day(0),
        "contract_end": cast.day(365),
    }
    await ask(operator, "registry", f"POST {TENANT}/activation", activation, match=TENANT)
    preview = {"effective": "period_end"}
    await ask(operator, "registry", f"GET {TENANT}/cancellation-preview", query=preview)
    found = await ask(operator, "registry", f"GET {TENANT}", is_kept=False)
    cancellation = {"effective": "period_end", "reason": "no_longer_needed", "slug": found["slug"]}
    cancel = f"POST {TENANT}/cancellation"
    await ask(operator, "registry", cancel, cancellation, match=TENANT)
    await ask(operator, "registry", f"DELETE {TENANT}/cancellation", match=TENANT)
    now = {**cancellation, "effective": "now"}
    await ask(operator, "registry", cancel, now, match=TENANT, is_kept=False)
    hold = {"reason": "The customer asked for a month to export", "days": 30}
    await ask(operator, "registry", f"POST {TENANT}/hold", hold, match=TENANT)
    await ask(operator, "registry", f"DELETE {TENANT}/hold", match=TENANT)
    await ask(operator, "registry", f"POST {TENANT}/reactivation", match=TENANT)
