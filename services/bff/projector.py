"""Events in: what the door must know, and what desktops are told, in the transaction that claims them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from chassis import outbox
from chassis.db import Tx, load_queries
from chassis.ids import uuid7
from chassis.inbox import handling
from chassis.telemetry import inject
from contracts.bff import SessionClosedV1, SessionReplacedV1
from contracts.catalogue import EVENT_TYPES
from contracts.envelope import Envelope, Message
from contracts.event import Event
from contracts.registry import (
    DeviceEnrolledV1,
    DeviceRevokedV1,
    EntitlementsChangedV1,
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
from services.bff.sessions import endings
from services.bff.sessions.store import queries as sessions

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))

STATUS: dict[type[Event], str] = {
    TenantActivatedV1: "active",
    TenantReactivatedV1: "active",
    TenantFrozenV1: "frozen",
    TenantArchivedV1: "archived",
    TenantDeletedV1: "deleted",
}
SHUT = frozenset({"archived", "deleted"})
"""In these states nobody of a tenant works."""
OF_A_TENANT: frozenset[type[Event]] = frozenset({*STATUS, TenantCreatedV1, EntitlementsChangedV1})
OF_A_DEVICE: frozenset[type[Event]] = frozenset({DeviceEnrolledV1, DeviceRevokedV1})
OF_A_MEMBER: frozenset[type[Event]] = frozenset({MemberJoinedV1, MemberScopeChangedV1, MemberDeactivatedV1})
TYPES = frozenset(event.type for event in OF_A_TENANT | OF_A_DEVICE | OF_A_MEMBER | SHOWN)
EVERYBODY = "*"
MAX_BODY = 60_000
MOST = 2**63 - 1
"""Stands for a number that is not known yet, so that its size is."""


async def project(tx: Tx, messages: Sequence[Message]) -> None:
    """The batch function of the bff's inbox; several processes run it at once."""
    ours = [message for message in messages if message.envelope.type in TYPES]
    await queries.in_turn(tx, tenant_ids=[message.envelope.tenant_id for message in ours])
    words: list[Word] = []
    for message in ours:
        if message.envelope.tenant_id is not None:
            with handling(message):
                body = EVENT_TYPES[message.envelope.type].read(message.data)
                await remember(tx, message.envelope, body)
                if (audience := audience_of(body)) is not None:
                    words.append(word_of(message.envelope, audience, body.data(), ended_by(body)))
    await append(tx, words)


async def remember(tx: Tx, envelope: Envelope, body: Any) -> None:
    """The directory: facts about a tenant, a device, a member, newer ones only; sessions that end with them."""
    kind = type(body)
    if kind in OF_A_TENANT:
        await remember_tenant(tx, envelope, body)
    elif kind in OF_A_DEVICE:
        await remember_device(tx, envelope, body)
    elif kind in OF_A_MEMBER:
        await remember_member(tx, envelope, body)


async def remember_tenant(tx: Tx, envelope: Envelope, body: Any) -> None:
    """Status and entitlements each have a version of their own, for an event says one of them.

    Whatever changes plan or products is followed by the whole set of entitlements.
    """
    told = {"tenant_id": body.tenant_id, "aggregate_version": envelope.aggregate_version}
    is_new = isinstance(body, TenantCreatedV1)
    if is_new:
        names = {"slug": body.slug, "name": body.name, "locale": body.locale, "time_zone": body.time_zone}
        await queries.know_tenant_names(tx, tenant_id=body.tenant_id, **names)
    status = body.status if is_new else STATUS.get(type(body))
    if status is not None:
        await queries.know_tenant(tx, **told, status=status)
    if status in SHUT:
        await endings.end_all(tx, body.tenant_id, "tenant_disabled", envelope.time)
    if isinstance(body, EntitlementsChangedV1):
        products = sorted(product.key for product in body.products if product.enabled)
        await queries.know_entitlements(tx, **told, plan=body.plan, ent_v=body.ent_v, products=products)


async def remember_device(tx: Tx, envelope: Envelope, body: DeviceEnrolledV1 | DeviceRevokedV1) -> None:
    """A revoked device's session ends; one that is just being opened on it waits for us, or we for it."""
    is_revoked = isinstance(body, DeviceRevokedV1)
    if is_revoked:
        await sessions.one_at_a_time(tx, device_id=body.device_id)
    await queries.know_device(
        tx,
        tenant_id=body.tenant_id,
        device_id=body.device_id,
        jkt=body.jkt,
        is_revoked=is_revoked,
        aggregate_version=envelope.aggregate_version,
    )
    if is_revoked:
        await endings.end_all(tx, body.tenant_id, "revoked", envelope.time, device_id=body.device_id)


async def remember_member(
    tx: Tx, envelope: Envelope, body: MemberJoinedV1 | MemberScopeChangedV1 | MemberDeactivatedV1
) -> None:
    """One that was deactivated is known as such; what it has open ends, unless newer things are known of it."""
    who = {"tenant_id": body.tenant_id, "member_id": body.member_id}
    if isinstance(body, MemberDeactivatedV1):
        await sessions.one_word_about_a_member(tx, **who)
        scope: dict[str, Any] = {"backoffice_roles": [], "properties": [], "is_deactivated": True}
    else:
        roles, properties = list(body.backoffice_roles), list(body.properties)
        scope = {"backoffice_roles": roles, "properties": properties, "is_deactivated": False}
    is_news = await queries.know_member(tx, **who, **scope, aggregate_version=envelope.aggregate_version)
    if scope["is_deactivated"] and is_news:
        await endings.end_all(tx, body.tenant_id, "deactivated", envelope.time, member_id=body.member_id)


def ended_by(body: Any) -> dict[str, str]:
    """Headers of the end of one session: which it was, and why; other streams that hear of it go on."""
    if isinstance(body, SessionClosedV1):
        return {"feed-session": str(body.session_id), "feed-reason": body.reason}
    if isinstance(body, SessionReplacedV1):
        return {"feed-session": str(body.session_id), "feed-reason": "replaced"}
    return {}


@dataclass(frozen=True, slots=True)
class Word:
    """What desktops of a tenant are told, but for its numbers."""

    tenant_id: UUID
    audience: str
    headers: Mapping[str, str]
    told: Mapping[str, Any]


def word_of(envelope: Envelope, audience: str, body: bytes, more: Mapping[str, str] | None = None) -> Word:
    """`more` are headers for the processes that read the feed. Raises ValueError for what fits into no frame."""
    if envelope.tenant_id is None:
        raise ValueError(f"{envelope.type} is no tenant's, and nobody's desktop is told of it")
    told = {
        "id": str(envelope.id),
        "audience": audience,
        "seq": MOST,
        "prev": MOST,
        "time": envelope.time.isoformat(),
        "type": envelope.type,
        "v": int(envelope.type.rpartition(".v")[2]),
        "aggregate": envelope.subject,
        "aggregate_version": envelope.aggregate_version,
        "tp": inject()[0] or envelope.traceparent,
        "body": orjson.loads(body),
    }
    if (size := len(orjson.dumps(told))) > MAX_BODY:
        raise ValueError(f"{envelope.type}: {size} bytes do not fit into a frame")
    headers = {
        "Nats-Msg-Id": f"{envelope.id}:{audience}",
        "feed-type": envelope.type,
        "feed-audience": audience,
        **(more or {}),
    }
    return Word(envelope.tenant_id, audience, headers, told)


async def append(tx: Tx, words: Sequence[Word]) -> None:
    """Feed rows in this order, numbered in their audiences and in their tenants; the rows of the tails are its locks.

    Two round trips for all of them: who projects holds up whoever projects of the same tenants.
    """
    if not words:
        return
    counts = Counter((word.tenant_id, audience) for word in words for audience in (word.audience, EVERYBODY))
    lasts = queries.next_in_audiences(
        tx,
        tenant_ids=[tenant_id for tenant_id, _ in counts],
        audiences=[audience for _, audience in counts],
        counts=list(counts.values()),
    )
    numbers = {}
    async for row in lasts:
        place = (row["tenant_id"], row["audience"])
        numbers[place] = count(row["n"] - counts[place] + 1)
    rows: list[tuple[UUID, UUID | None, str, Mapping[str, str], bytes]] = []
    for word in words:
        id_, n = uuid7(), next(numbers[word.tenant_id, word.audience])
        place_in_tenant = next(numbers[word.tenant_id, EVERYBODY])
        numbered = {"ce-id": str(id_), "feed-n": str(n), "feed-place": str(place_in_tenant)}
        data = orjson.dumps({**word.told, "seq": n, "prev": n - 1})
        subject = feed_subject(word.tenant_id, word.audience)
        rows.append((id_, word.tenant_id, subject, {**word.headers, **numbered}, data))
    await outbox.add_many(tx, "feed", rows)
