"""Events in: what the door must know, and what desktops are told, in the transaction that claims them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from chassis import outbox
from chassis.db import Tx, load_queries, rows
from chassis.ids import uuid7
from chassis.inbox import handling
from chassis.telemetry import inject
from contracts.bff import SessionClosedV1
from contracts.catalogue import EVENT_TYPES
from contracts.envelope import Envelope, Message
from contracts.event import Event
from contracts.registry import (
    DeviceEnrolledV1,
    DeviceRevokedV1,
    MemberDeactivatedV1,
    MemberJoinedV1,
    MemberScopeChangedV1,
    TenantActivatedV1,
    TenantArchivedV1,
    TenantCreatedV1,
    TenantDeletedV1,
    TenantFrozenV1,
    TenantReactivatedV1,
)
from contracts.subjects import feed_subject
from services.bff.audiences import SHOWN, audience_of

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))

STATUS: dict[type[Event], str] = {
    TenantCreatedV1: "trial",
    TenantActivatedV1: "active",
    TenantReactivatedV1: "active",
    TenantFrozenV1: "frozen",
    TenantArchivedV1: "archived",
    TenantDeletedV1: "deleted",
}
KNOWN_HERE: frozenset[type[Event]] = frozenset(
    {*STATUS, MemberJoinedV1, MemberScopeChangedV1, MemberDeactivatedV1, DeviceEnrolledV1, DeviceRevokedV1}
)
TYPES = frozenset(event.type for event in KNOWN_HERE | SHOWN)
EVERYBODY = "*"
MAX_BODY = 60_000


async def project(tx: Tx, messages: Sequence[Message]) -> None:
    """The batch function of the bff's inbox."""
    for message in messages:
        if message.envelope.type in TYPES and message.envelope.tenant_id is not None:
            with handling(message):
                body = EVENT_TYPES[message.envelope.type].read(message.data)
                await remember(tx, message.envelope, body)
                await show(tx, message.envelope, body)


async def remember(tx: Tx, envelope: Envelope, body: Any) -> None:
    """The directory: facts about a tenant, a device, a member, newer ones only."""
    told = {"tenant_id": envelope.tenant_id, "aggregate_version": envelope.aggregate_version}
    if (status := STATUS.get(type(body))) is not None:
        await queries.know_tenant(tx, **told, status=status)
    elif isinstance(body, DeviceEnrolledV1 | DeviceRevokedV1):
        is_revoked = isinstance(body, DeviceRevokedV1)
        await queries.know_device(tx, **told, device_id=body.device_id, jkt=body.jkt, is_revoked=is_revoked)
    elif isinstance(body, MemberJoinedV1 | MemberScopeChangedV1):
        await queries.know_member(
            tx,
            **told,
            member_id=body.member_id,
            backoffice_roles=list(body.backoffice_roles),
            properties=list(body.properties),
            is_deactivated=False,
        )
    elif isinstance(body, MemberDeactivatedV1):
        await deactivate(tx, envelope, body)


async def deactivate(tx: Tx, envelope: Envelope, body: MemberDeactivatedV1) -> None:
    """The member is known as one that may not come in; what it has open ends, unless newer things are known of it."""
    who = {"tenant_id": body.tenant_id, "member_id": body.member_id}
    await queries.one_word_about_a_member(tx, **who)
    is_news = await queries.know_member(
        tx,
        **who,
        aggregate_version=envelope.aggregate_version,
        backoffice_roles=[],
        properties=[],
        is_deactivated=True,
    )
    if not is_news:
        return
    ended = await rows(queries.close_sessions_of_member(tx, **who, reason="deactivated", now=envelope.time))
    for row in ended:
        closed = SessionClosedV1(
            tenant_id=body.tenant_id,
            member_id=body.member_id,
            session_id=row["session_id"],
            device_id=row["device_id"],
            reason="deactivated",
            closed_at=envelope.time,
        )
        await outbox.add(tx, closed, aggregate_version=row["row_version"])


async def show(tx: Tx, envelope: Envelope, body: Any) -> None:
    """Tell whom it concerns."""
    audience = audience_of(body)
    if audience is not None:
        await append(tx, envelope, audience, body.data())


async def append(tx: Tx, envelope: Envelope, audience: str, body: bytes) -> None:
    """One feed row, numbered in its audience and in its tenant; the rows of the tails are the order's locks."""
    if envelope.tenant_id is None:
        return
    place = await queries.next_in_audience(tx, tenant_id=envelope.tenant_id, audience=EVERYBODY)
    n = await queries.next_in_audience(tx, tenant_id=envelope.tenant_id, audience=audience)
    data = orjson.dumps(
        {
            "id": str(envelope.id),
            "audience": audience,
            "seq": n,
            "prev": n - 1,
            "time": envelope.time.isoformat(),
            "type": envelope.type,
            "v": int(envelope.type.rpartition(".v")[2]),
            "tp": inject()[0] or envelope.traceparent,
            "body": orjson.loads(body),
        }
    )
    if len(data) > MAX_BODY:
        raise ValueError(f"{envelope.type}: {len(data)} bytes do not fit into a frame")
    id_ = uuid7()
    headers = {
        "ce-id": str(id_),
        "Nats-Msg-Id": f"{envelope.id}:{audience}",
        "feed-type": envelope.type,
        "feed-audience": audience,
        "feed-n": str(n),
        "feed-place": str(place),
    }
    subject = feed_subject(envelope.tenant_id, audience)
    await outbox.add_raw(tx, "feed", id_, envelope.tenant_id, subject, headers, data)
