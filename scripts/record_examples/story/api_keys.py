"""A key for the tenant's own programs is issued, checked by the product, rotated, found in the open and revoked."""

from scripts.record_examples.cast import Cast

KEYS = "/v1/tenants/{tenant_id}/api-keys"
KEY = f"{KEYS}/{{key_id}}"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    body = {"name": "Import of notes", "mode": "live", "product": "notetaker", "scopes": ["notes:write"]}
    made = await ask(operator, "registry", f"POST {KEYS}", body)
    cast.recorder.ids["key_id"] = made["key_id"]
    await ask(operator, "registry", f"GET {KEYS}", query={"page_size": 10})
    await ask(operator, "registry", f"GET {KEY}")
    asked = {"key": made["key"], "scope": "notes:write"}
    notetaker = cast.of_service("product:notetaker")
    await ask(notetaker, "registry", "POST /internal/api-keys/verify", asked)
    rotation = {"overlap_hours": 24}
    successor = await ask(operator, "registry", f"POST {KEY}/rotation", rotation, match=KEY)
    await ask(operator, "registry", f"DELETE {KEY}", match=KEY)
    await ask(cast.nobody, "registry", "POST /v1/api-keys/report-leak", {"key": successor["key"]})
