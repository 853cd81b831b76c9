"""Heartbeats of an open desk session: how the desktop is, as often as the server asks for it."""

import asyncio
from datetime import datetime
from typing import Any

from desktop.errors import NotNow, Offline
from desktop.proofs import Proofs
from desktop.session import DeskSession, Sessions
from desktop.store import Store


class Heart:
    """Beats for one session; whoever opens another one runs another heart."""

    def __init__(
        self, sessions: Sessions, session: DeskSession, store: Store, proofs: Proofs, app_version: str
    ) -> None:
        self._sessions = sessions
        self._session = session
        self._store = store
        self._proofs = proofs
        self._app_version = app_version
        self.told: dict[str, Any] = session.opened
        """What the server said last: features, floors, flags_rev."""

    def state(self) -> dict[str, Any]:
        """Times in seconds; the clock's offset is what has to be added to it to get the server's."""
        oldest = self._store.oldest_queued_at()
        waited = None if oldest is None else self._proofs.now() - datetime.fromisoformat(oldest).timestamp()
        return {
            "app_version": self._app_version,
            "queue_depth": self._store.queue_depth(),
            "oldest_queued": None if waited is None else max(waited, 0.0),
            "clock_offset": self._proofs.clock_offset,
            "cursor": self._store.setting("feed_cursor"),
        }

    async def run(self) -> None:
        """Until cancelled or refused for good (raises Refused; with the code BFF.SESSION_ENDED the session is over)."""
        pause: float = self._session.opened["heartbeat_seconds"]
        while True:
            try:
                self.told = await self._sessions.heartbeat(self._session, self.state())
                pause = self.told["next_seconds"]
            except NotNow as later:
                pause = later.after
            except Offline:
                pass
            await asyncio.sleep(pause)
