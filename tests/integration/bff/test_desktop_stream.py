"""The reference client on the stream: it notices a hole, says so, and goes on instead of asking for ever."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from chassis.db import Database
from contracts.registry import MemberScopeChangedV1
from desktop.door import Door
from desktop.proofs import Proofs
from desktop.signin import SignIn
from desktop.store import Store
from desktop.stream import Stream
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, know
from tests.integration.bff.feed import ids, say
from tests.integration.bff.stage import STREAM, Bff


@dataclass
class SignedIn:
    """Of signing in the stream needs the token alone."""

    desk: Desk

    async def access_token(self) -> str:
        return self.desk.token()


@dataclass
class Desktop:
    """A store that stays, whichever connections come and go."""

    http: httpx.AsyncClient
    desk: Desk
    store: Store
    told: list[dict[str, Any]] = field(default_factory=list)
    control: list[dict[str, Any]] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def online(self, bff: Bff) -> AsyncIterator[None]:
        door = Door(self.http, Proofs(self.desk.key), cast("SignIn", SignedIn(self.desk)))
        stream = Stream(door, self.store, f"{bff.stream}{STREAM}", self.told.append, self.control.append)
        task = asyncio.create_task(stream.run())
        try:
            await asyncio.wait_for(stream.opened.wait(), 20)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def has(self, count: int) -> None:
        await eventually(lambda: len(self.told) >= count, 20, f"{count} events")

    def said(self, name: str) -> list[dict[str, Any]]:
        return [data for data in self.control if data["type"] == name]


@pytest.fixture
async def desktop(tmp_path: Path, http: httpx.AsyncClient, new_desk: NewDesk) -> AsyncIterator[Desktop]:
    store = Store(tmp_path / "desktop.sqlite")
    yield Desktop(http, await new_desk(properties=("airport", "harbour")), store)
    store.close()


async def move(database: Database, desk: Desk, version: int, *properties: str) -> None:
    event = MemberScopeChangedV1(
        tenant_id=desk.tenant_id,
        member_id=desk.member_id,
        backoffice_roles=desk.roles,
        properties=properties,
    )
    await know(database, event, version)


async def test_a_desktop_that_comes_back_gets_what_it_missed_once_and_sees_no_hole(
    large: Bff, small: Bff, desktop: Desktop, bff_data: Database
) -> None:
    tenant, said = desktop.desk.tenant_id, list[str]()
    for bff in (large, small, large):
        async with desktop.online(bff):
            said += await say(bff_data, tenant, ["all", "p.harbour", "p.airport"], 500)
            await desktop.has(len(said))
        said += await say(bff_data, tenant, ["p.airport", "p.harbour", "all"], 500)
    async with desktop.online(small):
        await desktop.has(len(said))
    assert ids(desktop.told) == ids(desktop.store.events()) == said
    assert desktop.control == []


async def test_who_comes_back_to_a_property_is_told_to_resync_and_goes_on(
    large: Bff, desktop: Desktop, bff_data: Database
) -> None:
    """What was said while it was out of scope is behind the cursor and is never replayed."""
    desk, tenant = desktop.desk, desktop.desk.tenant_id
    async with desktop.online(large):
        await say(bff_data, tenant, ["p.airport"])
        await desktop.has(1)
    await move(bff_data, desk, 2, "harbour")
    async with desktop.online(large):
        await say(bff_data, tenant, ["p.airport", "p.airport", "all"])
        await desktop.has(2)
    await move(bff_data, desk, 3, "airport", "harbour")
    async with desktop.online(large):
        said = await say(bff_data, tenant, ["p.airport"])
        await desktop.has(3)
    assert desktop.told[-1]["id"] == said[0]
    assert (desktop.told[-1]["prev"], desktop.store.last_in_audience("p.airport")) == (3, 4)
    assert desktop.said("resync") == [{"type": "resync", "reason": "hole", "audiences": ["p.airport"]}]


async def test_a_lost_last_event_of_a_quiet_audience_is_noticed_at_the_opening(
    large: Bff, desktop: Desktop, bff_data: Database
) -> None:
    async with desktop.online(large):
        await say(bff_data, desktop.desk.tenant_id, ["all", "p.harbour", "p.harbour"])
        await desktop.has(3)
    desktop.store.set_last_in_audience("p.harbour", 1)  # as if the second had never come
    async with desktop.online(large):
        await eventually(lambda: bool(desktop.said("resync")), what="resync")
    assert desktop.said("resync")[0]["audiences"] == ["p.harbour"]
    assert desktop.store.last_in_audience("p.harbour") == 2


async def test_a_lost_epoch_makes_the_desktop_begin_anew(
    large: Bff, desktop: Desktop, bff_data: Database
) -> None:
    desktop.store.set_setting("feed_cursor", "18c0ffee-7")
    desktop.store.set_last_in_audience("all", 99)
    async with desktop.online(large):
        said = await say(bff_data, desktop.desk.tenant_id, ["all"])
        await desktop.has(1)
    assert ids(desktop.told) == said
    assert [data["reason"] for data in desktop.said("reset")] == ["epoch_changed"]
    assert desktop.store.last_in_audience("all") == 1
