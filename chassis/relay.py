"""The relay: numbers what was written, then publishes it in that order. One is active per lane, others stand by.

Numbers are committed before anything reaches the wire, so a restart finds the same ones. The stream's last message says
how far we came; a stream that knows more than this database means that the database was restored: a new epoch begins.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import asyncpg
import orjson
import structlog

from chassis import outbox
from chassis.bus import Bus, BusUnavailable
from chassis.clock import Clock
from chassis.db import RETRY_SECONDS, Database, Leader
from chassis.errors import Transient
from chassis.ids import uuid7
from chassis.outbox import Lane
from chassis.publisher import Outgoing, Publisher
from contracts.catalogue import HEARTBEATS
from contracts.envelope import SEQUENCE_DIGITS
from contracts.subjects import source_of

log = structlog.get_logger(__name__)

IN_FLIGHT = 4
"""How many batches are on their way at once."""

CrashPoint = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Times in seconds."""

    batch: int = 1000
    """How many events are published at once."""
    window: int = 100_000
    """How many rows get their numbers in one transaction."""
    poll: float = 0.2
    """How long a row may wait whose wake-up was lost, or came from a process without a relay."""
    retry: float = 0.5
    heartbeat: float = 30.0
    note_progress: float = 1.0
    """How often the published position is noted in the database, for the day on which the stream is lost."""


@dataclass(slots=True)
class RelayState:
    """Where the relay stands: the numbering, the last number given, the last one known to be in the stream."""

    epoch: str
    last_seq: int
    published_seq: int


async def _nothing(_: str) -> None:
    """Nobody crashes here outside tests."""


class Relay:
    """A part of the runtime. `at` is called with the name of each step, so that a test can end the process there."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        lane: Lane,
        clock: Clock,
        settings: RelaySettings | None = None,
        *,
        at: CrashPoint = _nothing,
    ) -> None:
        self.name = f"relay-{lane.name}"
        self._database = database
        self._bus = bus
        self._lane = lane
        self._clock = clock
        self._settings = settings or RelaySettings()
        self._at = at
        self._publisher = Publisher(bus, lane.stream)
        self._channel = f"{database.service}:{self.name}"
        self._awake = asyncio.Event()
        self._state: RelayState | None = None
        self._noted = (0.0, 0)
        self._heartbeat_at = 0.0

    async def run(self) -> None:
        """Lead when nobody else does, until cancelled."""
        await self._database.wait_ready()
        waking = outbox.wakes(self._database.service, self._lane.name)
        waking.add(self._awake)
        try:
            while True:
                try:
                    async with self._database.leadership(self._channel, self._stand_by) as leader:
                        await leader.connection.add_listener(self._channel, self._on_wake)
                        await self._lead(leader)
                except (Transient, OSError) as error:
                    log.info("relay.waiting", lane=self._lane.name, error=str(error))
                self._state = None
                await asyncio.sleep(self._settings.retry)
        finally:
            waking.discard(self._awake)

    def status(self) -> dict[str, Any]:
        """For health: whether this process leads, and how far it came."""
        if self._state is None:
            return {"lane": self._lane.name, "leading": False}
        return {
            "lane": self._lane.name,
            "leading": True,
            "epoch": self._state.epoch,
            "numbered": self._state.last_seq,
            "published": self._state.published_seq,
        }

    def _on_wake(self, *_: object) -> None:
        self._awake.set()

    async def _stand_by(self, connection: asyncpg.Connection) -> None:
        """Pass on to the leader, in another process, what this process wrote: one notification for all that waits."""
        await self._pause(RETRY_SECONDS)
        if self._awake.is_set():
            self._awake.clear()
            # Nothing is lost with a notification that a crash swallows, so nobody waits for the disk.
            await connection.execute(f'set local synchronous_commit = off; notify "{self._channel}"')

    async def _lead(self, leader: Leader) -> None:
        pause = shortest = self._settings.retry / 10
        while await leader.holds():
            await self._bus.wait_connected()
            try:
                state = await self._resume(leader)
                pause, self._state = shortest, state
                await self._work(leader, state)
            except BusUnavailable as error:
                log.warning("relay.publish_refused", lane=self._lane.name, error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._settings.retry)

    async def _work(self, leader: Leader, state: RelayState) -> NoReturn:
        """Publish what is numbered and not in the stream, then number and publish for ever."""
        log.info("relay.leading", lane=self._lane.name, epoch=state.epoch, seq=state.last_seq)
        handed = state.published_seq
        publishing: deque[asyncio.Task[None]] = deque()
        try:
            while True:
                self._awake.clear()
                await self._beat()
                if handed == state.last_seq:
                    await self._number(leader, state)
                rows = await self._numbered(leader, state, handed)
                while publishing and (publishing[0].done() or len(publishing) == IN_FLIGHT):
                    await publishing.popleft()
                await self._note_progress(leader, state)
                if rows:
                    # The next rows are numbered and follow while these are on their way: half of what an event would wait.
                    publishing.append(asyncio.create_task(self._publish(state, rows)))
                    handed = rows[-1]["seq"]
                elif handed < state.last_seq:
                    # Bodies past their window are gone; what is left to publish starts behind them.
                    while publishing:
                        await publishing.popleft()
                    handed = state.published_seq = state.last_seq
                else:
                    await self._pause(self._settings.poll)
        finally:
            for task in publishing:
                task.cancel()
            await asyncio.gather(*publishing, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes with the wake-up.
            async with asyncio.timeout(seconds):
                await self._awake.wait()

    async def _publish(self, state: RelayState, rows: Sequence[Any]) -> None:
        batch = [self._outgoing(state.epoch, row) for row in rows]
        await self._publisher.send(batch)
        await self._at("published")
        state.published_seq = batch[-1].seq

    def _outgoing(self, epoch: str, row: Any) -> Outgoing:
        return Outgoing(row["seq"], row["subject"], numbered_headers(row, epoch), row["payload"])

    async def _number(self, leader: Leader, state: RelayState) -> None:
        """Give numbers to what was written since; from a backlog to many rows at once, since each look passes over all."""
        given = await leader.connection.fetchval(
            f"select {self._lane.name}_number($1)",  # lane names are ours
            self._settings.window,
        )
        if given is not None:
            state.last_seq = given
            await self._at("numbered")

    async def _numbered(self, leader: Leader, state: RelayState, after: int) -> list[Any]:
        """The next rows that have a number, a batch at most; none when all have been handed on."""
        if after == state.last_seq:
            return []
        return await leader.connection.fetch(
            f"select * from {self._lane.name}_numbered($1, $2, $3, $4)",  # noqa: S608
            state.epoch,
            after + 1,
            state.last_seq,
            self._settings.batch,
        )

    async def _resume(self, leader: Leader) -> RelayState:
        """Read where the stream stands, from the server that leads it, and where the database stands."""
        table = f"{self._lane.name}_relay"
        row: Any = await leader.connection.fetchrow(f"select * from {table}")  # noqa: S608  # lane names are ours
        cluster = str(await leader.connection.fetchval("select system_identifier from pg_control_system()"))
        last = await self._publisher.read_last()
        why = await self._why_new_epoch(leader, row, cluster, last)
        if why is not None:
            epoch, counted = uuid7().hex, 0
            async with leader.connection.transaction(isolation="repeatable_read"):
                counted = await leader.connection.fetchval(
                    "select begin_epoch($1, $2, $3, $4)", self._lane.name, epoch, why, cluster
                )
            log.warning("relay.new_epoch", lane=self._lane.name, epoch=epoch, reason=why, renumbered=counted)
            return RelayState(epoch, counted, 0)
        published = row["published_seq"]
        if last is not None and last[0] == row["epoch"]:
            published = last[1]
        return RelayState(row["epoch"], row["last_seq"], published)

    async def _why_new_epoch(  # noqa: PLR0911  # one return per reason, in the order in which they are looked at
        self, leader: Leader, row: Any, cluster: str, last: tuple[str, int, str] | None
    ) -> str | None:
        """A reason for a new numbering, or None: same database, and the stream holds nothing that it does not know."""
        if not row["epoch"]:
            return "first start"
        if row["cluster_id"] != cluster:
            return "the database was moved to another cluster"
        if await leader.connection.fetchval(
            "select pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())",
            row["seen"],
        ):
            return "transaction ids began anew"
        if last is None:
            return None
        epoch, seq, event_id = last
        if epoch != row["epoch"]:
            known = await leader.connection.fetchval(
                f"select count(*) from {self._lane.name}_epoch where epoch = $1",  # noqa: S608
                epoch,
            )
            return None if known else "the stream is ahead: it knows an epoch that the database does not"
        if seq > row["last_seq"]:
            return f"the stream is ahead: it holds number {seq}, the database gave {row['last_seq']}"
        ours = await leader.connection.fetchval(
            f"select o.event_id::text from {self._lane.name}_sequence s join {self._lane.name} o"  # noqa: S608
            " on (o.created_day, o.id) = (s.outbox_day, s.outbox_id) where s.epoch = $1 and s.seq = $2",
            epoch,
            seq,
        )
        if ours is not None and ours != event_id:
            return f"the stream differs: number {seq} is another event there"
        return None

    async def _note_progress(self, leader: Leader, state: RelayState) -> None:
        """Remember how far the stream has it; used only if the stream itself is lost or the database restored."""
        at, seq = self._noted
        if state.published_seq == seq or time.monotonic() - at < self._settings.note_progress:
            return
        await leader.connection.execute(
            f"update {self._lane.name}_relay set published_seq = $1 where epoch = $2",  # noqa: S608
            state.published_seq,
            state.epoch,
        )
        self._noted = (time.monotonic(), state.published_seq)

    async def _beat(self) -> None:
        """Tell the last number regularly, so that consumers see a hole at the end."""
        state = self._state
        if self._lane.name != "outbox" or state is None or time.monotonic() < self._heartbeat_at:
            return
        self._heartbeat_at = time.monotonic() + self._settings.heartbeat
        service = self._database.service
        heartbeat = HEARTBEATS[service](source=source_of(service), epoch=state.epoch, last_seq=state.last_seq)  # type: ignore[call-arg]
        async with self._database.worker() as tx:
            await outbox.add(tx, heartbeat, aggregate_version=state.last_seq)


def numbered_headers(row: Any, epoch: str) -> dict[str, str]:
    """The stored headers with the place that the relay gave."""
    headers: dict[str, str] = orjson.loads(row["headers"])
    headers["ce-sequence"] = f"{row['seq']:0{SEQUENCE_DIGITS}d}"
    headers["ce-sourceepoch"] = epoch
    return headers
