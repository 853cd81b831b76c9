"""The tenant's properties: one in use, one that is given up."""

from scripts.record_examples.cast import Cast
from tenantry.demo.world import PROPERTY

PROPERTIES = "/v1/tenants/{tenant_id}/properties"
ONE = f"{PROPERTIES}/{{code}}"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    cast.recorder.ids["code"] = PROPERTY
    harbour = {"code": PROPERTY, "name": "Harbour", "time_zone": "Europe/Berlin"}
    await ask(operator, "registry", f"POST {PROPERTIES}", harbour)
    await ask(operator, "registry", f"GET {PROPERTIES}", query={"page_size": 10})
    await ask(operator, "registry", f"GET {ONE}")
    changed = {"name": "Seaview Harbour", "time_zone": "Europe/Paris"}
    await ask(operator, "registry", f"PATCH {ONE}", changed, match=ONE)
    annex = {"code": "annex", "name": "Annex"}
    await ask(operator, "registry", f"POST {PROPERTIES}", annex, is_kept=False)
    await ask(operator, "registry", f"DELETE {ONE}", match=ONE, code="annex")
