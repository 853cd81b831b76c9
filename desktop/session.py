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
    """The server's whole answer: expires_at, features, floors, flags_rev, sync hint."""


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
        """Tell version, queue depth, clock offset and last cursor; learn floors, flags revision and next interval."""
        url = f"{self._base}/sessions/{session.session_id}/heartbeat"
        answer: dict[str, Any] = (
            await self._door.request("POST", url, state, {"Idempotency-Key": uuid.uuid4().hex})
        ).json()
        return answer

    async def bootstrap(self) -> dict[str, Any]:
        """All that the first screen needs, with the feed cursor it is true at."""
        answer: dict[str, Any] = (await self._door.request("GET", f"{self._base}/bootstrap")).json()
        return answer

    async def close(self, session: DeskSession) -> None:
        await self._door.request("DELETE", f"{self._base}/sessions/{session.session_id}")
