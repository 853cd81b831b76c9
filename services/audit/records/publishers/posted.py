"""What the log says of a record that a publisher posted: Retraced's object, and beside it what we add. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Header
from opentelemetry import trace

from services.audit.records.personal.keys import personal_id
from services.audit.records.personal.model import EMAIL, Personal
from services.audit.records.record import STANDARD, Record, rfc3339
from services.audit.records.retraced import PostedEvent
from services.audit.records.tokens.operations import Publisher
from services.audit.records.words import tells_of_somebody, words_of

FORMAT = "tenantry-audit-record/1"
ANONYMOUS = "anonymous"
PRODUCT = re.compile(r"[a-z][a-z0-9_]{1,39}")
Word = Annotated[str | None, Header(max_length=256, pattern=r"^[\x20-\x7e]*$")]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside Retraced's object; it comes in headers, for all events of a request alike."""

    actor_type: str | None = None
    on_behalf_of: str | None = None
    impersonation_id: str | None = None
    session_id: str | None = None
    user_agent: str | None = None
    record_class: str = STANDARD
    trace_id: str | None = None


async def beside(
    tenantry_actor_type: Annotated[Literal["user", "service", "api_key", "system"], Header()] = "user",
    tenantry_on_behalf_of: Word = None,
    tenantry_impersonation_id: Word = None,
    tenantry_session_id: Word = None,
    tenantry_user_agent: Annotated[str | None, Header(max_length=1024, pattern=r"^[\x20-\x7e]*$")] = None,
    tenantry_class: Annotated[Literal["critical", "standard", "read"], Header()] = "standard",
) -> Beside:
    """FastAPI dependency."""
    span = trace.get_current_span().get_span_context()
    return Beside(
        tenantry_actor_type,
        tenantry_on_behalf_of,
        tenantry_impersonation_id,
        tenantry_session_id,
        tenantry_user_agent,
        tenantry_class,
        f"{span.trace_id:032x}" if span.is_valid else None,
    )


def record_of(event: PostedEvent, told: Beside, publisher: Publisher, id_: UUID, now: datetime) -> Record:
    """`now` stands for a time that the publisher did not tell."""
    happened_at = event.created or now
    actor_id = event.actor.id if event.actor else None
    target_id = event.target.id if event.target else None
    actor_type = told.actor_type if actor_id else ANONYMOUS
    marks = personal_of(event, told, publisher)
    product = product_of(event, publisher)
    source = f"/publishers/{publisher.token_id}"
    statement = {
        "format": FORMAT,
        "id": str(id_),
        "time": rfc3339(happened_at),
        "tenant_id": str(publisher.tenant_id),
        "project_id": publisher.project_id,
        "product": product,
        "source": source,
        "actor_type": actor_type,
        "on_behalf_of": told.on_behalf_of,
        "impersonation_id": told.impersonation_id,
        "session_id": told.session_id,
        "user_agent": told.user_agent,
        "trace_id": told.trace_id,
        "class": told.record_class,
        "event": stated(event),
    }
    return Record(
        tenant_id=publisher.tenant_id,
        id=id_,
        statement=statement,
        happened_at=happened_at,
        action=event.action,
        source=source,
        record_class=told.record_class,
        crud=event.crud,
        product=product,
        project_id=publisher.project_id,
        actor_id=actor_id,
        actor_type=actor_type,
        on_behalf_of=told.on_behalf_of,
        impersonation_id=told.impersonation_id,
        session_id=told.session_id,
        target_id=target_id,
        target_type=event.target.type if event.target else None,
        network=network_of(event.source_ip),
        is_failure=bool(event.is_failure),
        external_id=event.external_id,
        trace_id=told.trace_id,
        words=words_of(clear_texts(event, marks)),
        personal=marks,
    )


def stated(event: PostedEvent) -> dict[str, Any]:
    """What was posted, absent members left out. Maps become lists of pairs, since keys of a leaf are ASCII."""
    given = event.model_dump(mode="python", exclude_none=True)
    if event.created is not None:
        given["created"] = rfc3339(event.created)
    for holder in (given, given.get("actor", {}), given.get("target", {})):
        for name in ("fields", "metadata"):
            if name in holder:
                holder[name] = [{"key": key, "value": text} for key, text in sorted(holder[name].items())]
    return given


def personal_of(event: PostedEvent, told: Beside, publisher: Publisher) -> tuple[Personal, ...]:
    """Names, links and fields of persons, addresses, user agents, values that are mail addresses, fields that the token
    names, and a description that tells of somebody. Of the actor, unless it is the target's.
    """
    actor = event.actor.id if event.actor else ANONYMOUS
    marks = personal_id(("on_behalf_of",), told.on_behalf_of)
    for who, part in (("actor", event.actor), ("target", event.target)):
        if part is not None:
            marks += personal_id(("event", who, "id"), part.id)
            held = {"name": part.name, "href": part.href, "fields": part.fields}
            marks += tuple(
                Personal(("event", who, name), part.id, is_name=name == "name")
                for name, value in held.items()
                if value is not None
            )
    if event.source_ip is not None:
        marks += (Personal(("event", "source_ip"), actor),)
    if told.user_agent is not None:
        marks += (Personal(("user_agent",), actor),)
    names = [part.name for part in (event.actor, event.target) if part] + [actor]
    if event.description is not None and tells_of_somebody(event.description, names):
        marks += (Personal(("event", "description"), actor),)
    return marks + personal_pairs(event, publisher.personal_fields, actor)


def personal_pairs(event: PostedEvent, flagged: frozenset[str], actor: str) -> tuple[Personal, ...]:
    return tuple(
        Personal(("event", name, place, "value"), actor)
        for name in ("fields", "metadata")
        for place, (key, value) in enumerate(sorted((getattr(event, name) or {}).items()))
        if key in flagged or EMAIL.fullmatch(value)
    )


def clear_texts(event: PostedEvent, marks: tuple[Personal, ...]) -> list[str | None]:
    """What may be found as text: nothing of what is sealed."""
    hidden = {one.path for one in marks}
    texts: list[str | None] = [event.action, event.component, event.target.type if event.target else None]
    if ("event", "description") not in hidden:
        texts.append(event.description)
    for name in ("fields", "metadata"):
        for place, (_, value) in enumerate(sorted((getattr(event, name) or {}).items())):
            if ("event", name, place, "value") not in hidden:
                texts.append(value)
    return texts


def product_of(event: PostedEvent, publisher: Publisher) -> str | None:
    """The token's, else what `component` begins with (`notetaker/api` is of `notetaker`)."""
    if publisher.product is not None or event.component is None:
        return publisher.product
    found = re.split(r"[./:]", event.component, maxsplit=1)[0]
    return found if PRODUCT.fullmatch(found) else None


def network_of(address: str | None) -> IPv4Network | IPv6Network | None:
    """What may be known of an address without a key: its /24, or /48 of IPv6."""
    if address is None:
        return None
    found = ip_address(address.partition("%")[0])
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return ip_network((found, 24 if found.version == 4 else 48), strict=False)
