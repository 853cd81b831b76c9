"""Sealing what is personal in records on their way into the log, and opening it for who may see it.

Unwrapped keys live as long as one transaction and are held nowhere: a key that was destroyed is gone at once in every
process, and there is nothing to invalidate.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.db import ReadTx, Tx, load_queries
from chassis.ids import uuid7
from services.audit.records.personal import model
from services.audit.records.personal.model import Personal, RootKey, TenantKey
from services.audit.records.record import Record

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))

COLUMNS = ("actor_id", "on_behalf_of", "target_id")
"""Columns with ids of persons: a telling id is replaced by its alias."""
_ids_of = attrgetter(*COLUMNS)


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A person's key, unwrapped."""

    key_id: UUID
    cipher: AESGCM


Subject = tuple[UUID, str]
"""(tenant, the person's id)."""


class Keys:
    """All keys of persons, under one root key."""

    def __init__(self, root: RootKey) -> None:
        self._root = root

    async def seal(self, tx: Tx, records: Sequence[Record]) -> list[Record]:
        """The records with what is personal in them sealed. As the worker, in the transaction that appends them."""
        subjects = {(record.tenant_id, one) for record in records for one in subjects_of(record)}
        if not subjects:
            return list(records)
        tenants = await self._tenant_keys(tx, {tenant_id for tenant_id, _ in subjects})
        keys = await self._subject_keys(tx, tenants, subjects)
        words: set[tuple[UUID, bytes, UUID, UUID]] = set()
        sealed = [sealed_record(record, tenants, keys, words) for record in records]
        if words:
            tenant_ids, blind, record_ids, key_ids = (list(column) for column in zip(*words, strict=True))
            await queries.add_words(
                tx, tenant_ids=tenant_ids, words=blind, record_ids=record_ids, key_ids=key_ids
            )
        return sealed

    async def open(
        self, tx: ReadTx, tenant_id: UUID, statements: Iterable[tuple[UUID, Any]]
    ) -> dict[UUID, Any]:
        """(record id, statement) → the statement as it was; `{"erased": when}` is what a destroyed key has left."""
        given = dict(statements)
        wanted = {key for one in given.values() for key, _ in model.boxes_in(one).values()}
        if not wanted:
            return given
        key = (await self._known_tenant_keys(tx, {tenant_id})).get(tenant_id)
        openers: dict[UUID, AESGCM] = {}
        erased: dict[UUID, str] = {}
        async for row in queries.keys_by_id(tx, tenant_id=tenant_id, key_ids=list(wanted)):
            if row["destroyed_at"] is not None:
                erased[row["key_id"]] = row["destroyed_at"].isoformat()
            elif key is not None:
                openers[row["key_id"]] = key.unwrap(bytes(row["wrapped"]), row["key_id"])
        return {id_: model.unsealed(one, id_, openers, erased.get) for id_, one in given.items()}

    async def word(self, tx: ReadTx, tenant_id: UUID, kind: str, value: str) -> bytes | None:
        """The keyed word (`email`, `name`, `subject`) of a value; None for a tenant without any personal data."""
        key = (await self._known_tenant_keys(tx, {tenant_id})).get(tenant_id)
        return None if key is None else key.word(kind, value if kind == "subject" else model.folded(value))

    async def alias(self, tx: ReadTx, tenant_id: UUID, subject: str) -> str | None:
        """What stands for a telling id in columns; an id that tells nothing stands for itself."""
        if not model.is_telling(subject):
            return subject
        lookup = await self.word(tx, tenant_id, "subject", subject)
        if lookup is None:
            return None
        found = queries.subject_keys(tx, tenant_ids=[tenant_id], lookups=[lookup])
        aliases = [model.alias_of(row["key_id"]) async for row in found]
        return aliases[0] if aliases else None

    async def key_id(self, tx: ReadTx, tenant_id: UUID, subject: str) -> UUID | None:
        """Of the key that seals this person's data now; None where nothing of it is sealed."""
        lookup = await self.word(tx, tenant_id, "subject", subject)
        if lookup is None:
            return None
        found = queries.subject_keys(tx, tenant_ids=[tenant_id], lookups=[lookup])
        ids = [row["key_id"] async for row in found]
        return ids[0] if ids else None

    async def _known_tenant_keys(self, tx: ReadTx, tenant_ids: set[UUID]) -> dict[UUID, TenantKey]:
        rows = queries.tenant_keys(tx, tenant_ids=sorted(tenant_ids))
        return {
            row["tenant_id"]: self._root.unwrap(bytes(row["wrapped"]), row["tenant_id"]) async for row in rows
        }

    async def _tenant_keys(self, tx: Tx, tenant_ids: set[UUID]) -> dict[UUID, TenantKey]:
        """Those of tenants that are new are made."""
        known = await self._known_tenant_keys(tx, tenant_ids)
        if new := sorted(tenant_ids - known.keys()):
            await queries.add_tenant_keys(tx, tenant_ids=new, wrapped=[self._root.new(one) for one in new])
            known |= await self._known_tenant_keys(tx, set(new))
        return known

    async def _subject_keys(
        self, tx: Tx, tenants: Mapping[UUID, TenantKey], subjects: set[Subject]
    ) -> dict[Subject, SubjectKey]:
        lookups = {(one[0], tenants[one[0]].word("subject", one[1])): one for one in subjects}
        known = await self._find(tx, tenants, lookups)
        if new := [place for place, subject in lookups.items() if subject not in known]:
            key_ids = [uuid7() for _ in new]
            await queries.add_subject_keys(
                tx,
                key_ids=key_ids,
                tenant_ids=[tenant_id for tenant_id, _ in new],
                lookups=[lookup for _, lookup in new],
                wrapped=[
                    tenants[tenant_id].wrap(os.urandom(model.KEY_BYTES), key_id)
                    for (tenant_id, _), key_id in zip(new, key_ids, strict=True)
                ],
            )
            known |= await self._find(tx, tenants, {place: lookups[place] for place in new})
        return known

    async def _find(
        self, tx: Tx, tenants: Mapping[UUID, TenantKey], lookups: Mapping[tuple[UUID, bytes], Subject]
    ) -> dict[Subject, SubjectKey]:
        rows = queries.subject_keys(
            tx,
            tenant_ids=[tenant_id for tenant_id, _ in lookups],
            lookups=[lookup for _, lookup in lookups],
        )
        return {
            lookups[row["tenant_id"], bytes(row["lookup"])]: SubjectKey(
                row["key_id"], tenants[row["tenant_id"]].unwrap(bytes(row["wrapped"]), row["key_id"])
            )
            async for row in rows
        }


def subjects_of(record: Record) -> set[str]:
    return {*telling_columns(record).values(), *(one.subject for one in record.personal)}


def telling_columns(record: Record) -> dict[str, str]:
    """Column → the telling id in it."""
    ids = zip(COLUMNS, _ids_of(record), strict=True)
    return {name: id_ for name, id_ in ids if id_ and model.is_telling(id_)}


def sealed_record(
    record: Record,
    tenants: Mapping[UUID, TenantKey],
    keys: Mapping[Subject, SubjectKey],
    words: set[tuple[UUID, bytes, UUID, UUID]],
) -> Record:
    """The record without marks; the keyed words of what was sealed are added to `words`."""
    statement: Any = record.statement
    for one in record.personal:
        value = model.at(statement, one.path)
        if value is None:
            continue
        key = keys[record.tenant_id, one.subject]
        box = model.seal(key.cipher, key.key_id, value, model.place(record.id, one.path))
        statement = model.replaced(statement, one.path, box)
        found = model.words_of(tenants[record.tenant_id], value, is_name=one.is_name)
        words |= {(record.tenant_id, word, record.id, key.key_id) for word in found}
    aliases: dict[str, Any] = {
        name: model.alias_of(keys[record.tenant_id, id_].key_id)
        for name, id_ in telling_columns(record).items()
    }
    return replace(record, statement=statement, personal=(), **aliases)


def personal_id(path: tuple[str | int, ...], id_: str | None) -> tuple[Personal, ...]:
    """The mark of an id in a statement: none for one that tells nothing."""
    return () if id_ is None or not model.is_telling(id_) else (Personal(path, id_),)
