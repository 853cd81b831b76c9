"""The stream for those whose proxies hold streams back: the same events, ids, filters and guarantees, by asking.

A request that finds nothing waits: the hub wakes it when something is said to one of its audiences. It has no task but
its own, and its waiting costs an entry in the tenant's room.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from services.bff.admission import Admit
from services.bff.api import BASE
from services.bff.audiences import audiences_of
from services.bff.bounds import DISABLED_SECONDS, POLL_BYTES
from services.bff.door import Guest
from services.bff.frames import Cursor, data_of
from services.bff.ring import Entry
from services.bff.rooms import Watch
from services.bff.settings import Settings
from services.bff.streams import SNAPSHOT, NotHere, Streams

NEXT = "Feed-Next"
"""The header that names the cursor of the next request."""


@dataclass
class Found:
    """What one answer holds, and where the next one begins."""

    at: int
    events: list[Entry] = field(default_factory=list)
    size: int = 0
    more: bool = False
    control: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.events and not self.control


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, where the feed stood before the door looked at them, and how much they take."""

    guest: Guest
    seen: Cursor
    session: str
    audiences: frozenset[str]
    limit: int


class Polling:
    """Answers from the ring, or from the stream itself and then the ring."""

    def __init__(self, streams: Streams, most: int) -> None:
        self._streams = streams
        self._hub = streams.hub
        self._most = most
        self._waiting = 0

    async def poll(self, asked: Asked, cursor: str, wait: float) -> tuple[Found, dict[str, int]]:
        """What is behind `cursor`, with the last number of each audience as of it; nothing, when `wait` seconds are over.

        Raises NotHere, FeedNotRead and BusUnavailable.
        """
        start, reset = await self._streams.start_of(asked.guest.tenant_id, cursor)
        self._streams.check_same(asked.seen.epoch)
        if reset is not None:
            return Found(start, control=[("reset", {"reason": reset, "snapshot": SNAPSHOT})]), {}
        deadline = asyncio.get_running_loop().time() + wait
        found = await self._gather(asked, start)
        while found.is_empty and await self._said(asked, deadline):
            found = await self._gather(asked, found.at)
        return found, await self._streams.tails.as_of(asked.guest.tenant_id, asked.audiences, start)

    async def _gather(self, asked: Asked, start: int) -> Found:
        """From where the ring begins nothing is awaited: what is said meanwhile is met next time."""
        found, tenant_id = Found(start), asked.guest.tenant_id
        ring = self._hub.ring_of(tenant_id)
        if not ring.covers(found.at):
            await self._gather_past(asked, found)
        self._streams.check_same(asked.seen.epoch)
        if self._is_ended(asked, found) or found.more:
            return found
        self._add(asked, found, list(ring.after(found.at)))
        if not found.more:
            found.at = max(found.at, self._hub.head)
        return found

    async def _gather_past(self, asked: Asked, found: Found) -> None:
        async with contextlib.aclosing(self._streams.past(asked.guest.tenant_id, found.at)) as pages:
            async for entries in pages:
                if self._is_ended(asked, found):
                    return
                self._add(asked, found, entries)
                if found.more:
                    return
        found.at = max(found.at, self._hub.ring_of(asked.guest.tenant_id).floor)

    def _add(self, asked: Asked, found: Found, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.audience in asked.audiences:
                if len(found.events) >= asked.limit or (found.events and found.size > POLL_BYTES):
                    found.more = True
                    return
                found.events.append(entry)
                found.size += len(entry.frame)
            found.at = entry.seq

    def _is_ended(self, asked: Asked, found: Found) -> bool:
        """What the door saw may have changed since; the next request is looked at anew."""
        tenant_id = asked.guest.tenant_id
        ended = self._hub.ends.since(tenant_id, asked.audiences, asked.session, asked.seen.seq)
        if ended is not None:
            word, reason = ended
            found.control = [(word, {"reason": reason})]
        elif not self._streams.door.is_open_for(tenant_id):
            found.control = [("tenant.disabled", {"retry_after": DISABLED_SECONDS})]
        return bool(found.control)

    async def _said(self, asked: Asked, deadline: float) -> bool:
        """Wait for something to one of its audiences; False when nothing came in time."""
        if asyncio.get_running_loop().time() >= deadline or self._streams.is_draining:
            return False
        if self._waiting >= self._most:
            raise NotHere("as many requests wait as may")
        woken = asyncio.Event()
        watch = Watch(asked.audiences, woken.set)
        self._hub.watch(asked.guest.tenant_id, watch)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await woken.wait()
                await asyncio.sleep(self._hub.join_seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            self._hub.unwatch(asked.guest.tenant_id, watch)
        return True


class Asks:
    """FastAPI dependency: where the feed stands, and then who came through the door."""

    security_scheme = "dpop"

    def __init__(self, streams: Streams, admit: Admit) -> None:
        self._streams = streams
        self._admit = admit

    async def __call__(self, request: Request) -> tuple[Cursor, Guest]:
        seen = self._streams.where()
        return seen, await self._admit(request)


def router(streams: Streams, admit: Admit, settings: Settings) -> APIRouter:
    """One endpoint, on the origin of the API."""
    routes = APIRouter(prefix=BASE, tags=["stream"])
    polling = Polling(streams, settings.max_polls)
    asks = Asks(streams, admit)
    Admitted = Annotated[tuple[Cursor, Guest], Depends(asks)]  # noqa: N806  # a type that holds the closure

    @routes.get(
        "/events", responses={204: {"description": "Nothing new; the header Feed-Next says where to go on"}}
    )
    async def poll(
        admitted: Admitted,
        cursor: Annotated[str, Query(max_length=100)] = "",
        session: UUID | None = None,
        wait: Annotated[int, Query(ge=0, le=25)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 500,
    ) -> Response:
        """The stream's events behind `cursor`, without one those from now on; 204 when it is quiet for `wait` seconds.

        `cursor` of the answer, also in the header Feed-Next, is that of the next request. `control` holds what the
        stream would say without an id, such as `reset`. With a `session` it ends with that desk session, as a stream does.
        """
        seen, guest = admitted
        heard = audiences_of(
            guest.member_id, guest.device_id, guest.scope.properties, guest.scope.backoffice_roles
        )
        seat = await streams.desks.seat(guest, str(session or ""))
        found, last = await polling.poll(Asked(guest, seen, seat.session, heard, limit), cursor, wait)
        at = str(Cursor(seen.epoch, found.at))
        headers = {NEXT: at, "Cache-Control": "no-store"}
        if found.is_empty:
            return Response(None, 204, headers)
        body = {
            "cursor": at,
            "more": found.more,
            "last": last,
            "events": [
                {"cursor": str(Cursor(seen.epoch, entry.seq)), "data": orjson.Fragment(data_of(entry.frame))}
                for entry in found.events
            ],
            "control": [{"event": event, "data": data} for event, data in found.control],
        }
        return Response(orjson.dumps(body), 200, headers, "application/json")

    return routes
