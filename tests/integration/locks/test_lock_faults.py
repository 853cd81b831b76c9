"""Lock actions under fault: whatever is killed at whichever step, no command without a receipt, and none twice."""

import asyncio
import contextlib
from datetime import UTC, datetime
from random import Random

import httpx
import pytest

from chassis.ids import uuid7
from tests.infra import eventually
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import Bff
from tests.integration.locks.conftest import NewDesk
from tests.integration.locks.town import Town, ask, asked

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("locks"), pytest.mark.long]
BEFORE = ("taken", "proven")
AFTER = ("receipted", "sending", "answered", "ended")


async def knock(http: httpx.AsyncClient, bff: Bff, desk: Desk) -> None:
    """Ask a process that may die before it answers."""
    with contextlib.suppress(httpx.TransportError):
        await ask(http, bff, desk)


@pytest.mark.usefixtures("alone")
async def test_killed_before_the_commit_nothing_was_asked_for(
    town: Town, desk: Desk, http: httpx.AsyncClient
) -> None:
    dying = await town.start_bff("written")
    await knock(http, dying, desk)
    await dying.process.ended()
    assert await town.actions_of(desk) == []
    await town.no_command_without_receipt()


@pytest.mark.parametrize("step", ["committed", *BEFORE, *AFTER])
@pytest.mark.usefixtures("alone")
async def test_killed_at_any_step_the_action_ends_and_the_logs_agree(
    town: Town, new_desk: NewDesk, http: httpx.AsyncClient, step: str
) -> None:
    """Another process goes on: it proves and sends what was not sent, and asks about what may have been."""
    desk = await new_desk()
    dying = await town.start_bff(step)
    await knock(http, dying, desk)
    await dying.process.ended()
    [row] = await town.actions_of(desk)
    if step in {"committed", *BEFORE}:
        assert await town.lines(row["action_id"]) == [], "it was not to be sent so far"
    heir = await town.start_bff()
    ended = await town.check(row["action_id"])
    assert await town.arrivals(row["action_id"]) <= 1
    if step == "sending":  # it died between its word that it sends and the first byte
        assert (ended["state"], ended["code"]) == ("error", "BFF.LOCK_NEVER_ARRIVED")
    elif step in {"answered", "ended"}:
        assert ended["state"] == "success"
    heir.process.end()


@pytest.mark.parametrize("step", ["proven", "receipted", "sending", "answered"])
@pytest.mark.usefixtures("alone")
async def test_who_goes_on_late_opens_nothing_and_says_nothing(
    town: Town, desk: Desk, http: httpx.AsyncClient, step: str
) -> None:
    """It stood still with an action in its hand; another one has ended the action meanwhile."""
    late = await town.start_bff(step, stalls=True)
    action_id = await asked(http, late, desk)
    ended = await town.check(action_id)
    arrivals = await town.arrivals(action_id)
    town.go_on()
    if step == "sending":  # its command is on its way, too late: the vendor does not take it

        async def has_arrived() -> bool:
            return await town.arrivals(action_id) == 1

        assert arrivals == 0
        await eventually(has_arrived, 30, "the late command")
    assert (await town.check(await asked(http, late, desk)))["state"] == "success"
    assert await town.check(action_id) == ended
    assert len(await town.outcomes(action_id)) == 1
    late.process.end()


async def test_while_audit_is_away_nothing_is_sent_and_the_action_fails_closed(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    assert town.audit is not None
    town.audit.end()
    action_id = await asked(http, well, desk)
    row = await town.until_ended(action_id)
    assert (row["state"], row["code"]) == ("error", "BFF.LOCK_NO_RECEIPT")
    assert await town.arrivals(action_id) == 0
    await town.start_audit()
    await town.check(action_id)
    assert (await town.check(await asked(http, well, desk)))["state"] == "success"


async def test_audit_that_comes_back_in_time_gives_its_receipt(
    town: Town, desk: Desk, http: httpx.AsyncClient
) -> None:
    patient = await town.start_bff(LOCK_DEADLINE_SECONDS="60")
    assert town.audit is not None
    town.audit.end()
    action_id = await asked(http, patient, desk)
    assert await town.arrivals(action_id) == 0
    await town.start_audit()
    assert (await town.check(action_id))["state"] == "success"
    patient.process.end()


async def test_a_broker_that_is_killed_delays_or_fails_an_action_and_loses_none(
    town: Town, desk: Desk, http: httpx.AsyncClient
) -> None:
    patient = await town.start_bff(LOCK_DEADLINE_SECONDS="60")
    town.nats.kill()
    action_id = await asked(http, patient, desk)
    await town.nats.start()
    assert (await town.check(action_id))["state"] == "success"
    patient.process.end()


async def test_processes_that_are_killed_at_random_lose_nothing_and_double_nothing(
    town: Town, new_desk: NewDesk, http: httpx.AsyncClient
) -> None:
    random = Random(7)  # noqa: S311  # no secret, but repeatable
    desk = await new_desk()
    for _ in range(3):
        bff = await town.start_bff()
        for number in range(8):
            await asked(http, bff, desk, f"room-{number}")
        await asyncio.sleep(random.uniform(0.0, 1.5))
        bff.process.end()
    heir = await town.start_bff()
    rows = await town.actions_of(desk)
    assert len(rows) == 24
    for row in rows:
        await town.check(row["action_id"])
        assert await town.arrivals(row["action_id"]) <= 1
    await town.no_command_without_receipt()
    wrong = "select 1 from audit.lock_report where verdict <> 'recorded' and key is not null"
    assert await town.look(wrong) == []
    heir.process.end()


async def test_a_receipt_is_refused_under_a_halt_of_which_the_bff_has_not_heard(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    await town.look(
        "insert into audit.lock_halt (halt_id, cause, evidence, halted_at) values ($1, 'operator', 'a test', $2)",
        uuid7(),
        datetime.now(UTC),
    )
    action_id = await asked(http, well, desk)
    row = await town.until_ended(action_id)
    assert (row["state"], row["code"]) == ("error", "BFF.LOCKS_HALTED")
    assert await town.arrivals(action_id) == 0
    await town.forgive()


async def test_a_command_behind_our_back_halts_every_tenant_until_two_operators_resume_one(
    town: Town, well: Bff, desk: Desk, new_desk: NewDesk, http: httpx.AsyncClient
) -> None:
    other = await new_desk()
    assert (await town.check(await asked(http, well, desk)))["state"] == "success"
    await town.command_directly(desk, "room-7")

    async def is_halted(who: Desk) -> bool:
        answer = await ask(http, well, who)
        if answer.status_code == 503:
            assert answer.json()["code"] == "BFF.LOCKS_HALTED"
            assert int(answer.headers["retry-after"]) > 0
        return answer.status_code == 503

    await eventually(lambda: is_halted(desk), 30, "the halt")
    assert await is_halted(other), "it is for all"
    for operator, state in (("ada", "asked"), ("grace", "resumed")):
        answer = await http.post(
            f"{town.audit_url}/v1/tenants/{desk.tenant_id}/audit/lock-actions/resumption",
            json={"incident": "INC-7"},
            headers={
                "Authorization": f"Bearer {operator_token(town, operator)}",
                "Idempotency-Key": operator,
            },
        )
        assert answer.json()["state"] == state, answer.text

    async def is_resumed() -> bool:
        return not await is_halted(desk)

    await eventually(is_resumed, 30, "the end of the halt")
    assert await is_halted(other), "only one was resumed"
    assert (await town.check(await asked(http, well, desk)))["state"] == "success"
    await town.forgive()


def operator_token(town: Town, sub: str) -> str:
    claims = {"sub": sub, "aud": ["audit"], "realm_access": {"roles": ["SRE"]}, "acr": "mfa"}
    return town.stage.issuer.sign(claims, datetime.now(UTC).timestamp(), 300)
