"""A reader that does not keep up: it costs bounded memory, delays nobody, is let go, and misses nothing."""

import httpx
import pytest

from chassis.db import Database
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import Bff

COUNT = 300
SIZE = 40_000
"""Together more than the buffers of both sockets, whatever the kernel makes of them."""


async def fall_behind(slow: Line, quick: Line, database: Database, desk_tenant: object) -> list[str]:
    """Much is said while one of two readers reads nothing; the other one gets all of it meanwhile."""
    slow.may_read.clear()
    said: list[str] = []
    while len(said) < COUNT:  # no more at once than the quick one takes while the machine is busy
        said += await say(database, desk_tenant, ["all"] * 5, SIZE)  # type: ignore[arg-type]
        await quick.got(len(said), 60)
    assert ids(quick.events) == said
    return said


@pytest.mark.long
async def test_a_slow_reader_is_let_go_and_gets_all_after_coming_back(
    small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    beside = await new_desk(tenant_id=desk.tenant_id)
    async with connected(http, beside, small) as quick, connected(http, desk, small, slow=True) as slow:
        await quick.opened()
        await slow.opened()
        said = await fall_behind(slow, quick, bff_data, desk.tenant_id)
        slow.may_read.set()
        await slow.ended(60)
        assert 0 < len(slow.events) < COUNT
    got = slow.events
    async with connected(http, desk, small, slow.cursor) as again:
        await again.got(COUNT - len(got), 60)
        assert ids([*got, *again.events]) == said


async def test_a_slow_reader_within_its_patience_goes_on_from_the_ring(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    """Parked for less than half a minute. The ring may have forgotten meanwhile: then it comes back for the rest."""
    desk = await new_desk()
    beside = await new_desk(tenant_id=desk.tenant_id)
    async with connected(http, beside, large) as quick, connected(http, desk, large, slow=True) as slow:
        await quick.opened()
        await slow.opened()
        said = await fall_behind(slow, quick, bff_data, desk.tenant_id)
        slow.may_read.set()
        await slow.got(COUNT, 60)
        assert ids(slow.events) == said
