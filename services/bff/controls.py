"""What open streams are told of the present: the kill switch and the version floors. Derived when needed, stored nowhere.

A change is heard from what is watched and reaches the streams in slices, so that many of them hold up nobody.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any

from chassis.clock import Clock
from chassis.switches import NotToldYet, Switches
from services.bff.bounds import DISABLED_SECONDS
from services.bff.door import KILL_SWITCH
from services.bff.frames import control_frame
from services.bff.hub import SLICE, Hub, Stream
from services.bff.versions import CHANNEL, standing

FAR = datetime.max.replace(tzinfo=UTC)


class Controls:
    """A part of the runtime: until it is cancelled."""

    name = "controls"

    def __init__(self, hub: Hub, switches: Switches, clock: Clock) -> None:
        self._hub = hub
        self._switches = switches
        self._clock = clock
        self._changed: set[str] = set()
        self._awake = asyncio.Event()
        self._in_force_at: datetime | None = None
        """When the next floor that somebody here is below comes into force."""

    def settings_changed(self, key: str) -> None:
        """To be called with every key that changes."""
        self._changed.add(key)
        self._awake.set()

    async def run(self) -> None:
        while True:
            await self._wait()
            keys, self._changed = self._changed, set()
            if any(key.endswith(f".{KILL_SWITCH}") for key in keys):
                self._hub.wake_all()
                await self._tell_all(floors=False)
            if any(key.startswith("floor.") for key in keys):
                await self._tell_all(floors=True)

    async def _wait(self) -> None:
        """For a change, or for a floor to come into force."""
        at = self._in_force_at
        pause = None if at is None else max(0.0, (at - self._clock.now()).total_seconds())
        try:
            async with asyncio.timeout(pause):
                await self._awake.wait()
        except TimeoutError:
            self._in_force_at = None
            self._changed.add("floor.")
        self._awake.clear()

    async def _tell_all(self, *, floors: bool) -> None:
        for count, stream in enumerate(self._hub.all_streams(), 1):
            if floors:
                self._tell_version(stream)
            else:
                self._end_if_disabled(stream)
            if count % SLICE == 0:
                await asyncio.sleep(0)

    def check(self, stream: Stream) -> None:
        """For one that was just attached: it was admitted a while ago, and has to know how its version stands."""
        self._end_if_disabled(stream)
        self._tell_version(stream)

    def _end_if_disabled(self, stream: Stream) -> None:
        """A flag that was taken out of the bucket says nothing: who is here was let in by its last value."""
        with contextlib.suppress(NotToldYet):
            if self._switches.value(KILL_SWITCH, stream.tenant_id) is True:
                return
            told = control_frame("tenant.disabled", {"retry_after": DISABLED_SECONDS})
            self._hub.say_bye(stream, "disabled", told)

    def _tell_version(self, stream: Stream) -> None:
        """What is below a floor is told; to refuse it is the door's."""
        platform, version = stream.app
        floor: dict[str, Any] | None = self._switches.floors(stream.tenant_id).get(f"{platform}/{CHANNEL}")
        if floor is None or stream.room is None:
            return
        now, in_force_at = self._clock.now(), datetime.fromisoformat(floor["effective_at"])
        found = standing(floor, version, now)
        if found != "good" and in_force_at > now and in_force_at < (self._in_force_at or FAR):
            self._in_force_at = in_force_at
            self._awake.set()
        if found != "good":
            told = {name: floor[name] for name in ("advise", "enforce", "effective_at", "message", "url")}
            self._hub.tell(stream, f"version.{found}", told)
