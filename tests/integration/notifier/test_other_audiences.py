"""Mails to others than a tenant's members: sales, who asked for a trial, operators; and none out of the demo tenant."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from chassis.ids import uuid7
from contracts.capabilities import DEMO_TENANT_ID
from contracts.event import Event
from contracts.registry import DemoResetFailedV1, LeadRequestedV1, TrialRequestedV1
from tests.integration.notifier.happened import activated
from tests.integration.notifier.outside import Registry
from tests.integration.notifier.peer import Request, json_response
from tests.integration.notifier.stage import Stage

AT = datetime(2027, 1, 1, tzinfo=UTC)
LINK = "https://portal.example/trials/verify#token=secret-of-the-link"


def lead(tenant_id: UUID) -> LeadRequestedV1:
    return LeadRequestedV1(
        tenant_id=tenant_id, lead_id=uuid7(), kind="product_request", product="notetaker", requested_at=AT
    )


def trial(tenant_id: UUID) -> TrialRequestedV1:
    return TrialRequestedV1(tenant_id=tenant_id, trial_id=uuid7(), expires_at=AT)


def failed(night: int = 1) -> DemoResetFailedV1:
    return DemoResetFailedV1(
        tenant_id=DEMO_TENANT_ID,
        night=date(2027, 1, night),
        finished_at=AT.replace(day=night),
        faults=("notetaker: 1 users, expected 3",),
    )


@pytest.fixture
def directory(registry: Registry) -> Registry:
    """Answers at its other places too."""
    members = registry._answer

    async def answer(request: Request, writer: object) -> None:
        told = {
            "leads": {"company": "Acme", "kind": "product_request", "product_key": "notetaker", "plan": None,
                      "why": "Minutes", "seats": 4, "volume": None},
            "trials": {"link": LINK, "company": "Acme", "until": "tomorrow"},
            "operators": {},
        }.get(request.path.split("/")[4])  # fmt: skip
        if told is None:
            await members(request, writer)  # type: ignore[arg-type]  # a writer
            return
        who = {"member_id": "somebody", "email": "somebody@a.example", "name": "Somebody", "locale": "en"}
        writer.write(json_response({"recipients": [who], "data": told}))  # type: ignore[attr-defined]

    registry.peer.answer = answer
    return registry


@pytest.mark.usefixtures("directory")
async def test_each_is_told_once_with_what_only_the_registry_may_say(stage: Stage, tenant_id: UUID) -> None:
    wish, link, page = lead(tenant_id), trial(uuid7()), failed()
    events: list[Event] = [wish, link, page]
    await stage.hear(*events, *events)
    assert await stage.mailer().send_due() == 3
    texts = {mail["subject"]: str(mail.get_body(("plain",))) for mail in stage.mails()}
    assert "Minutes" in texts["Somebody would like something"]
    assert LINK in texts["Confirm your address to start your trial"]
    assert "notetaker: 1 users, expected 3" in texts["The demo tenant was not put back"]
    assert len(texts) == len(stage.mails()) == 3
    assert f"/internal/v1/directory/leads/{wish.lead_id}/recipients" in stage.registry.asked
    assert f"/internal/v1/directory/trials/{link.trial_id}/recipients" in stage.registry.asked
    kept = await stage.everything()
    assert not [word for word in ("secret-of-the-link", "somebody@", "Minutes") if word in kept]


@pytest.mark.usefixtures("directory")
async def test_each_failed_night_is_told(stage: Stage) -> None:
    await stage.hear(failed(1), failed(2))
    assert await stage.mailer().send_due() == 2


async def test_a_link_that_is_over_sends_nothing(stage: Stage, registry: Registry, tenant_id: UUID) -> None:
    async def answer(_: Request, writer: object) -> None:
        writer.write(json_response({"recipients": [], "data": {}}))  # type: ignore[attr-defined]

    registry.peer.answer = answer
    await stage.hear(trial(tenant_id))
    await stage.mailer().send_due()
    assert stage.mails() == []
    assert [row["state"] for row in await stage.rows("notice")] == ["done"]


async def test_nothing_leaves_the_demo_tenant(stage: Stage, directory: Registry) -> None:
    directory.add("guest@customer.example")
    await stage.subscribe(DEMO_TENANT_ID, "https://a.example/")
    await stage.hear(activated(DEMO_TENANT_ID), lead(DEMO_TENANT_ID))
    await stage.mailer().send_due()
    assert [mail["to"] for mail in stage.mails()] == ["somebody@a.example"], "our own people are told"
    assert await stage.rows("message") == []
    assert sorted(row["state"] for row in await stage.rows("mail")) == ["accepted", "suppressed"]
    [said] = await stage.said("notifier.mail.suppressed.v1")
    assert (said["reason"], said["template"]) == ("demo_tenant", "subscription_active")
    assert await stage.mailer().send_due() == 0
