"""The desk session: one member on one device at one property, open from sign-in to close."""

import uuid
from dataclasses import dataclass
from typing import Any

from desktop.door import Door


@dataclass(frozen=True, slots=True)
class DeskSession:
    """An open session and where its stream is."""

    session_id: str
    stream_url: str
    opened: dict[str, Any]
    """The server's whole answer: expires_at, idle_seconds, heartbeat_seconds, sync, features, floors, flags_rev."""


class Sessions:
    """Opens, keeps and closes the desk session at `base` (…/bff/backoffice/v1)."""

    def __init__(self, door: Door, base: str) -> None:
        self._door = door
        self._base = base.rstrip("/")

    async def open(self, *, app_version: str, os: str, property_: str) -> DeskSession:
        body = {"app_version": app_version, "os": os, "property": property_}
        once = {"Idempotency-Key": uuid.uuid4().hex}
        opened = (await self._door.request("POST", f"{self._base}/sessions", body, once)).json()
        return DeskSession(opened["session_id"], opened["stream_url"], opened)

    async def heartbeat(self, session: DeskSession, state: dict[str, Any]) -> dict[str, Any]:
        """Tell version, queue depth, clock offset and last cursor; learn floors, flags revision and next interval.

        Raises Refused with the code BFF.SESSION_ENDED and a `reason` once the session is over.
        """
        url = f"{self._base}/sessions/{session.session_id}/heartbeat"
        answer: dict[str, Any] = (await self._door.request("POST", url, state)).json()
        return answer

    async def bootstrap(self, session: DeskSession | None = None) -> dict[str, Any]:
        """All that the first screen needs, with the feed cursor it is true at.

        Within a session it is Refused once that is over; without one it shows where the member may open one.
        """
        query = "" if session is None else f"?session_id={session.session_id}"
        answer: dict[str, Any] = (await self._door.request("GET", f"{self._base}/bootstrap{query}")).json()
        return answer

    async def close(self, session: DeskSession) -> None:
        await self._door.request("DELETE", f"{self._base}/sessions/{session.session_id}")
