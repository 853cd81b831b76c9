"""What the registry says of members, as its relay would publish it."""

from datetime import UTC, datetime
from uuid import UUID

from chassis.ids import uuid7
from contracts.envelope import Envelope
from contracts.registry import MemberDeactivatedV1, MemberJoinedV1
from contracts.subjects import schema_of, source_of
from tests.integration.chassis.numbered_events import EPOCH, Numbered


def joined(tenant_id: UUID, member_id: str, sequence: int, version: int) -> Numbered:
    event = MemberJoinedV1(
        tenant_id=tenant_id, member_id=member_id, org_roles=(), backoffice_roles=(), properties=()
    )
    return said(event, sequence, version)


def deactivated(tenant_id: UUID, member_id: str, sequence: int, version: int) -> Numbered:
    return said(MemberDeactivatedV1(tenant_id=tenant_id, member_id=member_id), sequence, version)


def said(event: MemberJoinedV1 | MemberDeactivatedV1, sequence: int, version: int) -> Numbered:
    envelope = Envelope(
        id=uuid7(),
        source=source_of("registry"),
        type=event.type,
        time=datetime.now(UTC),
        subject=f"member/{event.member_id}",
        tenant_id=event.tenant_id,
        aggregate_version=version,
        dataschema=schema_of(event.type),
        sequence=sequence,
        epoch=EPOCH,
    )
    return Numbered(envelope, event.data())
