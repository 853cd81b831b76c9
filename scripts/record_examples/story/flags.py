"""A flag is set for the tenant, and cleared."""

from scripts.record_examples.cast import Cast

FLAG = "/v1/flags/{name}"


async def tell(cast: Cast) -> None:
    ask, operator, ids = cast.recorder.ask, cast.operator, cast.recorder.ids
    ids["name"] = "theme_bundle"
    of_tenant = {"tenant_id": ids["tenant_id"]}
    value = {"value": "sea-blue", "reason": "The customer's colours"}
    await ask(operator, "registry", f"PUT {FLAG}", value, query=of_tenant, match=FLAG)
    await ask(operator, "registry", "GET /v1/flags", query=of_tenant)
    await ask(operator, "registry", f"GET {FLAG}", query=of_tenant)
    await ask(operator, "registry", f"GET {FLAG}/history", query=of_tenant)
    await ask(operator, "registry", f"GET {FLAG}/overrides")
    cleared = {**of_tenant, "reason": "Back to the standard"}
    await ask(operator, "registry", f"DELETE {FLAG}", query=cleared, match=FLAG)
