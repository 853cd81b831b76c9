"""Two tenants and several audiences side by side: each stream gets exactly its own frames, live and replayed."""

from contextlib import AsyncExitStack

import httpx

from chassis.db import Database
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import Bff

ROUNDS = 4


def hears(desk: Desk) -> set[str]:
    roles = {f"r.{name.replace('_', '__')}" for name in desk.roles}
    own = {"all", f"o.{desk.member_id}", f"d.{desk.device_id}"}
    return own | roles | {f"p.{name}" for name in desk.properties}


async def two_hotels(new_desk: NewDesk) -> list[Desk]:
    """Of each tenant three desks that share some audiences; the names are the same in both."""
    desks = []
    for _ in range(2):
        first = await new_desk(properties=("harbour",), roles=("front_desk",))
        second = await new_desk(
            tenant_id=first.tenant_id, properties=("harbour", "airport"), roles=("housekeeping",)
        )
        third = await new_desk(
            tenant_id=first.tenant_id,
            member_id=first.member_id,
            properties=("harbour",),
            roles=("front_desk",),
        )
        desks += [first, second, third]
    return desks


async def speak(database: Database, desks: list[Desk]) -> dict[str, list[str]]:
    """Every audience of everybody in turn, tenant by tenant; device → ids of what it must get, in order."""
    owed: dict[str, list[str]] = {str(desk.device_id): [] for desk in desks}
    for _ in range(ROUNDS):
        for tenant in {desk.tenant_id: None for desk in desks}:
            ours = [desk for desk in desks if desk.tenant_id == tenant]
            audiences = sorted({name for desk in ours for name in hears(desk)} | {"p.elsewhere", "r.nobody"})
            said = await say(database, tenant, audiences, 200)
            for desk in ours:
                mine = [id_ for id_, name in zip(said, audiences, strict=True) if name in hears(desk)]
                owed[str(desk.device_id)] += mine
    return owed


async def check_each(lines: dict[str, Line], owed: dict[str, list[str]]) -> None:
    for device, line in lines.items():
        await line.got(len(owed[device]))
    for device, line in lines.items():
        beats = len(line.said("hb"))
        await eventually(lambda line=line, beats=beats: len(line.said("hb")) > beats, what="a beat")  # type: ignore[misc]
        assert ids(line.events) == owed[device]
        positions = [int(id_.rpartition("-")[2]) for id_ in line.ids]
        assert positions == sorted(set(positions))


async def test_each_of_several_streams_gets_its_own_frames_live_and_replayed_and_no_other(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desks = await two_hotels(new_desk)
    async with AsyncExitStack() as stack:
        live = {
            str(desk.device_id): await stack.enter_async_context(connected(http, desk, bff))
            for desk, bff in zip(desks, (large, small) * 3, strict=True)
        }
        starts = {device: (await line.opened()).cursor for device, line in live.items()}
        owed = await speak(bff_data, desks)
        await check_each(live, owed)
    for bff in (large, small):  # from the ring, and from FEED: the small one has forgotten
        async with AsyncExitStack() as stack:
            again = {
                str(desk.device_id): await stack.enter_async_context(
                    connected(http, desk, bff, starts[str(desk.device_id)])
                )
                for desk in desks
            }
            await check_each(again, owed)


async def test_a_cursor_of_another_tenant_opens_nothing_of_that_tenant(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    """A cursor is a place in the stream, not a right: whoever holds it gets its own events behind it."""
    mine, other = await new_desk(), await new_desk()
    async with connected(http, other, large) as line:
        stolen = (await line.opened()).cursor
        await say(bff_data, other.tenant_id, ["all", "p.harbour"] * 10, 300)
        said = await say(bff_data, mine.tenant_id, ["all", "p.harbour"])
        await line.got(20)
    for bff in (large, small):
        async with connected(http, mine, bff, stolen) as line:
            await check_each({"mine": line}, {"mine": said})
            assert line.said("reset") == []
