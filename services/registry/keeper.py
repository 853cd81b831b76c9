"""Keeps the bucket of flags and version floors equal to the tables: one active process, the others stand by.

Rows are read after the bucket's keys, and each key is written only if it still is as it was read. So whatever is written
is at least as new as what it replaces, however many keepers believe that they are the one.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from chassis.bucket import Bucket, Entry, Overtaken
from chassis.bus import Bus, BusUnavailable
from chassis.db import Database, Leader, ReadTx, rows
from chassis.errors import Transient
from contracts.flags import DECLARED, FLAGS
from contracts.settings import PLATFORM, PREFIX, STREAM, Setting, UnreadableSetting, flag_key, floor_key
from services.registry.flags.store import queries as flags
from services.registry.floors.model import floor_of
from services.registry.floors.store import queries as floors
from services.registry.versions import newest_of

log = structlog.get_logger(__name__)

CHANNEL = "registry_settings"
"""What the tables' triggers notify when a change commits."""
CrashPoint = Callable[[str], Awaitable[None]]


async def _nothing(_: str) -> None:
    """Nobody crashes here outside tests."""


class Keeper:
    """A part of the runtime. `at` is called with the name of each step, so that a test can end the process there."""

    name = "settings-keeper"

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        every: float = 5.0,
        retry: float = 0.5,
        at: CrashPoint = _nothing,
    ) -> None:
        """Seconds: the whole bucket is read again every `every`; after a failure it is tried again in `retry`."""
        self._database = database
        self._bus = bus
        self._bucket = Bucket(bus, STREAM, PREFIX)
        self._every = every
        self._retry = retry
        self._at = at
        self._awake = asyncio.Event()
        self._held: dict[str, Entry] | None = None
        self._read_at = 0.0
        self._connections = 0
        self._is_leading = False

    async def run(self) -> None:
        """Lead when nobody else does, until cancelled."""
        self._bus.on_connected(self._awake.set)
        await self._database.wait_ready()
        while True:
            try:
                async with self._database.leadership(f"{self._database.service}:{self.name}") as leader:
                    await self._lead(leader)
            except (Transient, OSError) as error:
                log.info("keeper.waiting", error=str(error))
            self._is_leading = False
            await asyncio.sleep(self._retry)

    def status(self) -> dict[str, Any]:
        """For health: whether this process leads, how many keys it keeps, how long ago it read them all."""
        if not self._is_leading or self._held is None:
            return {"leading": self._is_leading}
        age = round(time.monotonic() - self._read_at, 1)
        return {"leading": True, "keys": len(self._held), "read_seconds_ago": age}

    async def _lead(self, leader: Leader) -> None:
        self._held = None
        self._is_leading = True
        async with woken_by(leader, self._awake):
            while await leader.holds():
                self._awake.clear()
                try:
                    await self._bus.wait_connected()
                    await self.keep(ReadTx(leader.connection, self._database.service))
                    await self._pause(self._every)
                except BusUnavailable as error:
                    self._held = None
                    log.warning("keeper.refused", error=str(error))
                    await asyncio.sleep(0 if isinstance(error, Overtaken) else self._retry)

    async def keep(self, tx: ReadTx) -> None:
        """Once: bring every key in line with the tables. Raises Overtaken, BusUnavailable."""
        held = await self._known()
        wanted = await wanted_of(tx)
        await self._at("wanted")
        for key, setting in wanted.items():
            await self._put(tx, key, setting, held)
        for key in [key for key, entry in held.items() if key not in wanted and entry.data is not None]:
            held[key] = Entry(await self._bucket.remove(key, held[key].revision), None)
            log.info("keeper.removed", key=key)

    async def _known(self) -> dict[str, Entry]:
        """The bucket as we left it; read anew after a reconnection, and now and then, for it may have been lost."""
        is_old = time.monotonic() - self._read_at >= self._every or self._connections != self._bus.connections
        if self._held is None or is_old:
            self._connections = self._bus.connections
            self._held, self._read_at = await self._bucket.read(), time.monotonic()
        return self._held

    async def _put(self, tx: ReadTx, key: str, setting: Setting, held: dict[str, Entry]) -> None:
        entry = held.get(key, Entry(0, None))
        if (there := version_in(entry)) > setting.row_version:
            # Read after the bucket, the table can only be older if it was set back: to a backup, or to nothing.
            log.warning("keeper.table_was_set_back", key=key, bucket=there, table=setting.row_version)
            await lift(tx, key, there + 1)
            raise Overtaken(f"{key}: made newer than the bucket; read both again")
        if entry.data != setting.data():
            held[key] = Entry(await self._bucket.put(key, setting.data(), entry.revision), setting.data())
            await self._at("put")

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()


@contextlib.asynccontextmanager
async def woken_by(leader: Leader, awake: asyncio.Event) -> AsyncIterator[None]:
    """`awake` is set when a change commits anywhere, and when the connection, and the leadership with it, is lost."""

    def wake(*_: object) -> None:
        awake.set()

    leader.connection.add_termination_listener(wake)
    await leader.connection.add_listener(CHANNEL, wake)
    try:
        yield
    finally:
        leader.connection.remove_termination_listener(wake)


async def wanted_of(tx: ReadTx) -> dict[str, Setting]:
    """What the bucket should hold: floors, then every declared flag of the platform, set or not, and tenants' values."""
    found: dict[str, Setting] = {}
    for row in await rows(floors.all_floors(tx)):
        key = floor_key(row["platform"], row["channel"], row["tenant_id"])
        found[key] = Setting(row_version=row["row_version"], value=floor_of(row).told())
    found |= {flag_key(flag.name, None): Setting(row_version=0, value=None) for flag in DECLARED}
    for row in await rows(flags.all_flags(tx)):
        if row["name"] in FLAGS:
            key = flag_key(row["name"], row["tenant_id"])
            found[key] = Setting(row_version=row["row_version"], value=row["value"])
    return found


def version_in(entry: Entry) -> int:
    """The version that a key carries; −1 where there is none, or nothing that can be read."""
    try:
        return -1 if entry.data is None else Setting.read(entry.data).row_version
    except UnreadableSetting:
        return -1


async def lift(tx: ReadTx, key: str, least: int) -> None:
    """Make the row behind a key newer than what the bucket knows, without changing what it says."""
    now = datetime.now(UTC)
    newest = max(least, newest_of(now))
    kind, scope, *names = key.split(".")
    told = {"tenant_id": None if scope == PLATFORM else UUID(scope), "newest": newest}
    if kind == "flag":
        await flags.lift_flag(tx, **told, name=names[0], changed_at=now)
    else:
        await floors.lift_floor(tx, **told, platform=names[0], channel=names[1])
