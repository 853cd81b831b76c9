"""A version floor is looked at before it is set for the tenant, and cleared."""

from scripts.record_examples.cast import Cast

FLOOR = "/v1/version-floors/{platform}/{channel}"


async def tell(cast: Cast) -> None:
    ask, operator, ids = cast.recorder.ask, cast.operator, cast.recorder.ids
    ids |= {"platform": "windows", "channel": "preview"}
    of_tenant = {"tenant_id": ids["tenant_id"]}
    floor = {
        "advise": "4.12.0",
        "enforce": "4.10.0",
        "latest": "4.13.1",
        "block": ["4.11.2"],
        "effective_at": cast.instant(7),
        "message": "Please update before the weekend",
        "url": "https://downloads.tenantry.example/desktop",
        "unknown": "allow",
    }
    await ask(operator, "registry", f"POST {FLOOR}/preview", floor, query=of_tenant)
    reasoned = {**floor, "reason": "4.11.2 loses notes"}
    await ask(operator, "registry", f"PUT {FLOOR}", reasoned, query=of_tenant, match=FLOOR)
    await ask(operator, "registry", "GET /v1/version-floors", query=of_tenant)
    await ask(operator, "registry", f"GET {FLOOR}", query=of_tenant)
    await ask(operator, "registry", f"GET {FLOOR}/history", query=of_tenant)
    cleared = {**of_tenant, "reason": "4.11.2 was withdrawn"}
    await ask(operator, "registry", f"DELETE {FLOOR}", query=cleared, match=FLOOR)
