"""What other services ask the registry."""

from scripts.record_examples.cast import Cast

TENANT = "/internal/v1/directory/tenants/{tenant_id}"


async def tell(cast: Cast) -> None:
    ask, bff = cast.recorder.ask, cast.of_service("bff")
    await ask(bff, "registry", f"GET {TENANT}")
    await ask(bff, "registry", f"GET {TENANT}/devices/{{jkt}}")
    await ask(bff, "registry", f"GET {TENANT}/members/{{member_id}}")
    notifier = cast.of_service("notifier")
    await ask(notifier, "registry", f"GET {TENANT}/recipients", query={"role": "IT_ADMIN"})
