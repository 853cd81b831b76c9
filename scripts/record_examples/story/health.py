"""What every service tells of itself."""

from typing import Any

from contracts.subjects import SERVICES
from scripts.record_examples.cast import Cast


async def tell(cast: Cast) -> None:
    for service in SERVICES:
        await cast.recorder.ask(cast.nobody, service, "GET /livez")
        await cast.recorder.ask(cast.nobody, service, "GET /readyz", until=is_settled)
        await cast.recorder.ask(cast.nobody, service, "GET /v1/about")


def is_settled(shown: dict[str, Any]) -> bool:
    """All parts have caught up."""
    return all(part.get("state", "live") == "live" for part in shown["parts"].values())
