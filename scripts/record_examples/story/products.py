"""An example product of the stack is held against the contract, and acts on the tenant."""

from typing import Any

from scripts.record_examples.cast import Cast

CONFORMANCE = "/v1/products/{key}/conformance"
ACTIONS = "/v1/tenants/{tenant_id}/products/{product}/actions"
PRODUCT = "ai_console"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    await ask(operator, "registry", f"GET {CONFORMANCE}", until=is_probed, key=PRODUCT)
    await ask(operator, "registry", f"POST {CONFORMANCE}", key=PRODUCT)
    confirmed = {"confirm": cast.real("hotel-seaview")}
    act = f"POST {ACTIONS}/{{action}}"
    usual, final = "can be repeated", "cannot be taken back"
    await ask(operator, "registry", act, {}, title=usual, product=PRODUCT, action="flush_queue")
    await ask(operator, "registry", act, confirmed, title=final, product=PRODUCT, action="reset_state")
    await ask(operator, "registry", f"GET {ACTIONS}", query={"page_size": 10}, product=PRODUCT)


def is_probed(shown: dict[str, Any]) -> bool:
    """The registry has looked by itself, and nobody is looking now."""
    return shown["verdict"] == "conformant" and not shown["is_running"]
