"""The live stream: one SSE connection, resumed from the stored cursor for as long as the desktop runs.

The event and the cursor are committed together, so an event is applied once although the connection may be cut at any
byte. Each frame names its predecessor in its audience; one that does not follow on means something was missed, and the
stream is opened again from the cursor. Then `hello` says where each audience stood at the cursor: where that is not what
is known here, no replay can bring what is missing, and the application is told to `resync`.

Between two connections it stays away for as long as the server asked: `Retry-After` of a 503 or 429 (RFC 9110 §10.2.3),
else `retry:` of the stream (WHATWG HTML §9.2); some longer, so that desktops do not come back all at once.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent

from desktop.door import Door, refusal_of, wants_nonce
from desktop.errors import NotNow, Offline, Refused
from desktop.store import Store
from desktop.sync import Wait

QUIET_LIMIT_SECONDS = 50.0
"""Two and a half heartbeats of silence: the connection is dead or a proxy holds it back."""
LONGEST_BACKOFF_SECONDS = 30.0
LONGEST_ASKED_SECONDS = 300.0
"""So far a server's word counts: a slip there keeps nobody away for hours."""

OnEvent = Callable[[dict[str, Any]], Awaitable[None] | None]


class MissedEvent(Exception):
    """A frame does not follow the last one of its audience."""


@dataclass
class Backoff:
    """Full jitter between nothing and a ceiling that doubles; `reset` after a good connection."""

    first: float = 1.0
    ceiling: float = 1.0

    def next(self) -> float:
        wait = random.uniform(0, self.ceiling)  # noqa: S311  # spreads reconnects, no secret
        self.ceiling = min(self.ceiling * 2, LONGEST_BACKOFF_SECONDS)
        return wait

    def reset(self) -> None:
        self.ceiling = self.first


class Stream:
    """Follows the feed of this device at `url`; `on_event` sees each event once, `on_control` what carries no id.

    Who opens another desk session gives its stream's address to `url`: the next connection goes there.
    """

    def __init__(
        self,
        door: Door,
        store: Store,
        url: str,
        on_event: OnEvent,
        on_control: OnEvent | None = None,
        wait: Wait = asyncio.sleep,
    ) -> None:
        self._door = door
        self._store = store
        self.url = url
        self._on_event = on_event
        self._on_control = on_control
        self._wait = wait
        self._backoff = Backoff()
        self._retry = 0.0
        """Seconds between connections, as the stream said last."""
        self.opened = asyncio.Event()
        """Set while `hello` has been seen on the present connection."""

    async def run(self) -> None:
        """Stay connected until cancelled or refused for good (raises Refused)."""
        while True:
            url, refusal, asked = self.url, None, 0.0
            try:
                await self._connect_once(url)
            except NotNow as later:
                asked = later.after
            except (Offline, httpx.TransportError, TimeoutError, MissedEvent):
                pass
            except Refused as refused:
                if refused.status != 410:
                    raise
                refusal = refused
            finally:
                self.opened.clear()
            if self.url == url:  # else somebody waits for the stream of the next session
                await self._wait(self._pause(asked))
            if refusal is not None and self.url == url:
                raise refusal  # the session is over, and nobody has opened another one meanwhile

    def _pause(self, asked: float) -> float:
        """Seconds until the next connection; `asked` are those of a refusal, 0 without one."""
        told = min(asked or self._retry, LONGEST_ASKED_SECONDS)
        spread = random.uniform(1, 1.5)  # noqa: S311  # spreads reconnects, no secret
        return max(told * spread, self._backoff.next())

    async def _connect_once(self, url: str) -> None:
        for _attempt in range(2):
            headers = await self._door.headers("GET", url)
            headers["Accept"] = "text/event-stream"
            if cursor := self._store.setting("feed_cursor"):
                headers["Last-Event-ID"] = cursor
            timeout = httpx.Timeout(10.0, read=QUIET_LIMIT_SECONDS)
            async with self._door.http.stream("GET", url, headers=headers, timeout=timeout) as answer:
                self._door.proofs.learn(url, answer.headers)
                if answer.is_success:
                    await self._follow(EventSource(answer))
                    return
                await answer.aread()
                if not wants_nonce(answer):
                    raise refusal_of(answer)

    async def _follow(self, source: EventSource) -> None:
        async for event in source.aiter_sse():
            await self._take(event)

    async def _take(self, event: ServerSentEvent) -> None:
        if event.retry is not None:
            self._retry = event.retry / 1000
        if not event.data:
            return
        data = json.loads(event.data)
        if event.event == "hello":
            holes = self._hello(data, event.id)
            self._backoff.reset()
            self.opened.set()
            if holes:
                await told(self._on_control, {"type": "resync", "reason": "hole", "audiences": holes})
        elif event.event == "hb":
            self._store.set_setting("feed_cursor", event.id)
        elif event.event == "reset":
            with self._store.transaction():
                self._store.forget_feed()
            await told(self._on_control, {"type": "reset", **data})
        elif "seq" not in data:
            await told(self._on_control, {"type": event.event, **data})
        elif self._record(event, data):
            await told(self._on_event, data)

    def _hello(self, data: dict[str, Any], cursor: str) -> list[str]:
        """Take over where each audience stands as of the cursor; answers those of which something was missed.

        An audience that was left and joined again went on meanwhile: its next frame would never follow on.
        """
        holes = []
        with self._store.transaction():
            for audience, seq in data.get("last", {}).items():
                if seq is None or (known := self._store.last_in_audience(audience)) == seq:
                    continue
                self._store.set_last_in_audience(audience, seq)
                if known is not None:
                    holes.append(audience)
            if cursor and self._store.setting("feed_cursor") is None:
                self._store.set_setting("feed_cursor", cursor)
        return sorted(holes)

    def _record(self, event: ServerSentEvent, data: dict[str, Any]) -> bool:
        """Commit event and cursor; False for one seen before. Raises MissedEvent when the predecessor is not ours."""
        audience, seq = data["audience"], int(data["seq"])
        last = self._store.last_in_audience(audience)
        if last is not None and seq <= last:
            return False
        if last is not None and data["prev"] != last:
            raise MissedEvent(f"{audience}: {seq} follows {data['prev']}, the last one here is {last}")
        with self._store.transaction():
            position = int(event.id.rpartition("-")[2])
            self._store.log_event(position, data["id"], audience, data["type"], data)
            self._store.set_last_in_audience(audience, seq)
            self._store.set_setting("feed_cursor", event.id)
        return True


async def told(listener: OnEvent | None, data: dict[str, Any]) -> None:
    """Tell it to a listener, whichever kind of function it is."""
    if listener is not None and (waiting := listener(data)) is not None:
        await waiting
