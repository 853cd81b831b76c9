"""Reads FEED: once per process into the hub, live; and, for a client from before our time, the past of one tenant."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy, RawStreamMsg, StreamInfo

from chassis.bus import Bus, BusUnavailable
from contracts.subjects import FEED, FEED_PREFIX, feed_subject
from services.bff.frames import Cursor, event_frame
from services.bff.hub import Hub
from services.bff.ring import Entry

log = structlog.get_logger(__name__)
RETRY_SECONDS = 1.0


async def open_hub(bus: Bus, hub: Hub, warm_messages: int) -> None:
    """Learn epoch and position of the stream before anything is served. Raises BusUnavailable."""
    info = await _stream_info(bus)
    created = info.created
    hub.epoch = f"{int(created.timestamp() * 1000):x}" if created is not None else "0"
    hub.head = hub.started_at = max(info.state.first_seq - 1, info.state.last_seq - warm_messages, 0)


class FeedReader:
    """One ordered consumer with a callback; the library makes it anew after a gap or a lost server."""

    name = "feed-reader"

    def __init__(self, bus: Bus, hub: Hub, warm_messages: int) -> None:
        self._bus = bus
        self._hub = hub
        self._warm = warm_messages
        self.opened = asyncio.Event()

    async def run(self) -> None:
        while True:
            await self._bus.wait_connected()
            try:
                await open_hub(self._bus, self._hub, self._warm)
                break
            except BusUnavailable as error:
                log.warning("feed.waiting", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._hub.started_at + 1
        )
        subscription = await self._bus.js.subscribe(
            f"{FEED_PREFIX}.>", stream=FEED, ordered_consumer=True, config=config, cb=self._take
        )
        self.opened.set()
        try:
            await asyncio.Event().wait()
        finally:
            await subscription.unsubscribe()

    async def _take(self, message: Msg) -> None:
        found = entry_of(message, self._hub.epoch)
        if found is None:
            self._hub.passed(message.metadata.sequence.stream)
        else:
            self._hub.take(*found, asyncio.get_running_loop().time())


async def past_of(bus: Bus, hub: Hub, tenant_id: UUID, after: int, until: int) -> AsyncIterator[Entry]:
    """The tenant's events behind `after` up to `until`, from the stream itself. Raises BusUnavailable."""
    seq = after + 1
    while seq <= until:
        message = await _direct(bus, f"{FEED_PREFIX}.{tenant_id}.>", seq)
        if message is None:
            return
        found = message.seq or 0
        if found > until:
            return
        headers = message.headers or {}
        frame = event_frame(headers["feed-type"], message.data or b"", Cursor(hub.epoch, found))
        yield Entry(found, headers["feed-audience"], int(headers["feed-n"]), frame)
        seq = found + 1


async def first_behind(bus: Bus, tenant_id: UUID, audience: str, seq: int) -> int | None:
    """Number of the audience's first event behind `seq` that the stream holds. Raises BusUnavailable."""
    found = await _direct(bus, feed_subject(tenant_id, audience), seq + 1)
    return None if found is None else int((found.headers or {})["feed-n"])


async def last_of(bus: Bus, tenant_id: UUID, audience: str) -> tuple[int, int] | None:
    """(sequence, number) of the audience's last event that the stream holds. Raises BusUnavailable."""
    found = await _direct(bus, feed_subject(tenant_id, audience), None)
    return None if found is None else (found.seq or 0, int((found.headers or {})["feed-n"]))


async def first_kept(bus: Bus) -> int:
    """The oldest sequence that the stream still holds. Raises BusUnavailable."""
    return int((await _stream_info(bus)).state.first_seq)


async def _direct(bus: Bus, subject: str, seq: int | None) -> RawStreamMsg | None:
    """The subject's first message from `seq` on, without one its last."""
    try:
        return await bus.js.get_msg(FEED, seq=seq, subject=subject, direct=True, next=seq is not None)
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, OSError) as error:
        raise BusUnavailable(f"{FEED}: {error!r}") from error


async def _stream_info(bus: Bus) -> StreamInfo:
    try:
        return await bus.js.stream_info(FEED)
    except (nats.errors.Error, OSError) as error:
        raise BusUnavailable(f"{FEED}: {error!r}") from error


def entry_of(message: Msg, epoch: str) -> tuple[UUID, Entry] | None:
    """(tenant, entry) of a feed message; None for what is none."""
    headers = message.headers or {}
    try:
        tenant_id = UUID(message.subject.split(".")[1])
        seq = message.metadata.sequence.stream
        frame = event_frame(headers["feed-type"], message.data, Cursor(epoch, seq))
        return tenant_id, Entry(seq, headers["feed-audience"], int(headers["feed-n"]), frame)
    except (KeyError, ValueError, IndexError):
        log.exception("feed.unreadable", subject=message.subject)
        return None
