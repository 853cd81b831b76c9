"""What services ask each other over the bus: a range of a source's outbox, in pages."""

import base64
from dataclasses import dataclass
from typing import Any

import orjson

from chassis.bus import Bus, BusUnavailable
from chassis.pull import Delivery
from contracts.subjects import replay_subject, service_of


class AnswerRefused(BusUnavailable):
    """The source answered, but with an error or with something that is no page."""


@dataclass(frozen=True, slots=True)
class ReplayPage:
    """`next` is the number to go on from; None when the range is through."""

    deliveries: list[Delivery]
    next: int | None


async def ask_replay(
    bus: Bus, source: str, epoch: str, first: int, last: int, limit: int, seconds: float
) -> ReplayPage:
    """One page of what `source` published as numbers first…last of `epoch`. Raises `BusUnavailable`."""
    asked = orjson.dumps({"epoch": epoch, "from": first, "to": last, "limit": limit})
    answer = await bus.request(replay_subject(service_of(source)), asked, timeout=seconds)
    try:
        page: dict[str, Any] = orjson.loads(answer)
        if "error" in page:
            raise AnswerRefused(f"{source} refused a replay: {page['error']}")
        deliveries = [
            Delivery(message["headers"], base64.b64decode(message["data_b64"], validate=True))
            for message in page["messages"]
        ]
        return ReplayPage(deliveries, page.get("next"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnswerRefused(
            f"{source} answered a replay with something that is no page: {error!r}"
        ) from error
