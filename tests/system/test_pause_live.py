"""An operator pauses sync for a tenant at the command line; a real desktop works on through the bff and hands in later."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from desktop.client import Desktop
from desktop.errors import NotNow
from desktop.sync import Sync
from tenantry.demo.world import PROPERTY, World
from tenantry.stack.stack import Stack
from tests.infra import eventually
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]
NOTES = "shift_notes"


@dataclass
class Seat:
    """A desktop of a tenant, and the operator's command line."""

    shell: Shell
    tenant_id: str
    desktop: Desktop

    @property
    def scope(self) -> str:
        return f"{self.tenant_id}/{PROPERTY}"

    async def switch(self, flag: str, value: str | None) -> None:
        verb = ("set", flag, value) if value is not None else ("clear", flag)
        options = ("--tenant", self.tenant_id, "--reason", "a test", "--yes")
        done = await asyncio.to_thread(self.shell.run, "flags", *verb, *options)
        assert done.returncode == 0, done.stderr

    async def refused(self) -> NotNow:
        """What the desktop is told, once it is refused."""
        found: list[NotNow] = []

        async def is_refused() -> bool:
            try:
                await self.desktop.sync(self.scope)
            except NotNow as later:
                found.append(later)
            return bool(found)

        await eventually(is_refused, 5, "a round that is not taken")
        return found[-1]


@pytest.fixture
async def seat(live_stack: Path, shell: Shell, tmp_path: Path) -> AsyncIterator[Seat]:
    world = World(Stack(live_stack))
    tenant = await world.new_tenant("en")
    person = await world.new_person(tenant, "front.desk", "front_desk")
    desktop = await world.new_desktop(tmp_path / "desktop", person, "Ubuntu 24.04")
    yield Seat(shell, tenant.tenant_id, desktop)
    await desktop.close()
    await world.close()


@pytest.mark.parametrize(
    ("flag", "value", "code"),
    [
        ("sync_handshake_paused", "true", "SYNC.PAUSED"),
        ("bff_backoffice_enabled", "false", "BFF.BACKOFFICE_DISABLED"),
    ],
)
async def test_a_desktop_keeps_its_queue_while_it_is_not_taken_and_asks_again_when_it_was_told_to(
    seat: Seat, flag: str, value: str, code: str
) -> None:
    desktop, waits = seat.desktop, list[float]()
    desktop.act(NOTES, "a", "put", {"text": "before"})
    await desktop.sync(seat.scope)
    await seat.switch(flag, value)
    later = await seat.refused()
    assert (later.status, later.code, later.after) == (503, code, 30)
    desktop.act(NOTES, "b", "put", {"text": "meanwhile"})
    assert desktop.store.records(NOTES) == {"a": (1, {"text": "before"})}

    async def waited(seconds: float) -> None:
        """The operator ends the pause while the desktop waits a second time."""
        waits.append(seconds)
        assert desktop.store.queue_depth() == 1
        if len(waits) == 2:
            await seat.switch(flag, None)

    async with asyncio.timeout(60):
        await desktop.sync_patiently(seat.scope, waited)
    assert all(30 <= seconds <= 45 for seconds in waits)
    assert len(waits) >= 2
    assert desktop.store.queue_depth() == 0
    assert desktop.store.settled() == {1: "applied", 2: "applied"}
    assert sorted(desktop.store.records(NOTES)) == ["a", "b"]


async def test_a_round_that_had_shaken_hands_comes_to_its_end_through_the_bff(seat: Seat) -> None:
    desktop = seat.desktop
    base = f"{desktop.places.bff}/sync"
    running = Sync(desktop.door, desktop.store, base, device_id=desktop.device_id, app_version="1.0.0")
    await running.handshake(seat.scope)
    desktop.act(NOTES, "a", "put", {"text": "on its way"})
    await seat.switch("sync_handshake_paused", "true")
    await seat.refused()
    await running.push(seat.scope)
    await running.pull(seat.scope)
    assert desktop.store.records(NOTES) == {"a": (1, {"text": "on its way"})}
