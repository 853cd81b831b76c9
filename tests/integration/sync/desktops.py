"""Real desktops (their store and their sync) over a line that loses requests and answers, before the real service."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
from fastapi import FastAPI
from joserfc.jwk import ECKey

from desktop.door import Door
from desktop.errors import Offline
from desktop.proofs import Proofs
from desktop.signin import SignIn
from desktop.store import Store
from desktop.sync import Sync
from tests.integration.sync.desk import Desk, encoded

BASE = "http://sync/sync/v1"
GOOD, REQUEST_LOST, ANSWER_LOST = "good", "request lost", "answer lost"


class Line(httpx.AsyncBaseTransport):
    """Does with each request what `fates` says; once they are through, every request is answered."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app)
        self.fates: Iterator[str] = iter(())
        self.requests: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fate = next(self.fates, GOOD)
        self.requests.append(request.url.path.rpartition("/")[2])
        if fate == REQUEST_LOST:
            raise httpx.ConnectError(fate, request=request)
        answer = await self._inner.handle_async_request(request)
        if fate == ANSWER_LOST:
            await answer.aread()
            raise httpx.ReadError(fate, request=request)
        return answer


class BffDoor(Door):
    """The desktop's door with the bff's words in place of token and proof."""

    def __init__(self, http: httpx.AsyncClient, desk: Desk, token: str) -> None:
        proofs = Proofs(KEY)
        super().__init__(http, proofs, SignIn(http, "http://issuer", proofs))
        self._told = {"authorization": f"Bearer {token}", "tenantry-principal": encoded(desk.principal())}

    async def headers(self, method: str, url: str) -> dict[str, str]:  # noqa: ARG002  # the door's signature
        return self._told


KEY = ECKey.generate_key("P-256")


class Installation:
    """One desktop with its file; it can crash and be started again."""

    def __init__(self, app: FastAPI, token: str, desk: Desk, path: Path) -> None:
        self.desk = desk
        self.line = Line(app)
        self._path = path
        self._token = token
        self.http = httpx.AsyncClient(transport=self.line)
        self._start()

    def _start(self) -> None:
        self.store = Store(self._path)
        door = BffDoor(self.http, self.desk, self._token)
        device_id = str(self.desk.device_id)
        self.sync = Sync(door, self.store, BASE, device_id=device_id, app_version="1.0.0")

    def crash(self) -> None:
        self.store.close()
        self._start()

    def act(self, key: str, type_: str, args: dict[str, object]) -> None:
        self.store.enqueue("shift_notes", key, type_, args, at="2026-03-01T08:00:00Z")

    async def online(self, fates: Iterable[str] = (), page: int = 500) -> bool:
        """One round with this page size; whether it came to its end before the line was lost."""
        self.line.fates = iter(fates)
        try:
            await self.sync.push(self.desk.scope, limit=max(1, page // 2))
            await self.sync.pull(self.desk.scope, limit=page)
        except Offline:
            return False
        return True

    async def close(self) -> None:
        self.store.close()
        await self.http.aclose()
