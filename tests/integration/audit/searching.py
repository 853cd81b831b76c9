"""What every search store must do, told once: records of two tenants, and what each filter finds of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from chassis.db import Database
from chassis.ids import uuid7
from services.audit.log.sequencer import append
from services.audit.records.publishers.posted import Beside, record_of
from services.audit.records.record import Record
from services.audit.records.retraced import PostedEvent
from services.audit.records.search.filters import CAP, Filter, Row, SearchStore
from services.audit.records.tokens.operations import Publisher
from services.audit.records.words import plain
from tests.integration.audit.stage import KEYS

BEGIN = datetime(2027, 1, 4, 9, tzinfo=UTC)
TENANT, OTHER = (
    UUID(int=0x019B << 112 | 7 << 76 | 2 << 62 | 1),
    UUID(int=0x019B << 112 | 7 << 76 | 2 << 62 | 2),
)

EVENTS: Sequence[tuple[dict[str, Any], Beside]] = [
    (
        {"action": "booking.created", "crud": "c", "source_ip": "203.0.113.77", "description": "Réservation déjà payée"},
        Beside("user"),
    ),
    (
        {"action": "booking.updated", "crud": "u", "source_ip": "198.51.100.3", "fields": {"room": "214", "ü": "ß"}},
        Beside("user", on_behalf_of="u-9", impersonation_id="i-1"),
    ),
    ({"action": "book_ing.x", "crud": "u", "is_failure": True, "description": "Payments were refunded"}, Beside("service")),
    (
        {"action": "invoice.viewed", "crud": "r", "actor": {"id": "u-2", "fields": {"mail": "Ben@hotel.example"}}},
        Beside("user"),
    ),
    ({"action": "invoice.deleted", "crud": "d", "component": "ledger/api", "fields": {"room": "215"}}, Beside("user")),
    ({"action": "door.opened", "crud": "u", "source_ip": "2001:db8:5::9", "target": {"id": "lock-4"}}, Beside()),
]  # fmt: skip


def record(tenant_id: UUID, number: int, project_id: str = "front") -> Record:
    """The posted record of EVENTS[number]."""
    given, beside = EVENTS[number]
    posted = PostedEvent.model_validate({"actor": {"id": "u-1"}, **given, "external_id": str(number)})
    publisher = Publisher(
        UUID(int=9), tenant_id, project_id, None, may_read=True, personal_fields=frozenset()
    )
    return record_of(posted, beside, publisher, uuid7(), BEGIN + timedelta(minutes=number))


async def fill(database: Database) -> None:
    """All events one minute after the other, and the first one in another tenant's log too."""
    for number in range(len(EVENTS)):
        async with database.worker() as tx:
            some = [record(TENANT, number, "back" if number == 4 else "front")]
            some += [record(OTHER, number)] if number == 0 else []
            await append(tx, await KEYS.seal(tx, some), BEGIN + timedelta(minutes=number))


@dataclass
class Asking:
    """A store, asked as the API asks it."""

    database: Database
    store: SearchStore

    async def rows(
        self, wanted: Filter, most: int = 100, after: Any = None, tenant: UUID = TENANT
    ) -> list[Row]:
        async with self.database.reading(tenant) as tx:
            return await self.store.find(tx, tenant, wanted, after, most)

    async def find(self, **wanted: Any) -> list[int]:
        """Numbers of the events that are found, oldest first; counting says the same."""
        rows = await self.rows(Filter(**wanted))
        async with self.database.reading(TENANT) as tx:
            assert await self.store.count(tx, TENANT, Filter(**wanted)) == len(rows) <= CAP
        return sorted(int(row["external_id"]) for row in rows)

    async def word(self, kind: str, value: str) -> bytes:
        async with self.database.reading(TENANT) as tx:
            word = await KEYS.word(tx, TENANT, kind, value)
        assert word is not None
        return word


def minute(number: int) -> datetime:
    return BEGIN + timedelta(minutes=number)


FOUND: Sequence[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4, 5]),
    ({"product": "ledger"}, [4]),
    ({"product": "ledge"}, []),
    ({"project_id": "back"}, [4]),
    ({"actor": "u-2"}, [3]),
    ({"on_behalf_of": "u-9"}, [1]),
    ({"action": "booking.created"}, [0]),
    ({"action": "booking"}, []),
    ({"action": "booking.*"}, [0, 1]),
    ({"action": "book_*"}, [2]),
    ({"action": "%*"}, []),
    ({"action": "*"}, [0, 1, 2, 3, 4, 5]),
    ({"action": "invoice.*", "product": "ledger"}, [4]),
    ({"crud": "u"}, [1, 2, 5]),
    ({"target": "lock-4"}, [5]),
    ({"is_failure": True}, [2]),
    ({"is_failure": False, "crud": "u"}, [1, 5]),
    ({"network": ip_network("203.0.113.0/24")}, [0]),
    ({"network": ip_network("203.0.113.9/32")}, [0]),
    ({"network": ip_network("0.0.0.0/0")}, [0, 1]),
    ({"network": ip_network("198.51.0.0/16")}, [1]),
    ({"network": ip_network("2001:db8::/32")}, [5]),
    ({"received_from": minute(2), "received_to": minute(4)}, [2, 3]),
    ({"happened_from": minute(5)}, [5]),
    ({"happened_to": minute(1)}, [0]),
    ({"text": plain("reservations payées")}, [0]),
    ({"text": plain("payment refund")}, [2]),
    ({"text": plain("payment opened")}, []),
    ({"text": plain("the")}, []),
    ({"text": plain("ledger")}, [4]),
    ({"fields": (("room", "214"),)}, [1]),
    ({"fields": (("room", "214"), ("ü", "ß"))}, [1]),
    ({"fields": (("room", "21"),)}, []),
    ({"text": plain("payment"), "actor": "u-1", "crud": "u", "is_failure": True, "action": "book*"}, [2]),
]
