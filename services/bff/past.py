"""What FEED holds from before a process's time.

Single questions go to the leader, whose answers are the truth. Pages come from any replica, one that lags too: so each
event must name the one before it, the last one must be the ring's predecessor, and what does not fit the leader is asked.
Sequences mean something in their epoch only: FEED may have been made anew a moment ago and is looked at behind each answer.
"""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg

from chassis import direct
from chassis.bus import Bus, BusUnavailable
from contracts.subjects import FEED, FEED_PREFIX, feed_subject
from services.bff.feed_reader import entry_from, stream_info
from services.bff.ring import Entry, Ring

PAGE = 256
PAGE_BYTES = 131_072
LAG_SECONDS = 0.1
MOST_LAGS = 50


async def pages_of(
    bus: Bus, epoch: str, tenant_id: UUID, after: int, ring: Ring
) -> AsyncGenerator[list[Entry], None]:
    """The tenant's events behind `after` up to the floor of its ring, wherever that moves to: in order, without a hole.

    Raises BusUnavailable, also where the replica that answers goes on lagging, and where FEED is of another epoch.
    """
    subject, place, lags = f"{FEED_PREFIX}.{tenant_id}.>", None, 0
    while after < (until := ring.floor):
        until_place = ring.floor_place
        messages, pending = await direct.page(bus, FEED, subject, after + 1, PAGE, PAGE_BYTES)
        await stream_info(bus, epoch)
        found = [entry_of_past(message, epoch) for message in messages]
        entries = [entry for entry in found if entry.seq <= until]
        for entry in entries:
            if place is not None and entry.place != place + 1:
                await _require_next(bus, subject, after, entry.seq)
            after, place = entry.seq, entry.place
        if entries:
            yield entries
        if pending and len(entries) == len(found):
            continue
        if (entries and place == until_place) or await _is_all(bus, subject, after, until):
            after = until
        elif (lags := lags + 1) > MOST_LAGS:
            raise BusUnavailable(f"{FEED}: the replica that answers lags behind {until}")
        else:
            await asyncio.sleep(LAG_SECONDS)


async def _require_next(bus: Bus, subject: str, after: int, seq: int) -> None:
    following = await _next(bus, subject, after)
    if following is None or following.seq != seq:
        raise BusUnavailable(f"{FEED}: {seq} does not follow {after}")


async def _is_all(bus: Bus, subject: str, after: int, until: int) -> bool:
    following = await _next(bus, subject, after)
    return following is None or (following.seq or 0) > until


async def first_behind(bus: Bus, tenant_id: UUID, audience: str, seq: int) -> int | None:
    """Number of the audience's first event behind `seq` that the stream holds. Raises BusUnavailable."""
    found = await _next(bus, feed_subject(tenant_id, audience), seq)
    return None if found is None else int((found.headers or {})["feed-n"])


async def has_more(bus: Bus, tenant_id: UUID, after: int, until: int) -> bool:
    """Whether the stream holds anything of the tenant behind `after` up to `until`. Raises BusUnavailable."""
    return not await _is_all(bus, f"{FEED_PREFIX}.{tenant_id}.>", after, until)


async def last_of(bus: Bus, tenant_id: UUID, audience: str) -> tuple[int, int] | None:
    """(sequence, number) of the audience's last event that the stream holds. Raises BusUnavailable."""
    found = await _ask_leader(bus, feed_subject(tenant_id, audience), None)
    return None if found is None else (found.seq or 0, int((found.headers or {})["feed-n"]))


async def first_kept(bus: Bus, epoch: str) -> int:
    """The oldest sequence that the stream of that epoch still holds. Raises BusUnavailable."""
    return int((await stream_info(bus, epoch)).state.first_seq)


async def _next(bus: Bus, subject: str, after: int) -> RawStreamMsg | None:
    return await _ask_leader(bus, subject, after + 1)


async def _ask_leader(bus: Bus, subject: str, seq: int | None) -> RawStreamMsg | None:
    """The subject's first message from `seq` on, without one its last."""
    try:
        return await bus.js.get_msg(FEED, seq=seq, subject=subject, next=seq is not None)
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, OSError) as error:
        raise BusUnavailable(f"{FEED}: {error!r}") from error


def entry_of_past(message: Msg, epoch: str) -> Entry:
    headers = message.headers or {}
    return entry_from(headers, message.data, int(headers["Nats-Sequence"]), epoch)
