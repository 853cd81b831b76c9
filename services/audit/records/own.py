"""Records that audit itself writes: who asked for an export, who fetched it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.context import current_origin
from chassis.ids import uuid7
from contracts.subjects import source_of
from services.audit.records.entry import FORMAT
from services.audit.records.record import STANDARD, Record, rfc3339

SERVICE = "audit"


def own_record(
    tenant_id: UUID,
    action: str,
    target: tuple[str, str],
    data: Mapping[str, Any],
    now: datetime,
    *,
    crud: str,
    record_class: str = STANDARD,
) -> Record:
    """A record in the form of an event that was never on the bus: no number of a source, the actor of the work in hand.

    `target` is (type, id); `data` has a canonical form.
    """
    origin = current_origin()
    id_ = uuid7()
    statement = {
        "format": FORMAT,
        "id": str(id_),
        "type": action,
        "source": source_of(SERVICE),
        "source_epoch": None,
        "source_seq": None,
        "time": rfc3339(now),
        "tenant_id": str(tenant_id),
        "subject": "/".join(target),
        "aggregate_version": None,
        "actor": {"id": origin.actor_id, "type": origin.actor_type},
        "correlation_id": origin.correlation_id,
        "causation_id": origin.causation_id,
        "trace_id": None,
        "data": dict(data),
    }
    return Record(
        tenant_id=tenant_id,
        id=id_,
        statement=statement,
        happened_at=now,
        action=action,
        source=source_of(SERVICE),
        record_class=record_class,
        crud=crud,
        actor_id=origin.actor_id,
        actor_type=origin.actor_type,
        target_type=target[0],
        target_id=target[1],
        correlation_id=origin.correlation_id,
    )
