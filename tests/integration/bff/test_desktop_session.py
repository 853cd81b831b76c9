"""The reference client in its session: it beats, hears that the session is over, and its stream goes on in the next."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from chassis.db import Database
from contracts.registry import TenantFrozenV1
from desktop.client import Desktop, Places
from desktop.door import Door
from desktop.errors import Refused
from desktop.keys import KeyStore
from desktop.proofs import Proofs
from desktop.session import Sessions
from desktop.signin import SignIn
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, SMALL, Bff, Stage, nowhere
from tests.integration.bff.test_desktop_stream import SignedIn
from tests.integration.bff.test_heartbeats import kept
from tests.integration.bff.test_rights_that_end import hear

PLACE = {"os": "Windows 11", "property_": "harbour"}


class Keys(dict[str, bytes]):
    """A key store that forgets everything at the end."""

    def load(self, name: str) -> bytes | None:
        return self.get(name)

    def save(self, name: str, value: bytes) -> None:
        self[name] = value


@pytest.fixture
async def hasty(stage: Stage) -> Bff:
    """A bff that wants to hear of sessions several times a second."""
    return await stage.start_bff("hasty", nowhere(), {**SMALL, "HEARTBEAT_SECONDS": "0.1"})


@contextlib.asynccontextmanager
async def desktop_of(desk: Desk, bff: Bff, folder: Path) -> AsyncIterator[Desktop]:
    """Signed in and enrolled, without going the way there."""
    found = Desktop(folder, Places(nowhere(), nowhere(), f"{bff.api}{BASE}"), cast("KeyStore", Keys()))
    found.proofs = Proofs(desk.key)
    found.door = Door(found.http, found.proofs, cast("SignIn", SignedIn(desk)))
    found.sessions = Sessions(found.door, f"{bff.api}{BASE}")
    try:
        yield found
    finally:
        await found.close()


async def test_a_heart_tells_how_the_desktop_is_until_its_session_is_over(
    hasty: Bff, new_desk: NewDesk, bff_data: Database, tmp_path: Path
) -> None:
    desk = await new_desk()
    async with desktop_of(desk, hasty, tmp_path) as desktop:
        await desktop.open_session(**PLACE)
        heart = desktop.heart()
        task = asyncio.create_task(heart.run())
        desktop.act("shift_notes", "a", "put", {"text": "one"})
        desktop.act("shift_notes", "b", "put", {"text": "two"})

        async def is_told() -> bool:
            row = await kept(bff_data, desk)
            return row["queue_depth"] == 2 and row["oldest_queued_at"] is not None

        await eventually(is_told, what="a heartbeat with the queue")
        assert heart.told["next_seconds"] > 0
        assert desktop.session is not None
        await desktop.sessions.close(desktop.session)
        with pytest.raises(Refused) as refused:
            await asyncio.wait_for(task, 10)
        assert (refused.value.code, refused.value.problem["reason"]) == ("BFF.SESSION_ENDED", "closed")


async def test_a_new_session_takes_the_open_stream_along_and_the_screen_stays_true(
    large: Bff, new_desk: NewDesk, bff_data: Database, tmp_path: Path
) -> None:
    desk = await new_desk()
    told: list[dict[str, Any]] = []
    async with desktop_of(desk, large, tmp_path) as desktop:
        await desktop.open_session(**PLACE)
        first = await desktop.draw()
        assert first.shown()["tenant"]["status"] == "active"
        stream = desktop.go_online(lambda _: None, told.append)
        await asyncio.wait_for(stream.opened.wait(), 20)
        session = await desktop.open_session(**PLACE)
        await eventually(lambda: {"type": "bye", "reason": "replaced"} in told, what="the end of the first")
        await eventually(stream.opened.is_set, what="the second")
        now = session.opened["expires_at"]
        event = TenantFrozenV1.model_validate_json(
            f'{{"tenant_id": "{desk.tenant_id}", "frozen_reason": "non_payment", "frozen_at": "{now}",'
            f' "archive_at": "{now}"}}'
        )
        await hear(bff_data, event)
        await eventually(lambda: first.shown()["tenant"]["status"] == "frozen", what="a screen that is told")
        assert first.shown()["session"] is None, "the first session is over"
        await desktop.draw()
        assert first.shown()["session"]["session_id"] == session.session_id


async def test_a_stream_whose_session_is_over_ends_for_good(
    large: Bff, new_desk: NewDesk, tmp_path: Path
) -> None:
    desk = await new_desk()
    async with desktop_of(desk, large, tmp_path) as desktop:
        session = await desktop.open_session(**PLACE)
        stream = desktop.go_online(lambda _: None)
        await asyncio.wait_for(stream.opened.wait(), 20)
        await desktop.sessions.close(session)
        assert desktop.stream_task is not None
        with pytest.raises(Refused) as refused:
            await asyncio.wait_for(desktop.stream_task, 20)
        assert refused.value.code == "BFF.SESSION_ENDED"
