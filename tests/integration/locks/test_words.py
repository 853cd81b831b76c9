"""Open streams are told of halts, those that open later too, and only while it is so."""

from datetime import UTC, datetime

import httpx
import pytest

from chassis.ids import uuid7
from tests.infra import eventually
from tests.integration.bff.desk import Desk
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import Bff
from tests.integration.locks.conftest import NewDesk
from tests.integration.locks.town import Town

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("locks")]


def told(line: Line) -> list[str]:
    return [event.event for event in line.control if event.event.startswith("locks.")]


async def test_open_streams_hear_of_a_halt_and_of_its_end(
    town: Town, well: Bff, desk: Desk, new_desk: NewDesk, http: httpx.AsyncClient
) -> None:
    other = await new_desk()
    async with connected(http, desk, well) as line:
        await line.opened()
        halt_id = uuid7()
        await town.look(
            "insert into bff.lock_halt (halt_id, halted_at) values ($1, $2)", halt_id, datetime.now(UTC)
        )
        await eventually(lambda: told(line) == ["locks.halted"], 20, "the halt")
        assert line.said("locks.halted")[0]["retry_after"] > 0
        async with connected(http, other, well) as late:
            await eventually(lambda: told(late) == ["locks.halted"], 20, "a word to who came later")
            await town.look(
                "insert into bff.lock_halt_resumed (tenant_id, halt_id, resumed_at) values ($1, $2, $3)",
                desk.tenant_id,
                halt_id,
                datetime.now(UTC),
            )
            await eventually(lambda: told(line) == ["locks.halted", "locks.resumed"], 20, "the resumption")
            assert told(late) == ["locks.halted"], "another tenant stays halted"
            await town.forgive()
            await eventually(lambda: told(late)[-1] == "locks.resumed", 20, "the end of the halt")
        assert told(line) == ["locks.halted", "locks.resumed"]
