"""What a search answers: rows of a store, opened for who may see personal data, and noted as a view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from chassis.db import Database, ReadTx
from services.audit.records.errors import SearchTooWide
from services.audit.records.personal.keys import Keys
from services.audit.records.search.filters import CAP, Filter, Place, Row, SearchStore
from services.audit.records.viewing import Viewing
from services.audit.records.words import plain

TOO_WIDE = "this looks through too many records; narrow the time, or name an actor, a product or an action"
TOO_WIDE_FRENCH = (
    "la recherche porte sur trop d'enregistrements ; précisez la période, l'acteur, le produit ou l'action"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter as a person says it: with what is looked up by keyed words."""

    filter: Filter
    email: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with their statements; `counted` is at most CAP + 1, None where nobody asked."""

    rows: Sequence[tuple[Row, Any]]
    counted: int | None


class Search:
    """One for all who read: the API, GraphQL."""

    def __init__(self, database: Database, keys: Keys, store: SearchStore, viewing: Viewing) -> None:
        self._database = database
        self._keys = keys
        self._store = store
        self._viewing = viewing

    async def answer(
        self,
        tenant_id: UUID,
        asked: Asked,
        after: Place | None,
        most: int,
        *,
        counts: bool,
        opens: bool,
        reason: str | None,
    ) -> Answer:
        """Up to `most` rows, one more than are shown. `opens`: the reader may see personal data. Raises SearchTooWide."""
        try:
            async with self._database.reading(tenant_id) as tx:
                wanted = await self._resolved(tx, tenant_id, asked)
                if wanted is None:
                    return Answer([], 0 if counts else None)
                rows = await self._store.find(tx, tenant_id, wanted, after, most)
                counted = await self._store.count(tx, tenant_id, wanted) if counts else None
                statements = await self._statements(tx, tenant_id, rows, opens=opens)
                hashed = await self._keys.word(tx, tenant_id, "subject", told(asked))
        except asyncpg.QueryCanceledError as error:
            raise SearchTooWide(TOO_WIDE, french=TOO_WIDE_FRENCH) from error
        await self._viewing.note(tenant_id, hashed or sha256(told(asked).encode()).digest(), rows, reason)
        return Answer([(row, statements[row["record_id"]]) for row in rows], counted)

    async def _resolved(self, tx: ReadTx, tenant_id: UUID, asked: Asked) -> Filter | None:
        """None where nothing can match: nothing of that address, name or person was ever sealed."""
        found = asked.filter
        for kind, value in (("email", asked.email), ("name", asked.name)):
            if value is not None:
                word = await self._keys.word(tx, tenant_id, kind, value)
                if word is None or found.word is not None:
                    return None
                found = replace(found, word=word)
        for column in ("actor", "on_behalf_of", "target"):
            given = getattr(found, column)
            if given is not None:
                alias = await self._keys.alias(tx, tenant_id, given)
                if alias is None:
                    return None
                found = with_column(found, column, alias)
        return found if found.text is None else replace(found, text=plain(found.text))

    async def _statements(
        self, tx: ReadTx, tenant_id: UUID, rows: Sequence[Row], *, opens: bool
    ) -> Mapping[UUID, Any]:
        given = [(row["record_id"], orjson.loads(row["entry"])) for row in rows]
        return await self._keys.open(tx, tenant_id, given) if opens else dict(given)


def with_column(found: Filter, column: str, value: str) -> Filter:
    changed: dict[str, Any] = {column: value}
    return replace(found, **changed)


def told(asked: Asked) -> str:
    """The filter in the reader's own words. It is hashed with the tenant's key, since it may name a person."""
    return f"filter\0{asked.filter.digest()!r}\0{asked.email}\0{asked.name}"


def capped(counted: int) -> dict[str, Any]:
    """`10,000+` as numbers."""
    return {"count": min(counted, CAP), "is_capped": counted > CAP}
