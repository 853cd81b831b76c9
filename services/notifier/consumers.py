"""Events in: a notice for the mail, a message for each endpoint that wants to hear of it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from chassis.clock import Clock
from chassis.db import Tx, load_queries
from chassis.ids import uuid7
from chassis.telemetry import inject
from contracts.capabilities import DEMO_TENANT_ID
from contracts.envelope import Received
from contracts.event import Event
from services.notifier.model import MAILS, WEBHOOKS, MailRule, audience_of, wants

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))

MOST_BODY_BYTES = 20_480
"""As the table `message` has it."""

Handle = Callable[[Tx, Received[Any]], Awaitable[None]]


def handlers(clock: Clock) -> dict[type[Event], Handle]:
    """The HANDLERS table, made from the two tables of the model."""

    async def tell(tx: Tx, event: Received[Any]) -> None:
        if (rule := MAILS.get(type(event.body))) is not None:
            await queue_notice(tx, rule, event, clock)
        if (type_ := WEBHOOKS.get(type(event.body))) is not None:
            await queue_messages(tx, type_, event, clock)

    return dict.fromkeys({*MAILS, *WEBHOOKS}, tell)


async def queue_notice(tx: Tx, rule: MailRule, event: Received[Any], clock: Clock) -> None:
    await queries.add_notice(
        tx,
        tenant_id=event.body.tenant_id,
        notice_id=uuid7(),
        template=rule.template,
        business_key=rule.business_key(event.body),
        role=audience_of(rule, event.body),
        data=rule.data(event.body),
        traceparent=inject()[0],
        now=clock.now(),
    )


async def queue_messages(tx: Tx, type_: str, event: Received[Any], clock: Clock) -> None:
    """The exact bytes that will be sent are stored once. Nothing leaves the demo tenant."""
    if event.body.tenant_id == DEMO_TENANT_ID:
        return
    body = body_of(type_, event)
    async for endpoint in queries.endpoints_of_tenant(tx, tenant_id=event.body.tenant_id):
        if endpoint["state"] == "active" and wants(endpoint["event_types"], type_):
            await queries.add_message(
                tx,
                tenant_id=event.body.tenant_id,
                message_id=f"msg_{uuid7().hex}",
                endpoint_id=endpoint["endpoint_id"],
                event_id=event.envelope.id,
                type=type_,
                body=body,
                traceparent=inject()[0],
                now=clock.now(),
            )


def body_of(type_: str, event: Received[Any]) -> bytes:
    """What the customer's system reads. Too large a fact is told thin: that it happened, and to whom."""
    told = {"type": type_, "timestamp": event.envelope.time.isoformat()}
    body = orjson.dumps({**told, "data": orjson.loads(event.body.data())})
    if len(body) <= MOST_BODY_BYTES:
        return body
    thin = {
        "tenant_id": str(event.body.tenant_id),
        "subject": event.envelope.subject,
        "truncated": True,
    }
    return orjson.dumps({**told, "data": thin})
