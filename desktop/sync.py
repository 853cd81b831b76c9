"""Sync: hand in what was done offline, then take in what the others did.

A page and its cursor are committed together; a mutation is settled by the server's answer for its number, so that a
lost answer is asked for again and applied once.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from desktop.door import Door
from desktop.errors import NotNow, Refused
from desktop.store import Store

PUSH_LIMIT = 100
PULL_LIMIT = 500
SCHEMA_VERSION = 1
SCHEMA_HASH = "shift_notes-1"

Wait = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""


class Sync:
    """Replicates the scopes of one desk; `base` is …/bff/backoffice/v1/sync."""

    def __init__(self, door: Door, store: Store, base: str, *, device_id: str, app_version: str) -> None:
        self._door = door
        self._store = store
        self._base = base.rstrip("/")
        self._device_id = device_id
        self._app_version = app_version

    async def run(self, scope: str) -> None:
        """One round: handshake, push all that is queued, pull to the head. Raises Offline; calling again goes on.

        Raises NotNow while the server is paused: the queue is kept, and `after` so many seconds it may be asked again.
        Raises Refused when the server does not take the queue (a frozen tenant, say), after having pulled all the same.
        """
        shaken = await self.handshake(scope)
        limits = shaken["limits"]
        page = min(PULL_LIMIT, limits["page"])
        if shaken["mode"] == "snapshot":
            self._forget(scope)
        try:
            await self.push(scope, min(PUSH_LIMIT, limits["mutations"]))
        except Refused:
            await self.pull(scope, page)
            raise
        await self.pull(scope, page)

    async def run_patiently(self, scope: str, wait: Wait = asyncio.sleep) -> None:
        """Rounds until one comes to its end; in between the server is left alone for as long as it asked.

        Raises as `run`, but not NotNow. Up to half as long again is waited, so that desktops do not come back all at once.
        """
        while True:
            try:
                return await self.run(scope)
            except NotNow as later:
                await wait(later.after * random.uniform(1, 1.5))  # noqa: S311  # spreads requests, no secret

    async def handshake(self, scope: str) -> dict[str, Any]:
        body = {
            "device": self._device_id,
            "app_version": self._app_version,
            "schema_version": SCHEMA_VERSION,
            "schema_hash": SCHEMA_HASH,
            "scopes": [{"scope": scope, "cursor": self._store.setting(f"cursor:{scope}")}],
            "producer_epoch": self._producer_epoch(),
            "last_mid": self._store.last_mid(),
        }
        answer: dict[str, Any] = (await self._door.request("POST", f"{self._base}/handshake", body)).json()
        return answer

    async def push(self, scope: str, limit: int = PUSH_LIMIT) -> None:
        """Hand the queue in, in order, `limit` actions at a time, until it is empty."""
        while mutations := self._store.queued(limit):
            body = {
                "scope": scope,
                "producer_epoch": self._producer_epoch(),
                "mutations": [mutation.as_json() for mutation in mutations],
            }
            answer = (await self._door.request("POST", f"{self._base}/push", body)).json()
            with self._store.transaction():
                for result in answer["results"]:
                    self._store.settle(result["mid"], result["status"], result)

    async def pull(self, scope: str, limit: int = PULL_LIMIT) -> None:
        """Take pages of `limit` changes until there is no more; a cursor that is gone starts over from the beginning."""
        more = True
        while more:
            cursor = self._store.setting(f"cursor:{scope}")
            try:
                page = await self._page(scope, cursor, limit)
            except Refused as refused:
                if refused.status != 410 or cursor is None:
                    raise
                self._forget(scope)
                continue
            with self._store.transaction():
                for change in page["changes"]:
                    self._apply(scope, change)
                self._store.set_setting(f"cursor:{scope}", page["next"])
                more = page["more"]
                if not more:
                    self._store.drop_stale(scope)

    async def _page(self, scope: str, cursor: str | None, limit: int) -> dict[str, Any]:
        body = {"scope": scope, "cursor": cursor, "limit": limit}
        page: dict[str, Any] = (await self._door.request("POST", f"{self._base}/pull", body)).json()
        return page

    def _apply(self, scope: str, change: dict[str, Any]) -> None:
        collection, key = change["collection"], change["key"]
        if change["op"] == "delete":
            self._store.delete_record(scope, collection, key)
        else:
            self._store.put_record(scope, collection, key, change["version"], change["value"])

    def _forget(self, scope: str) -> None:
        with self._store.transaction():
            self._store.drop_setting(f"cursor:{scope}")
            self._store.mark_stale(scope)

    def _producer_epoch(self) -> int:
        return int(self._store.setting("producer_epoch") or 1)
