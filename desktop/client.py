"""The desktop, joined: key, sign-in, enrolment, session, stream, queue and sync behind one object."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from desktop.door import Door
from desktop.enrolment import Device, enrol
from desktop.errors import Refused
from desktop.heart import Heart
from desktop.keys import KeyStore, device_key
from desktop.overview import Overview
from desktop.proofs import Proofs
from desktop.session import DeskSession, Sessions
from desktop.signin import Browser, SignIn
from desktop.store import Mutation, Store
from desktop.stream import OnEvent, Stream, told
from desktop.sync import Sync, Wait


@dataclass(frozen=True, slots=True)
class Places:
    """Where the servers are: public origins as the desktop sees them."""

    issuer: str
    registry: str
    bff: str
    """Ends in /bff/backoffice/v1."""


class Desktop:
    """One installation: its key and its database live in `folder`."""

    def __init__(
        self,
        folder: Path,
        places: Places,
        keys: KeyStore,
        *,
        name: str = "desktop",
        app_version: str = "1.0.0",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.places = places
        self.app_version = app_version
        self.http = httpx.AsyncClient(timeout=httpx.Timeout(15.0), trust_env=False)
        self.store = Store(folder / "desktop.sqlite")
        self.proofs = Proofs(device_key(keys, name))
        self.signin = SignIn(self.http, places.issuer, self.proofs)
        self.door = Door(self.http, self.proofs, self.signin)
        self.sessions = Sessions(self.door, places.bff)
        self.session: DeskSession | None = None
        self.overview = Overview()
        self.stream: Stream | None = None
        self.stream_task: asyncio.Task[None] | None = None

    async def sign_in(self, browser: Browser) -> None:
        await self.signin.sign_in(browser)

    async def enrol(self, *, os: str, property_: str, cohort: str) -> Device:
        """Register this device's key and remember its id."""
        device = await enrol(
            self.door, self.places.registry, name="Desk", os=os, property_=property_, cohort=cohort
        )
        self.store.set_setting("device_id", device.device_id)
        return device

    @property
    def device_id(self) -> str:
        found = self.store.setting("device_id")
        if found is None:
            raise LookupError("this device is not enrolled yet; call enrol() first")
        return found

    async def open_session(self, *, os: str, property_: str) -> DeskSession:
        """Begin work at a property; a stream that is followed goes on in the new session."""
        self.session = await self.sessions.open(app_version=self.app_version, os=os, property_=property_)
        if self.stream is not None:
            self.stream.url = self.session.stream_url
        return self.session

    async def draw(self) -> Overview:
        """The first screen, as the server has it now; the stream keeps it true. Raises Refused, Offline."""
        snapshot = await self.sessions.bootstrap(self.session)
        self.overview.take(snapshot)
        if self.store.setting("feed_cursor") is None:
            self.store.set_setting("feed_cursor", snapshot["cursor"])
        return self.overview

    def heart(self) -> Heart:
        """Keeps the open session, as long as it is run beside."""
        if self.session is None:
            raise LookupError("there is no open session; call open_session() first")
        return Heart(self.sessions, self.session, self.store, self.proofs, self.app_version)

    def go_online(self, on_event: OnEvent, on_control: OnEvent | None = None) -> Stream:
        """Follow the stream in the background until `go_offline`.

        After the control event `reset`, and after `resync`, the first screen is to be drawn again.
        """
        if self.session is None:
            raise LookupError("there is no open session; call open_session() first")

        async def heard(event: dict[str, Any]) -> None:
            self.overview.apply(event)
            await told(on_event, event)

        async def controlled(word: dict[str, Any]) -> None:
            if word["type"] == "reset":
                self.overview.forget()
            await told(on_control, word)

        self.stream = Stream(self.door, self.store, self.session.stream_url, heard, controlled)
        self.stream_task = asyncio.create_task(self.stream.run(), name="stream")
        return self.stream

    async def go_offline(self) -> None:
        """Let go of the network; reads and queueing go on."""
        if self.stream_task is not None:
            self.stream_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.stream_task
            self.stream_task = None

    def act(self, collection: str, key: str, type_: str, args: dict[str, Any]) -> Mutation:
        """Queue an action, online or not; `sync` hands it in."""
        at = datetime.fromtimestamp(self.proofs.now(), UTC).isoformat()
        return self.store.enqueue(collection, key, type_, args, at=at)

    async def sync(self, scope: str) -> None:
        """Hand the queue in and take in what is new in `scope`. Raises NotNow while the server is paused."""
        await self._sync().run(scope)

    async def sync_patiently(self, scope: str, wait: Wait = asyncio.sleep) -> None:
        """As `sync`; a server that is paused is asked again when it said. Work and queueing go on beside it."""
        await self._sync().run_patiently(scope, wait)

    def _sync(self) -> Sync:
        base = f"{self.places.bff}/sync"
        return Sync(self.door, self.store, base, device_id=self.device_id, app_version=self.app_version)

    async def close(self) -> None:
        # A stream that was refused has said so; everything else is closed all the same.
        with contextlib.suppress(Refused):
            await self.go_offline()
        await self.http.aclose()
        self.store.close()
