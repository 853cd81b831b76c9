"""Many messages of a stream by one request (NATS ADR-31, batched direct get). Any replica answers, one that lags too."""

import nats.errors
import orjson
from nats.aio.msg import Msg

from chassis.bus import Bus, BusUnavailable

ANSWER_SECONDS = 5.0
LAST = frozenset({"204", "404"})


async def page(
    bus: Bus, stream: str, subject: str, start: int, most: int, most_bytes: int | None = None
) -> tuple[list[Msg], int]:
    """Messages of `subject` from sequence `start` on, at most so many, and how many are left behind them.

    Each carries `Nats-Sequence` and `Nats-Subject` in its headers. Raises BusUnavailable.
    """
    if not bus.is_connected:
        raise BusUnavailable("the bus is not connected")
    asked: dict[str, object] = {"batch": most, "seq": start, "next_by_subj": subject}
    if most_bytes is not None:
        asked["max_bytes"] = most_bytes
    found: list[Msg] = []
    try:
        inbox = bus.nc.new_inbox()
        subscription = await bus.nc.subscribe(inbox)
        try:
            await bus.nc.publish(f"$JS.API.DIRECT.GET.{stream}", orjson.dumps(asked), inbox)
            while True:
                message = await subscription.next_msg(ANSWER_SECONDS)
                headers = message.headers or {}
                if (status := headers.get("Status")) is None:
                    found.append(message)
                elif status in LAST:
                    return found, int(headers.get("Nats-Num-Pending", 0))
                else:
                    raise BusUnavailable(f"{stream}: {status} {headers.get('Description')}")
        finally:
            await subscription.unsubscribe()
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {error!r}") from error
