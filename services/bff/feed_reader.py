"""Reads FEED once per process into the hub."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from uuid import UUID

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy, StreamInfo

from chassis.bus import Bus, BusUnavailable
from chassis.errors import Transient
from contracts.bff import SessionClosedV1, SessionReplacedV1
from contracts.registry import (
    DeviceRevokedV1,
    MemberDeactivatedV1,
    MemberJoinedV1,
    MemberScopeChangedV1,
    TenantArchivedV1,
)
from contracts.subjects import FEED, FEED_PREFIX
from services.bff.frames import Cursor, event_frame
from services.bff.hub import Hub
from services.bff.ring import Entry

log = structlog.get_logger(__name__)
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.2
BEHIND_SECONDS = 0.01
ENDS = {
    MemberScopeChangedV1.type: "resync",
    MemberJoinedV1.type: "resync",  # said again of a member that was added again, with another scope perhaps
    DeviceRevokedV1.type: "session.revoked",
    MemberDeactivatedV1.type: "session.revoked",
    TenantArchivedV1.type: "tenant.disabled",
    SessionClosedV1.type: "session.revoked",
    SessionReplacedV1.type: "bye",
}
"""Events after which a stream may no longer be what it was opened as, and what it is told."""


class FeedNotRead(Transient):
    """This process does not read the feed, or has not caught up with it."""


async def position_of(bus: Bus, warm_messages: int) -> tuple[str, int, int]:
    """(epoch, sequence to read behind, last sequence) of the stream. Raises BusUnavailable."""
    info = await stream_info(bus)
    created, state = info.created, info.state
    epoch = f"{int(created.timestamp() * 1000):x}" if created is not None else "0"
    return epoch, max(state.first_seq - 1, state.last_seq - warm_messages, 0), state.last_seq


async def stream_info(bus: Bus) -> StreamInfo:
    """Raises BusUnavailable."""
    try:
        return await bus.js.stream_info(FEED)
    except (nats.errors.Error, OSError) as error:
        raise BusUnavailable(f"{FEED}: {error!r}") from error


class FeedReader:
    """One ordered consumer with a callback; the library makes it anew after a gap or a lost server."""

    name = "feed-reader"

    def __init__(self, bus: Bus, hub: Hub, warm_messages: int) -> None:
        self._bus = bus
        self.hub = hub
        self._warm = warm_messages
        self.opened = asyncio.Event()
        self._pending = 0
        self._delay = 0.0

    def status(self) -> dict[str, object]:
        """For health: whether FEED is read, how many messages wait there, and how old the last one was when it came."""
        return {
            "reading": self.opened.is_set(),
            "head": self.hub.head,
            "pending": self._pending,
            "last_delay_seconds": round(self._delay, 3),
        }

    def check_opened(self) -> None:
        """Raises FeedNotRead."""
        if not self.opened.is_set():
            raise FeedNotRead("the feed is not being read yet")

    def cursor(self) -> str:
        """Where this process stands. Raises FeedNotRead."""
        self.check_opened()
        return str(Cursor(self.hub.epoch, self.hub.head))

    async def run(self) -> None:
        while True:
            await self._bus.wait_connected()
            try:
                await self._follow()
            except (BusUnavailable, nats.errors.Error) as error:
                log.warning("feed.waiting", error=repr(error))
            finally:
                self.opened.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        """Read one stream for as long as it is the same one: another by that name begins a new epoch."""
        epoch, start, last = await position_of(self._bus, self._warm)
        self.hub.begin(epoch, start)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=start + 1)
        subscription = await self._bus.js.subscribe(
            f"{FEED_PREFIX}.>", stream=FEED, ordered_consumer=True, config=config, cb=self._take
        )
        try:
            while self.hub.head < last and self._bus.is_connected:
                await asyncio.sleep(LOOK_SECONDS / 10)
            self.opened.set()
            await self._until_rebuilt(epoch)
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _until_rebuilt(self, epoch: str) -> None:
        """A stream can only be lost with its server, so it is looked at after each new connection."""
        looked_at = self._bus.connections
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if looked_at != self._bus.connections and self._bus.is_connected:
                connections = self._bus.connections
                if (await position_of(self._bus, 0))[0] != epoch:
                    log.warning("feed.rebuilt", was=epoch)
                    return
                looked_at = connections

    async def _take(self, message: Msg) -> None:
        self._pending = message.metadata.num_pending
        self._delay = max(0.0, time.time() - message.metadata.timestamp.timestamp())
        found = entry_of(message, self.hub.epoch)
        if found is None:
            self.hub.passed(message.metadata.sequence.stream)
            return
        while self.hub.is_behind:
            await asyncio.sleep(BEHIND_SECONDS)
        self.hub.take(*found, asyncio.get_running_loop().time())


def entry_from(headers: Mapping[str, str], data: bytes, seq: int, epoch: str) -> Entry:
    """A message of the feed as it is written to streams. Raises KeyError, ValueError for what is none."""
    type_ = headers["feed-type"]
    ends = ENDS.get(type_, "")
    return Entry(
        seq,
        headers["feed-audience"],
        int(headers["feed-n"]),
        event_frame(type_, data, Cursor(epoch, seq)),
        ends,
        headers.get("feed-reason", ends),
        headers.get("feed-session", ""),
        int(headers.get("feed-place", 0)),
    )


def entry_of(message: Msg, epoch: str) -> tuple[UUID, Entry] | None:
    """(tenant, entry) of a feed message; None for what is none."""
    try:
        tenant_id = UUID(message.subject.split(".")[1])
        seq = message.metadata.sequence.stream
        return tenant_id, entry_from(message.headers or {}, message.data, seq, epoch)
    except (KeyError, ValueError, IndexError):
        log.exception("feed.unreadable", subject=message.subject)
        return None
