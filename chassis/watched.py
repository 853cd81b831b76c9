"""The last word on every key of a bucket, in this process: heard as it is written, read whole behind that.

Absent means last known: a bucket that is away, empty or begins anew changes nothing here. Only a newer version replaces a
value, and only a marker of its removal makes it forgotten. What cannot be read, or is no value that its key may have, is
said and changes nothing either. What is known is kept in the service's own database, so that a process which starts
without the bus goes on with it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from nats.aio.msg import Msg

from chassis.bucket import Bucket
from chassis.bus import BusUnavailable
from chassis.clock import Clock
from chassis.db import Database, load_queries, rows
from chassis.errors import Transient
from chassis.setting_values import fault_in
from contracts.settings import Setting, UnreadableSetting

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("watched.sql"))


class Watched:
    """A part of the runtime."""

    name = "settings"

    def __init__(
        self, bucket: Bucket, database: Database, clock: Clock, *, every: float = 30.0, retry: float = 0.5
    ) -> None:
        """Seconds: the whole bucket is read every `every`; after a failure it is tried again in `retry`."""
        self._bucket = bucket
        self._database = database
        self._clock = clock
        self._every = every
        self._retry = retry
        self._known: dict[str, Setting] = {}
        self._unreadable: set[str] = set()
        """Keys whose newest value was not taken."""
        self._unsaved: dict[str, Setting | None] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._awake = asyncio.Event()
        self._is_recalled = False
        self._confirmed_at: datetime | None = None
        self._read_on = 0
        """The connection on which the bucket was last read whole."""
        self._due_at = 0.0
        """When it is read again, by the monotonic clock."""
        self._heard: set[str] = set()
        """Keys that were heard since it was last begun to be read."""

    @property
    def known(self) -> Mapping[str, Setting]:
        return self._known

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Called with the key of every value that changes."""
        self._listeners.append(listener)

    @property
    def is_live(self) -> bool:
        """Whether changes are heard now, with nothing missed before."""
        return self._bucket.bus.is_connected and self._read_on == self._bucket.bus.connections

    def status(self) -> dict[str, Any]:
        """For health: whether changes are heard, how old what is known is at most, and how many values were not taken."""
        age = None if self._confirmed_at is None else (self._clock.now() - self._confirmed_at).total_seconds()
        return {
            "live": self.is_live,
            "keys": len(self._known),
            "unreadable": len(self._unreadable),
            "age_seconds": age,
        }

    async def run(self) -> None:
        """Until cancelled."""
        self._bucket.bus.on_connected(self._awake.set)
        await self._bucket.bus.listen(f"{self._bucket.prefix}>", self._hear)
        while True:
            self._awake.clear()
            steps = [await self._tried(step) for step in (self._read, self._recall, self._save)]
            pause = max(self._due_at - time.monotonic(), 0) if all(steps) else self._retry
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._awake.wait()

    async def _tried(self, step: Any) -> bool:
        try:
            await step()
        except Transient as error:
            log.warning("settings.waiting", error=str(error))
            return False
        return True

    async def _recall(self) -> None:
        """Once: what processes of this service knew before; what cannot be read in the bucket stays said."""
        if self._is_recalled:
            return
        async with self._database.worker() as tx:
            found = await rows(queries.known_settings(tx))
        self._is_recalled, unsaved, unreadable = True, dict(self._unsaved), set(self._unreadable)
        for row in found:
            setting = Setting(row_version=row["row_version"], value=row["value"])
            self._take(row["key"], setting.data())
        self._unsaved = unsaved
        self._unreadable |= unreadable
        if found and self._confirmed_at is None:
            self._confirmed_at = max(row["known_at"] for row in found)

    async def _read(self) -> None:
        """The whole bucket, on every connection and now and then; what it does not hold stays as it is known."""
        bus = self._bucket.bus
        connections, asked_at = bus.connections, self._clock.now()
        if self._read_on == connections and time.monotonic() < self._due_at:
            return
        self._heard.clear()
        try:
            found = await self._bucket.read()
        except BusUnavailable:
            self._read_on = 0
            raise
        for key, entry in found.items():
            if entry.data is not None or key not in self._heard:  # a marker may be older than what was heard
                self._take(key, entry.data)
        self._read_on, self._confirmed_at = connections, asked_at
        self._due_at = time.monotonic() + self._every

    async def _hear(self, message: Msg) -> None:
        """Values are good even where the bucket refused them, for they say how new they are; a marker does not.

        So a marker only makes us look, when the bucket has had the time to store it.
        """
        key, data = self._bucket.heard(message)
        if data is None:
            self._due_at = min(self._due_at, time.monotonic() + self._retry)
        else:
            self._heard.add(key)
            self._take(key, data)
        self._awake.set()

    def _take(self, key: str, data: bytes | None) -> None:
        """A value, or the marker of its removal, however it came and however old it is."""
        if data is None:
            self._unreadable.discard(key)
            if self._known.pop(key, None) is not None:
                self._changed(key, None)
            return
        try:
            self._learn(key, Setting.read(data))
        except UnreadableSetting as error:
            self._unreadable.add(key)
            log.warning("settings.unreadable", key=key, error=str(error), kept=key in self._known)

    def _learn(self, key: str, setting: Setting) -> None:
        """Raises UnreadableSetting for a newer value that is none."""
        known = self._known.get(key)
        if known is not None and known.row_version > setting.row_version:
            return
        if (fault := fault_in(key, setting.value)) is not None:
            raise UnreadableSetting(fault)
        self._unreadable.discard(key)
        if known is None or known.row_version < setting.row_version:
            self._known[key] = setting
            self._changed(key, setting)

    def _changed(self, key: str, setting: Setting | None) -> None:
        self._unsaved[key] = setting
        for listener in self._listeners:
            listener(key)

    async def _save(self) -> None:
        """Keep what was learnt; a newer value that another process kept stays."""
        told = dict(sorted(self._unsaved.items()))
        if not told or not self._is_recalled:
            return
        kept = {key: setting for key, setting in told.items() if setting is not None}
        async with self._database.worker() as tx:
            await queries.know_settings(
                tx,
                keys=list(kept),
                row_versions=[setting.row_version for setting in kept.values()],
                values=[setting.value for setting in kept.values()],
                known_at=self._clock.now(),
            )
            await queries.forget_settings(tx, keys=[key for key in told if key not in kept])
        self._unsaved = {
            key: setting for key, setting in self._unsaved.items() if told.get(key) is not setting
        }
