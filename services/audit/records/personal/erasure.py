"""Erasing a person from a tenant's log: the key is destroyed, and with it everything that leads from the person to it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis import outbox
from chassis.db import Tx
from contracts.audit import SubjectErasedV1
from services.audit.keeping.holds import operations as holds
from services.audit.records.errors import SubjectNotFound
from services.audit.records.personal.keys import Keys, queries
from services.audit.records.personal.model import ALIAS


@dataclass(frozen=True, slots=True)
class Erased:
    """What is left of the key: its id."""

    key_id: UUID
    erased_at: datetime


async def erase(
    tx: Tx, keys: Keys, tenant_id: UUID, subject: str, legal_basis: str, by: str, now: datetime
) -> Erased:
    """`subject` is the person's id as sources know it, or its alias. The event is the record of it.

    Records that come later have a new key. Raises SubjectNotFound, Held.
    """
    lookup = await keys.word(tx, tenant_id, "subject", subject)
    row = await queries.lock_subject(tx, tenant_id=tenant_id, lookup=lookup, key_id=key_of(subject))
    if row is None or row["destroyed_at"] is not None:
        raise SubjectNotFound(
            "nothing of this person is sealed in this log, or it was erased before",
            french="rien de cette personne n'est scellé dans ce journal, ou c'est déjà effacé",
        )
    key_id: UUID = row["key_id"]
    for hold in await holds.of_subjects(
        tx, tenant_id, now
    ):  # which may name the person otherwise than the caller
        if await keys.key_id(tx, tenant_id, hold["subject"]) == key_id:
            raise holds.held_by(hold)
    await queries.destroy_key(tx, tenant_id=tenant_id, key_id=key_id, at=now)
    await queries.forget_words(tx, tenant_id=tenant_id, key_id=key_id)
    said = SubjectErasedV1(
        tenant_id=tenant_id, key_id=key_id, requested_by=by, legal_basis=legal_basis, erased_at=now
    )
    await outbox.add(tx, said, aggregate_version=1)
    return Erased(key_id, now)


def key_of(subject: str) -> UUID | None:
    """The key's id in an alias; None for any other id."""
    try:
        return UUID(hex=subject.removeprefix(ALIAS)) if subject.startswith(ALIAS) else None
    except ValueError:
        return None
