"""Somebody joins the tenant, becomes something else there, and leaves."""

from scripts.record_examples.cast import Cast
from tenantry.demo.world import PROPERTY

MEMBERS = "/v1/tenants/{tenant_id}/members"
MEMBER = f"{MEMBERS}/{{member_id}}"


async def tell(cast: Cast) -> None:
    ask, slug = cast.recorder.ask, cast.real("hotel-seaview")
    body = {
        "email": f"night.desk@{slug}.example",
        "name": "Night desk",
        "locale": "fr",
        "org_roles": ["USER"],
        "backoffice_roles": ["front_desk"],
        "properties": [PROPERTY],
    }
    joined = await ask(cast.operator, "registry", f"POST {MEMBERS}", body)
    cast.recorder.ids["member_id"] = joined["member_id"]


async def tell_changes(cast: Cast) -> None:
    """After its scopes were told."""
    ask, operator = cast.recorder.ask, cast.operator
    await ask(operator, "registry", f"GET {MEMBERS}", query={"page_size": 10})
    await ask(operator, "registry", f"GET {MEMBER}")
    roles = {"org_roles": ["USER", "FINANCE"]}
    await ask(operator, "registry", f"PUT {MEMBER}/roles", roles, match=MEMBER)
    await ask(operator, "registry", f"DELETE {MEMBER}", match=MEMBER)
