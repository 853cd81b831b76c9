"""Mails while the registry is away, when a process dies in the middle, and when two processes are at it."""

import asyncio
import signal
import sys
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from chassis.db import Database
from services.notifier import mailer as mailer_module
from services.notifier.consumers import queries
from tests.infra import eventually
from tests.integration.notifier.happened import activated
from tests.integration.notifier.outside import Registry
from tests.integration.notifier.peer import answering, silence
from tests.integration.notifier.stage import Stage

LEASE = mailer_module.LEASE.total_seconds()


async def states(stage: Stage, table: str) -> list[str]:
    return [row["state"] for row in await stage.rows(table)]


async def test_while_the_registry_is_down_the_mail_is_held_and_then_goes_once(
    stage: Stage, registry: Registry, tenant_id: UUID
) -> None:
    registry.add("ada@a.example")
    await registry.peer.down()
    await stage.hear(activated(tenant_id))
    mailer = stage.mailer()
    with capture_logs() as logs:
        await mailer.send_due()
    assert [entry["event"] for entry in logs] == ["mailer.held"]
    assert await states(stage, "notice") == ["held"]
    assert stage.mails() == []
    await registry.peer.up()
    assert await mailer.send_due() == 0, "it is not asked again before its time"
    stage.pass_time(stage.settings.hold_seconds)
    assert await mailer.send_due() == 1
    assert await states(stage, "notice") == ["done"]
    stage.pass_time(2 * LEASE)
    assert await mailer.send_due() == 0
    assert len(stage.mails()) == len(await stage.said("notifier.mail.accepted.v1")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        answering(500),
        answering(401),
        answering(404, b"{}"),
        answering(404, b"[]"),
        answering(404, b'{"code": "CHASSIS.NOT_FOUND"}'),
        answering(200, b"oops"),
        answering(200, b"{}"),
        answering(200, b"[]"),
        answering(200, b'{"name": "a", "status": "active", "recipients": [{"email": "a"}]}'),
        answering(302, location="http://127.0.0.1:9/"),
    ],
)
async def test_an_answer_that_makes_no_sense_holds_the_mail(
    stage: Stage, registry: Registry, tenant_id: UUID, answer: object
) -> None:
    registry.peer.answer = answer  # type: ignore[assignment]  # an Answer
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    assert await states(stage, "notice") == ["held"]


async def test_without_a_token_the_mail_is_held(stage: Stage, tenant_id: UUID) -> None:
    await stage.issuer.peer.down()
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    assert await states(stage, "notice") == ["held"]
    assert stage.registry.peer.requests == []


async def test_a_registry_that_says_more_than_is_asked_is_understood(stage: Stage, tenant_id: UUID) -> None:
    stage.registry.more = {"added_in": "a later version"}
    stage.registry.add("ada@a.example")
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    assert len(stage.mails()) == 1


async def test_a_tenant_that_the_registry_does_not_know_is_told_nothing_and_not_asked_for_again(
    stage: Stage, tenant_id: UUID
) -> None:
    stage.registry.known = False
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    assert await states(stage, "notice") == ["done"]
    assert stage.mails() == []
    stage.pass_time(LEASE)
    assert await stage.mailer().send_due() == 0


async def test_one_tenant_whose_answer_does_not_come_delays_no_other(
    stage: Stage, registry: Registry, tenant_id: UUID
) -> None:
    """Fifty in a row at five seconds each would outlive their leases."""
    registry.add("ada@a.example")
    registry.peer.script = [silence]
    await stage.hear(activated(tenant_id), activated(UUID(int=tenant_id.int + 1)))
    sending = asyncio.create_task(stage.mailer().send_due())
    await eventually(lambda: len(stage.mails()) == 1, 4, "the other tenant's mail")
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_killed_between_handing_over_and_recording_doubles_nothing(
    stage: Stage, tenant_id: UUID, moment: str
) -> None:
    """`sending` is committed first; who finds it there sends under the same id, into the same file."""
    stage.registry.add("ada@a.example")
    await stage.hear(activated(tenant_id))
    script = "tests.integration.notifier.dying_mailer"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", script, moment, *arguments(stage), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    left = stage.mails()
    assert len(left) == (1 if moment == "after" else 0)
    assert await states(stage, "mail") == ["sending"]
    assert await stage.said("notifier.mail.accepted.v1") == []
    assert await stage.mailer().send_due() == 0, "its lease has not ended"
    stage.pass_time(2 * LEASE)
    await stage.mailer().send_due()
    [mail] = stage.mails()
    assert [mail["message-id"] for mail in left] in ([], [mail["message-id"]])
    assert await states(stage, "mail") == ["accepted"]
    assert len(await stage.said("notifier.mail.accepted.v1")) == 1


def arguments(stage: Stage) -> list[str]:
    settings = stage.settings
    return [
        *stage.database.urls,
        settings.oidc_issuer,
        settings.registry_url,
        str(settings.mail_folder),
    ]


async def test_a_mailer_whose_lease_ended_says_nothing_twice(
    stage: Stage, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.registry.add("ada@a.example")
    await stage.hear(activated(tenant_id))
    finish, waiting, go_on = queries.finish_mail, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(queries, "finish_mail", finish)
        waiting.set()
        await go_on.wait()
        return await finish(*arguments, **named)

    monkeypatch.setattr(queries, "finish_mail", slow)
    first = asyncio.create_task(stage.mailer().send_due())
    await waiting.wait()
    stage.pass_time(LEASE)
    await stage.mailer().send_due()
    go_on.set()
    await first
    assert len(stage.mails()) == len(await stage.said("notifier.mail.accepted.v1")) == 1


async def test_mailers_at_the_same_time_share_the_work(
    stage: Stage, database: object, tenant_id: UUID
) -> None:
    stage.registry.add("ada@a.example")
    await stage.hear(*(activated(tenant_id, sales_order=f"SO-{number}") for number in range(40)))
    other = Database("notifier", *stage.database.urls)
    mailers = [stage.mailer() for _ in range(4)]
    mailers[0]._database = other
    took = await asyncio.gather(*(mailer.send_due() for mailer in mailers))
    await other.close()
    assert sum(took) == 40
    assert len(stage.mails()) == len(await stage.said("notifier.mail.accepted.v1")) == 40
