"""Somebody joins the tenant."""

from scripts.record_examples.cast import Cast
from tenantry.demo.world import PROPERTY


async def tell(cast: Cast) -> None:
    slug = cast.real("hotel-seaview")
    body = {
        "email": f"night.desk@{slug}.example",
        "name": "Night desk",
        "locale": "fr",
        "org_roles": ["USER"],
        "backoffice_roles": ["front_desk"],
        "properties": [PROPERTY],
    }
    await cast.recorder.ask(cast.operator, "registry", "POST /v1/tenants/{tenant_id}/members", body)
