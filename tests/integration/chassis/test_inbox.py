"""The inbox: claim, apply, record progress and commit in one transaction, then acknowledge."""

from collections.abc import Callable
from random import Random

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import message_spans
from chassis.bus import Bus
from chassis.db import Tx
from chassis.inbox import Apply, Dispatch, dispatch
from contracts.envelope import Received
from contracts.registry import TenantActivatedV1, TenantTrialStartedV1
from tests.infra import eventually
from tests.integration.chassis.kinds import AskConsumer, NewConsumer, Running, all_acknowledged
from tests.integration.chassis.numbered_events import numbered, publish, several
from tests.integration.chassis.stage import Stage, one_by_one, write_effect, write_effects


@pytest.fixture(params=[one_by_one, lambda: write_effects], ids=["one by one", "as a batch"])
def apply(request: pytest.FixtureRequest) -> Apply:
    """Two engines, one meaning: every test with this fixture runs for both."""
    made: Apply = request.param()
    return made


async def test_published_events_are_applied_once_and_acknowledged(
    stage: Stage, running: Running, registry_bus: Bus, consumer_info: AskConsumer, apply: Apply
) -> None:
    events = several(20)
    await publish(registry_bus, events)
    running(apply)
    await eventually(lambda: all_acknowledged(consumer_info, 20))
    assert await stage.effects() == [event.id for event in events]
    assert await stage.seen() == {"01": "{[1,21)}"}


@pytest.mark.parametrize("seed", range(4))
async def test_redelivery_and_reordering_change_nothing(
    stage: Stage, new_consumer: NewConsumer, apply: Apply, seed: int
) -> None:
    """Any order, any batches, any repetition: the same rows, and of each aggregate its newest version."""
    random = Random(seed)  # noqa: S311 - no secret, but repeatable
    events = [
        numbered(number, tenant=several_tenants[number % 3], version=number)
        for several_tenants in [[numbered(1).envelope.tenant_id for _ in range(3)]]
        for number in range(1, 41)
    ]
    deliveries = [event.delivery for event in events for _ in range(random.randint(1, 4))]
    random.shuffle(deliveries)
    consumer = new_consumer(apply)
    while deliveries:
        batch = random.randint(1, 12)
        await consumer.receive(deliveries[:batch])
        del deliveries[:batch]
    assert sorted(await stage.effects()) == sorted(event.id for event in events)
    assert await stage.newest() == {
        event.envelope.subject: event.envelope.aggregate_version for event in events
    }
    assert await stage.seen() == {"01": "{[1,41)}"}


async def test_the_same_event_twice_in_one_batch_is_applied_once(
    stage: Stage, new_consumer: NewConsumer, apply: Apply
) -> None:
    event = numbered(1)
    verdict = await new_consumer(apply).receive([event.delivery, event.delivery])
    assert await stage.effects() == [event.id]
    assert len(verdict.done) == 2


async def test_an_event_without_a_handler_is_counted_and_acknowledged(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    verdict = await new_consumer(dispatch({TenantActivatedV1: write_effect})).receive([numbered(1).delivery])
    assert len(verdict.done) == 1
    assert await stage.effects() == []
    assert await stage.seen() == {"01": "{[1,2)}"}


async def test_progress_keeps_the_holes(stage: Stage, new_consumer: NewConsumer) -> None:
    await new_consumer(one_by_one()).receive([numbered(number).delivery for number in (2, 3, 7, 9)])
    assert await stage.seen() == {"01": "{[2,4),[7,8),[9,10)}"}


async def test_a_handler_works_under_the_row_level_security_of_its_tenant(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    events = several(2)
    await new_consumer(one_by_one()).receive([event.delivery for event in events])
    rows = await stage.effect_rows()
    assert [row["role"] for row in rows] == ["audit_app", "audit_app"]
    assert [row["tenant"] for row in rows] == [str(event.envelope.tenant_id) for event in events]


async def test_a_batch_works_as_the_worker(stage: Stage, new_consumer: NewConsumer) -> None:
    await new_consumer(write_effects).receive([numbered(1).delivery])
    assert [row["role"] for row in await stage.effect_rows()] == ["audit_worker"]


async def test_what_a_handler_causes_names_the_event_as_its_cause(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    event = numbered(1)
    await new_consumer(one_by_one()).receive([event.delivery])
    assert [row["causation"] for row in await stage.effect_rows()] == [str(event.id)]


async def test_two_processes_with_the_same_events_apply_each_once(
    stage: Stage, running: Running, registry_bus: Bus, consumer_info: AskConsumer
) -> None:
    events = several(200)
    running(one_by_one())
    running(one_by_one())
    await publish(registry_bus, events)
    await eventually(lambda: all_acknowledged(consumer_info, 200))
    assert sorted(await stage.effects()) == sorted(event.id for event in events)


@pytest.mark.parametrize("engine", [one_by_one, lambda: write_effects], ids=["one by one", "as a batch"])
async def test_each_message_has_a_span_under_its_own_parent_and_the_batch_links_to_them(
    new_consumer: NewConsumer, stage: Stage, monkeypatch: pytest.MonkeyPatch, engine: Callable[[], Dispatch]
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(message_spans, "_tracer", provider.get_tracer("test"))
    deliveries = []
    for number, event in enumerate(several(3), start=1):
        parent = f"00-{number:032x}-{number:016x}-01"
        delivery = event.delivery
        delivery.headers = {**delivery.headers, "traceparent": parent}
        deliveries.append(delivery)
    await new_consumer(engine()).receive(deliveries)
    spans = exporter.get_finished_spans()
    messages = [span for span in spans if span.name.endswith("process")]
    assert sorted(
        (span.context.trace_id, span.parent.span_id if span.parent else 0) for span in messages
    ) == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    [batch] = [span for span in spans if span.name.endswith("batch")]
    assert [link.context.trace_id for link in batch.links] == [1, 2, 3]
    provider.shutdown()


async def test_a_fact_of_the_whole_platform_is_handled_without_a_tenant(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    tenants: list[str | None] = []

    async def on_event(tx: Tx, event: Received[TenantTrialStartedV1]) -> None:
        tenants.append(await tx.fetchval("select nullif(current_setting('tenantry.tenant_id', true), '')"))

    delivery = numbered(1).delivery
    delivery.headers = {**delivery.headers, "ce-tenantid": "_"}
    await new_consumer(dispatch({TenantTrialStartedV1: on_event})).receive([delivery])
    assert tenants == [None]
