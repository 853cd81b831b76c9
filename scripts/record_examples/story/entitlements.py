"""What the tenant may use, and what its tokens say of it."""

from scripts.record_examples.cast import Cast
from scripts.record_examples.story.tenants import TENANT


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    override = {
        "enabled": True,
        "expires_at": cast.instant(90),
        "config": {"storeys": 4},
        "reason": "Pilot of the linen room",
    }
    await ask(operator, "registry", f"PUT {TENANT}/products/{{product}}", override, match=TENANT)
    await ask(operator, "registry", f"GET {TENANT}/entitlements", query={"explain": True}, title="explained")
    await ask(operator, "registry", f"GET {TENANT}/entitlements", title="plain")
    await ask(cast.of_service("audit"), "registry", "GET /internal/claims/{org_id}")
