"""Somebody shows the demo tenant, which is put back afterwards."""

from datetime import UTC, datetime
from typing import Any

from scripts.record_examples.cast import Cast

DEMO = "/v1/demo"


async def tell(cast: Cast) -> None:
    """Before a product enters the catalogue that is not there to put its part back."""
    ask, operator = cast.recorder.ask, cast.operator
    await ask(operator, "registry", f"POST {DEMO}/lease", {"minutes": 60})
    await ask(operator, "registry", f"POST {DEMO}/reset")
    await ask(operator, "registry", f"GET {DEMO}", title="while it is shown")
    await ask(operator, "registry", f"DELETE {DEMO}/lease")
    await ask(operator, "registry", f"GET {DEMO}", title="put back", until=is_put_back)


def is_put_back(shown: dict[str, Any]) -> bool:
    is_settled = datetime.fromisoformat(shown["next_reset_at"]) > datetime.now(UTC)
    return is_settled and shown["last_reset"] is not None
