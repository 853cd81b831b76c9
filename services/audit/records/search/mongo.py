"""Search in MongoDB (or what speaks its protocol): documents that are made of the log and can be made again at any time.

What it was built from is kept beside them: the tree's size and root. A root that the log never had at that size, or a
document that is not what the log says, is said and not shown.
"""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from chassis.db import ReadTx
from services.audit.records.errors import (
    SearchStoreDamaged,
    SearchStoreStale,
    SearchStoreUnavailable,
    SearchTooWide,
)
from services.audit.records.search.filters import CAP, Filter, Network, Place, Row, Standing
from services.audit.records.search.reading import TOO_WIDE, TOO_WIDE_FRENCH
from services.audit.records.search.store import queries

DATABASE = "tenantry_audit"
CONNECT_MS = 3_000
TIME_LIMIT_MS = 8_000
SAME = (
    "class", "action", "crud", "product", "project_id", "actor_id", "on_behalf_of", "target_id", "is_failure",
    "external_id",
)  # fmt: skip
"""Columns that stand in a document under their own names."""
Document = dict[str, Any]


class MongoSearch:
    """A store beside the log. A search answers as of the checkpoint that it was built from."""

    name = "mongo"

    def __init__(self, url: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            url, tz_aware=True, serverSelectionTimeoutMS=CONNECT_MS, timeoutMS=TIME_LIMIT_MS
        )
        database = self._client.get_default_database(DATABASE)
        self._records = database["record"]
        self._built = database["built"]

    async def close(self) -> None:
        await self._client.close()

    async def prepare(self) -> None:
        """Make the indexes. Raises SearchStoreUnavailable."""
        try:
            for name in ("received", "actor_id", "action", "target_id"):
                await self._records.create_index([("tenant", 1), (name, 1), ("leaf", -1)])
            await self._records.create_index([("tenant", 1), ("leaf", -1)])
        except PyMongoError as error:
            raise unavailable(error) from error

    async def find(
        self, tx: ReadTx, tenant_id: UUID, wanted: Filter, after: Place | None, most: int
    ) -> list[Row]:
        asked = await self._asked(tx, tenant_id, wanted)
        if after is not None:
            asked["leaf"] = {**asked.get("leaf", {}), "$lt": after[1]}
        try:
            found = await self._records.find(asked).sort("leaf", -1).limit(most).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error
        leaves = [document["leaf"] for document in found]
        rows = {
            row["leaf_index"]: dict(row)
            async for row in queries.rows_at(tx, tenant_id=tenant_id, leaves=leaves)
        }
        for document in found:
            row = rows.get(document["leaf"])
            if row is None or described(row) != {name: document.get(name) for name in described(row)}:
                raise SearchStoreDamaged(
                    f"leaf {document['leaf']} is not in the search store as the log has it; rebuild it"
                )
        return list(rows.values())

    async def count(self, tx: ReadTx, tenant_id: UUID, wanted: Filter) -> int:
        asked = await self._asked(tx, tenant_id, wanted)
        try:
            return await self._records.count_documents(asked, limit=CAP + 1)
        except PyMongoError as error:
            raise unavailable(error) from error

    async def standing(self, tx: ReadTx, tenant_id: UUID) -> Standing:
        """What the documents of a tenant were built from, and how many there are. Raises SearchStoreStale."""
        size, root = await self.built_from(tx, tenant_id) or (None, None)
        try:
            documents = await self._records.count_documents({"tenant": str(tenant_id)})
        except PyMongoError as error:
            raise unavailable(error) from error
        return Standing(size, root, documents)

    async def built_from(self, tx: ReadTx, tenant_id: UUID) -> tuple[int, bytes] | None:
        """Size and root. Raises SearchStoreStale for a root that the log never had at that size."""
        try:
            built = await self._built.find_one({"_id": str(tenant_id)})
        except PyMongoError as error:
            raise unavailable(error) from error
        if built is None:
            return None
        root = await queries.root_at(tx, tenant_id=tenant_id, size=built["size"])
        if root is None or bytes(root).hex() != built["root"]:
            raise SearchStoreStale("the search store was built from a log that is not this one; rebuild it")
        return built["size"], bytes(root)

    async def forget(self, tenant_id: UUID) -> None:
        """The first half of building it anew: from here on nothing is answered until it has been."""
        try:
            await self._built.delete_one({"_id": str(tenant_id)})
        except PyMongoError as error:
            raise unavailable(error) from error

    async def put(self, tenant_id: UUID, first: int, rows: Sequence[Row]) -> None:
        """The documents from leaf `first` on are these; what was there of an interrupted attempt goes."""
        try:
            await self._records.delete_many({"tenant": str(tenant_id), "leaf": {"$gte": first}})
            if rows:
                await self._records.insert_many(
                    [{"tenant": str(tenant_id), "stems": row["stems"], **described(row)} for row in rows],
                    ordered=False,
                )
        except PyMongoError as error:
            raise unavailable(error) from error

    async def settle(self, tenant_id: UUID, size: int, root: bytes) -> None:
        """The documents are those of the tree of this size and root."""
        try:
            await self._built.replace_one(
                {"_id": str(tenant_id)},
                {"_id": str(tenant_id), "size": size, "root": root.hex()},
                upsert=True,
            )
        except PyMongoError as error:
            raise unavailable(error) from error

    async def _asked(self, tx: ReadTx, tenant_id: UUID, wanted: Filter) -> Document:
        built = await self.built_from(tx, tenant_id)
        if built is None:
            raise SearchStoreStale("the search store is being built; try again", headers={"Retry-After": "5"})
        asked = {**query(tenant_id, wanted), "leaf": {"$lt": built[0]}}
        if wanted.word is not None:
            found = queries.records_of_word(tx, tenant_id=tenant_id, word=wanted.word, most=CAP + 1)
            ids = [str(row["record_id"]) async for row in found]
            if len(ids) > CAP:
                raise SearchTooWide(TOO_WIDE, french=TOO_WIDE_FRENCH)
            asked["$and"] = [{"record_id": {"$in": ids}}]
        if wanted.text is not None:
            stems = await queries.stems_of(tx, words=wanted.text)
            either = [{"stems": {"$all": some}} for some in (stems["english"], stems["french"]) if some]
            nothing: Document = {"leaf": -1}
            asked["$or"] = either or [nothing]  # words that say nothing find nothing
        return asked


def described(row: Row) -> Document:
    """What of a row is in its document; the entry itself, in which personal data are sealed, too."""
    low, high = bounds(None if row["network"] is None else ipaddress.ip_network(str(row["network"])))
    return {
        **{name: row[name] for name in SAME},
        "leaf": row["leaf_index"],
        "record_id": str(row["record_id"]),
        "received": micros(row["received_at"]),
        "happened": micros(row["happened_at"]),
        "low": low,
        "high": high,
        "pairs": pairs_of(row["entry"]),
        "entry": row["entry"],
    }


def query(tenant_id: UUID, wanted: Filter) -> Document:
    """Everything but words and keyed words."""
    asked: Document = {"tenant": str(tenant_id)}
    names = {"actor": "actor_id", "target": "target_id"}
    for name in ("product", "project_id", "actor", "on_behalf_of", "crud", "target", "is_failure"):
        if (value := getattr(wanted, name)) is not None:
            asked[names.get(name, name)] = value
    if wanted.record_id is not None:
        asked["record_id"] = str(wanted.record_id)
    if wanted.prefix:
        asked["action"] = {"$regex": f"^{re.escape(wanted.prefix)}"}
    elif wanted.prefix is None and wanted.action is not None:
        asked["action"] = wanted.action
    for column, begin, end in (
        ("received", wanted.received_from, wanted.received_to),
        ("happened", wanted.happened_from, wanted.happened_to),
    ):
        limits = {"$gte": begin, "$lt": end}
        if given := {one: micros(time) for one, time in limits.items() if time is not None}:
            asked[column] = given
    if wanted.network is not None:
        low, high = bounds(wanted.network)
        asked |= {"low": {"$lte": high}, "high": {"$gte": low}}
    if wanted.fields:
        asked["pairs"] = {"$all": [pair(key, value) for key, value in wanted.fields]}
    return asked


def bounds(network: Network | None) -> tuple[str | None, str | None]:
    """First and last address as texts that sort; those of other versions are apart."""
    if network is None:
        return None, None
    first, last = int(network.network_address), int(network.broadcast_address)
    return f"{network.version}{first:032x}", f"{network.version}{last:032x}"


def micros(time: datetime) -> int:
    """Since 1970; what MongoDB calls a date has milliseconds only."""
    return round(time.timestamp() * 1_000_000)


def pairs_of(entry: bytes) -> list[str]:
    """The fields of a posted record; sealed values are not found by."""
    statement = orjson.loads(entry)
    event = statement.get("event")
    fields = event.get("fields") if isinstance(event, dict) else None
    return [pair(one["key"], one["value"]) for one in fields or () if isinstance(one["value"], str)]


def pair(key: str, value: str) -> str:
    return orjson.dumps([key, value]).decode()


def unavailable(error: PyMongoError) -> SearchStoreUnavailable:
    return SearchStoreUnavailable(f"the search store: {error!r}"[:500])
