"""Commands that nobody asked for, and the halts that they make: durable, for all, resumed per tenant by two operators."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.clock import ManualClock
from chassis.ids import uuid7
from contracts.envelope import Message
from contracts.event import Event
from contracts.lock_actions import (
    LockActionCompletedV1,
    LockActionFailedV1,
    LockActionReportedV1,
    LockActionRequestedV1,
    report_id_of,
)
from services.audit.consumers import sequencer
from services.audit.errors import (
    LockActionsHalted,
    LockActionsNotHalted,
    OtherIncident,
    SecondOperatorNeeded,
)
from services.audit.gaps import halts, lock_actions
from services.audit.gaps.lock_actions import Reconciler
from tests.integration.audit.stage import KEYS, Log
from tests.integration.audit.tokens import TestIssuer, bearer
from tests.integration.chassis.numbered_events import several

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = timedelta(seconds=60)
HALTED, RESUMED = "audit.lock_actions.halted.v1", "audit.lock_actions.resumed.v1"
TENANT, OTHER = uuid7(), uuid7()


class Doors:
    """What audit hears of locks, in the order in which a test says it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.clock = ManualClock(NOW)
        self.lines = 0

    async def hear(self, event: Event) -> None:
        async with self.log.database.worker() as tx:
            await lock_actions.note(tx, event, self.clock.now(), PATIENCE)

    async def ask(self, **changed: Any) -> dict[str, Any]:
        """A request; answers what all its events say."""
        told = {
            "tenant_id": TENANT,
            "action_id": uuid7(),
            "property": "harbour",
            "lock_id": "room-1",
            "action": "unlock",
            "member_id": "m",
            "device_id": uuid7(),
            **changed,
        }
        now = self.clock.now()
        await self.hear(
            LockActionRequestedV1(**told, requested_at=now, expires_at=now + timedelta(seconds=15))
        )
        return told

    def line(self, told: dict[str, Any], **changed: Any) -> LockActionReportedV1:
        """The next line of the vendor's log."""
        self.lines += 1
        names = ("tenant_id", "property", "lock_id", "action")
        said = {
            "key": str(told["action_id"]),
            **{name: told[name] for name in names},
            "site": str(told["tenant_id"]),
            "executed_at": self.clock.now(),
            **changed,
        }
        return LockActionReportedV1(
            report_id=report_id_of("v", self.lines), vendor="v", entry=self.lines, **said
        )

    async def is_halted(self, tenant_id: UUID = TENANT) -> bool:
        async with self.log.database.reading(tenant_id) as tx:
            try:
                await halts.refuse_when_halted(tx, tenant_id)
            except LockActionsHalted:
                return True
        return False

    async def resume(self, operator: str, incident: str = "INC-1", tenant_id: UUID = TENANT) -> list[bool]:
        async with self.log.database.transaction(tenant_id) as tx:
            spoken = await halts.resume(tx, tenant_id, incident, operator, self.clock.now())
        return [one.is_resumed for one in spoken]

    async def halt(self) -> None:
        """By a command that nobody asked for."""
        await self.hear(self.line({**await self.ask(), "action_id": uuid7()}))


@pytest.fixture
def doors(log: Log) -> Doors:
    return Doors(log)


async def test_a_command_with_a_request_of_its_own_halts_nothing(doors: Doors) -> None:
    told = await doors.ask()
    await doors.hear(doors.line(told))
    await doors.hear(LockActionCompletedV1(**told, completed_at=NOW))
    assert not await doors.is_halted()


@pytest.mark.parametrize(
    "changed",
    [
        {"key": None},
        {"key": "made-up"},
        {"key": str(uuid7())},
        {"lock_id": "room-2"},
        {"property": "hill"},
        {"action": "block"},
        {"lock_id": "room\0-1"},
        {"key": "\0"},
        {"tenant_id": OTHER},
        {"tenant_id": None, "site": "somewhere"},
    ],
    ids=[
        "no key",
        "no id",
        "another action",
        "another lock",
        "another property",
        "another verb",
        "NUL in the lock",
        "NUL in the key",
        "another tenant",
        "no tenant",
    ],
)
async def test_a_command_without_a_record_halts_every_tenant(doors: Doors, changed: dict[str, Any]) -> None:
    told = await doors.ask()
    line = doors.line(told, **changed)
    await doors.hear(line)
    assert [await doors.is_halted(tenant) for tenant in (TENANT, OTHER)] == [True, True]
    [(_, body)] = await doors.log.said(HALTED)
    assert (body["tenant_id"], body["cause"]) == (None, "unrecorded_command")
    assert body["evidence"] == str(line.report_id)


async def test_a_report_that_cannot_be_read_halts_and_is_a_record(doors: Doors) -> None:
    """With the sequencer that the inbox runs: what it raises would keep the record out of the log."""
    line = doors.line(await doors.ask())
    [event] = several(1)
    envelope = replace(event.envelope, type=line.type, tenant_id=TENANT)
    async with doors.log.database.worker() as tx:
        await sequencer(doors.clock, KEYS)(tx, [Message(envelope, b'{"key": 7}')])
    assert await doors.is_halted()
    assert [row["record_id"] for row in await doors.log.records(TENANT)] == [envelope.id]


async def test_a_second_execution_under_one_request_halts(doors: Doors) -> None:
    told = await doors.ask()
    await doors.hear(doors.line(told))
    assert not await doors.is_halted()
    await doors.hear(doors.line(told))
    assert await doors.is_halted()


async def test_the_same_line_read_twice_is_one_line(doors: Doors) -> None:
    line = doors.line(await doors.ask())
    await doors.hear(line)
    await doors.hear(line)
    assert not await doors.is_halted()


async def test_a_halt_survives_more_of_the_same_and_is_said_once(doors: Doors) -> None:
    await doors.halt()
    await doors.halt()
    assert len(await doors.log.said(HALTED)) == 1


async def test_one_tenant_is_resumed_by_two_operators_who_name_the_incident(doors: Doors) -> None:
    await doors.halt()
    assert await doors.resume("first") == [False]
    assert await doors.is_halted()
    assert await doors.resume("second") == [True]
    assert [await doors.is_halted(tenant) for tenant in (TENANT, OTHER)] == [False, True]
    [(_, body)] = await doors.log.said(RESUMED)
    assert (body["tenant_id"], body["incident"]) == (str(TENANT), "INC-1")
    assert (body["asked_by"], body["confirmed_by"]) == ("first", "second")


async def test_one_operator_alone_resumes_nothing(doors: Doors) -> None:
    await doors.halt()
    await doors.resume("first")
    with pytest.raises(SecondOperatorNeeded):
        await doors.resume("first")
    assert await doors.is_halted()


async def test_not_even_the_database_takes_one_operator_for_two(doors: Doors) -> None:
    await doors.halt()
    await doors.resume("first")
    with pytest.raises(Exception, match="lock_resumption"):
        await doors.log.admin.execute(
            "update audit.lock_resumption set confirmed_by = asked_by, confirmed_at = asked_at"
        )


async def test_two_operators_who_speak_of_different_incidents_do_not_agree(doors: Doors) -> None:
    await doors.halt()
    await doors.resume("first", "INC-1")
    with pytest.raises(OtherIncident):
        await doors.resume("second", "INC-2")
    assert await doors.is_halted()


async def test_a_first_word_is_forgotten_after_an_hour(doors: Doors) -> None:
    await doors.halt()
    await doors.resume("first")
    doors.clock.advance(timedelta(hours=1))
    assert await doors.resume("second") == [False]
    assert await doors.resume("first") == [True]


async def test_a_halt_between_the_two_words_needs_two_of_its_own(doors: Doors) -> None:
    await doors.halt()
    await doors.resume("first")
    await doors.halt()
    assert sorted(await doors.resume("second")) == [False, True]
    assert await doors.is_halted()
    assert await doors.resume("first") == [True]
    assert not await doors.is_halted()


async def test_what_is_not_halted_cannot_be_resumed(doors: Doors) -> None:
    with pytest.raises(LockActionsNotHalted):
        await doors.resume("first")


async def test_two_operators_at_once_resume_it_once(doors: Doors) -> None:
    await doors.halt()
    said = await asyncio.gather(doors.resume("first"), doors.resume("second"))
    assert sorted(said) == [[False], [True]]
    assert len(await doors.log.said(RESUMED)) == 1


async def test_requests_without_an_outcome_and_outcomes_without_a_report_are_warned_of_once(
    doors: Doors, capsys: pytest.CaptureFixture[str]
) -> None:
    forgotten, unseen, failed, whole = [await doors.ask(lock_id=f"room-{n}") for n in range(4)]
    await doors.hear(LockActionCompletedV1(**unseen, completed_at=NOW))
    await doors.hear(LockActionFailedV1(**failed, code="BFF.LOCK_EXPIRED", failed_at=NOW))
    await doors.hear(doors.line(whole))
    await doors.hear(LockActionCompletedV1(**whole, completed_at=NOW))
    reconciler = Reconciler(doors.log.database, doors.clock, every=60)
    assert await reconciler.warn() == 0
    doors.clock.advance(PATIENCE)
    assert await reconciler.warn() == 2
    assert await reconciler.warn() == 0
    told = capsys.readouterr().out
    assert forgotten["lock_id"] in told
    assert "awaits=outcome" in told
    assert "awaits=report" in told


async def test_a_report_of_what_was_said_to_have_failed_is_a_page(
    doors: Doors, capsys: pytest.CaptureFixture[str]
) -> None:
    told = await doors.ask()
    await doors.hear(LockActionFailedV1(**told, code="BFF.LOCK_NEVER_ARRIVED", failed_at=NOW))
    await doors.hear(doors.line(told))
    assert "audit.lock_actions.done_and_failed" in capsys.readouterr().out


async def test_operators_halt_and_resume_over_http(audit: httpx.AsyncClient, issuer: TestIssuer) -> None:
    async def say(sub: str, path: str, body: dict[str, str], role: str = "SRE") -> httpx.Response:
        token = issuer.token(sub=sub, realm_access={"roles": [role]})
        headers = {**bearer(token), "Idempotency-Key": str(uuid7())}
        return await audit.post(path, json=body, headers=headers)

    resumption = f"/v1/tenants/{TENANT}/audit/lock-actions/resumption"
    halted = await say("first", "/v1/audit/lock-actions/halts", {"reason": "a stolen laptop"})
    assert halted.status_code == 201
    refused = await say("sam", resumption, {"incident": "INC-9"}, role="SUPPORT_ENGINEER")
    assert refused.status_code == 403
    assert (await say("first", resumption, {"incident": "INC-9"})).json()["state"] == "asked"
    again = await say("first", resumption, {"incident": "INC-9"})
    assert (again.status_code, again.json()["code"]) == (409, "AUDIT.SECOND_OPERATOR_NEEDED")
    assert (await say("second", resumption, {"incident": "INC-9"})).json()["state"] == "resumed"
    shown = (await audit.get("/v1/audit/lock-actions/halts", headers=issuer.operator("SRE"))).json()
    [halt] = [one for one in shown["halts"] if one["halt_id"] == halted.json()["halt_id"]]
    assert (halt["cause"], halt["evidence"], halt["reason"]) == ("operator", "first", "a stolen laptop")
    [resumed] = halt["tenants"]
    assert (resumed["asked_by"], resumed["confirmed_by"]) == ("first", "second")
    listed = await audit.get("/v1/audit/gaps", params={"state": "all"}, headers=issuer.operator("SRE"))
    assert listed.json() == {"gaps": []}
