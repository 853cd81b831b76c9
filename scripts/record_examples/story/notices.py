"""The customer's system and its IT admin are told."""

from scripts.record_examples.cast import Cast

WEBHOOKS = "/v1/tenants/{tenant_id}/webhook-endpoints"


async def subscribe(cast: Cast) -> None:
    """Before something happens."""
    body = {"url": cast.receiver.url, "event_types": ["tenant.*", "entitlements.changed"]}
    made = await cast.recorder.ask(cast.operator, "notifier", f"POST {WEBHOOKS}", body)
    cast.recorder.ids["endpoint_id"] = made["id"]


async def tell(cast: Cast) -> None:
    ask, operator, few = cast.recorder.ask, cast.operator, {"page_size": 3}
    await ask(operator, "notifier", f"GET {WEBHOOKS}")
    await ask(
        operator,
        "notifier",
        "GET /v1/tenants/{tenant_id}/webhook-deliveries",
        query=few,
        until=lambda found: bool(found["deliveries"]),
    )
    mails = "GET /v1/tenants/{tenant_id}/mails"
    await ask(operator, "notifier", mails, query=few, until=lambda found: bool(found["mails"]))
