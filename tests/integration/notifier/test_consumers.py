"""Events in: one mail and one message per endpoint from each fact, whatever is redelivered or reordered."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from chassis.bus import Bus
from chassis.ids import uuid7
from chassis.inbox import Consumer, InboxSettings, dispatch
from contracts.event import Event
from services.notifier.consumers import handlers
from tests.infra import eventually
from tests.integration.chassis.numbered_events import Numbered, publish
from tests.integration.chassis.stage import STREAM
from tests.integration.notifier.happened import TRACE, activated, entitled, frozen, happened
from tests.integration.notifier.peer import Peer
from tests.integration.notifier.stage import Stage


@pytest.fixture
async def consumer(stage: Stage, bus: Callable[[str], Awaitable[Bus]]) -> Consumer:
    """Composed as in `services.notifier.app`."""
    return Consumer(
        bus=await bus("notifier"),
        database=stage.database,
        clock=stage.clock,
        service="notifier",
        stream=STREAM,
        durable="notifier-inbox",
        apply=dispatch(handlers(stage.clock)),
        settings=InboxSettings(max_batch=1),
    )


async def receive(consumer: Consumer, *events: Numbered) -> None:
    for event in events:
        await consumer.receive([event.delivery])


def in_a_row(*events: Event) -> list[Numbered]:
    return [happened(event, sequence) for sequence, event in enumerate(events, 1)]


@pytest.mark.parametrize("seed", range(4))
async def test_redelivery_and_reordering_change_nothing(
    stage: Stage, consumer: Consumer, tenant_id: UUID, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # no secret, but repeatable
    other = uuid7()
    for tenant in (tenant_id, tenant_id, other):
        await stage.subscribe(tenant, "https://a.example/")
    events = in_a_row(activated(tenant_id), entitled(tenant_id), activated(other), frozen(other))
    deliveries = [event for event in events for _ in range(random.randint(1, 4))]
    random.shuffle(deliveries)
    await receive(consumer, *deliveries)
    assert sorted(row["tenant_id"] for row in await stage.rows("notice")) == sorted([tenant_id, other])
    told = sorted((row["tenant_id"], row["type"]) for row in await stage.rows("message"))
    assert told == sorted(
        [
            *[(tenant_id, "tenant.activated"), (tenant_id, "entitlements.changed")] * 2,
            (other, "tenant.activated"),
        ]
    )
    assert await stage.rows("dead_letter") == []


async def test_the_same_order_told_by_two_events_is_one_mail(stage: Stage, tenant_id: UUID) -> None:
    await stage.hear(activated(tenant_id, sales_order="SO-7"), activated(tenant_id, sales_order="SO-7"))
    await stage.hear(activated(tenant_id, sales_order=None, ent_v=3))
    keys = sorted(row["business_key"] for row in await stage.rows("notice"))
    assert keys == ["activated-3", "activated-SO-7"]


async def test_two_tenants_with_the_same_order_number_are_both_told(stage: Stage, tenant_id: UUID) -> None:
    await stage.hear(activated(tenant_id), activated(uuid7()))
    assert len(await stage.rows("notice")) == 2


@pytest.mark.parametrize(
    ("event_types", "types"),
    [
        (["*"], ["entitlements.changed", "tenant.activated"]),
        (["tenant.*"], ["tenant.activated"]),
        (["tenant.activated", "*", "tenant.*"], ["entitlements.changed", "tenant.activated"]),
        (["entitlements.changed"], ["entitlements.changed"]),
        (["tenant"], []),
        (["entitlements.*.changed"], []),
    ],
)
async def test_an_endpoint_hears_what_it_asked_for(
    stage: Stage, tenant_id: UUID, event_types: list[str], types: list[str]
) -> None:
    await stage.subscribe(tenant_id, "https://a.example/", *event_types)
    await stage.hear(activated(tenant_id), entitled(tenant_id))
    assert sorted(row["type"] for row in await stage.rows("message")) == types


async def test_a_tenant_that_nobody_heard_of_has_its_notice_and_no_message(stage: Stage) -> None:
    await stage.subscribe(uuid7(), "https://a.example/")
    await stage.hear(activated(uuid7()), entitled(uuid7()))
    assert len(await stage.rows("notice")) == 1
    assert await stage.rows("message") == []


async def test_a_frozen_tenant_is_nobodys_matter_here_and_is_still_counted(
    stage: Stage, consumer: Consumer, tenant_id: UUID
) -> None:
    await receive(consumer, *in_a_row(frozen(tenant_id), activated(tenant_id)))
    assert [row["template"] for row in await stage.rows("notice")] == ["subscription_active"]
    [progress] = await stage.admin.fetch("select seen::text as seen from notifier.source_progress")
    assert progress["seen"] == "{[1,3)}"


async def test_what_happened_is_told_also_to_a_tenant_that_was_frozen_since(
    stage: Stage, tenant_id: UUID
) -> None:
    stage.registry.add("ada@a.example")
    await stage.hear(activated(tenant_id))
    stage.registry.status = "frozen"
    await stage.mailer().send_due()
    assert len(stage.mails()) == 1


async def test_a_deleted_endpoint_hears_nothing_more(stage: Stage, tenant_id: UUID) -> None:
    await stage.subscribe(tenant_id, "https://a.example/")
    await stage.admin.execute("update notifier.endpoint set state = 'deleted'")
    await stage.hear(activated(tenant_id))
    assert await stage.rows("message") == []


async def test_the_stored_bytes_say_type_time_and_tenant(
    stage: Stage, consumer: Consumer, tenant_id: UUID
) -> None:
    await stage.subscribe(tenant_id, "https://a.example/")
    event = happened(activated(tenant_id))
    await receive(consumer, event)
    [row] = await stage.rows("message")
    told = orjson.loads(row["body"])
    assert (told["type"], told["timestamp"]) == ("tenant.activated", event.envelope.time.isoformat())
    assert (told["data"]["tenant_id"], told["data"]["slug"]) == (str(tenant_id), "acme")
    assert row["event_id"] == event.id


async def test_an_event_too_large_for_a_message_is_told_thin_and_stops_no_mail(
    stage: Stage, consumer: Consumer, tenant_id: UUID
) -> None:
    await stage.subscribe(tenant_id, "https://a.example/")
    products = tuple(f"product-{number:04}" for number in range(3000))
    await receive(consumer, *in_a_row(activated(tenant_id, products=products), entitled(tenant_id, 1000)))
    assert await stage.rows("dead_letter") == []
    assert len(await stage.rows("notice")) == 1
    thin = {"tenant_id": str(tenant_id), "subject": f"tenant/{tenant_id}", "truncated": True}
    assert [orjson.loads(row["body"])["data"] for row in await stage.rows("message")] == [thin, thin]


async def test_a_fact_goes_from_the_stream_to_mail_and_webhook_under_one_trace(
    stage: Stage,
    consumer: Consumer,
    bus: Callable[[str], Awaitable[Bus]],
    receiver: Peer,
    tenant_id: UUID,
    run_part: Callable[[Any], None],
) -> None:
    stage.registry.add("ada@a.example", "fr")
    await stage.subscribe(tenant_id, receiver.url)
    await stage.subscribe(tenant_id, receiver.url, "tenant.*")
    for part in (consumer, stage.mailer(), stage.deliverer()):
        run_part(part)
    [event] = in_a_row(activated(tenant_id))
    await publish(await bus("registry"), [event, event])
    await eventually(lambda: bool(stage.mails()) and len(receiver.requests) == 2, what="a mail and two calls")
    assert {row["traceparent"].split("-")[1] for row in await stage.rows("message")} == {TRACE}
    assert [mail["subject"] for mail in stage.mails()] == ["Votre abonnement est actif"]
