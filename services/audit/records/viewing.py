"""Reading other people's records is itself a record; this is the one place that writes it."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header

from chassis.clock import Clock
from chassis.context import current_origin
from contracts.claims import Claims
from services.audit.records.errors import ReasonRequired
from services.audit.records.intake import Intake
from services.audit.records.own import own_record
from services.audit.records.personal.keys import personal_id
from services.audit.records.record import PLATFORM, READ

ACTION = "audit.viewed"
SHORTEST_REASON = 8
WALK = timedelta(minutes=15)
MOST_WALKS = 10_000

ReasonHeader = Annotated[str | None, Header(max_length=500, pattern=r"^[\x20-\x7e]*$")]


class Viewing:
    """Says who looked at what, before the rows are shown."""

    def __init__(self, intake: Intake, clock: Clock) -> None:
        self._intake = intake
        self._clock = clock
        self._walks: OrderedDict[tuple[str | None, UUID, str], datetime] = OrderedDict()

    async def note(
        self, tenant_id: UUID, asked: bytes, rows: Sequence[dict[str, Any]], reason: str | None
    ) -> None:
        """In the log before it returns; nothing where all rows are the reader's own. `asked` is a hash of the filter."""
        reader = current_origin().actor_id
        if all(row["actor_id"] == reader for row in rows):
            return
        await self._write(tenant_id, {"filter_hash": asked.hex(), "rows": len(rows), "reason": reason})

    async def note_walk(self, tenant_id: UUID, reason: str) -> None:
        """Somebody reads the log in its order: once per reader, reason and quarter of an hour, or the walk would never end,
        for each page would add a record to it.
        """
        walk = (current_origin().actor_id, tenant_id, reason)
        now = self._clock.now()
        if walk in self._walks and now - self._walks[walk] < WALK:
            return
        await self._write(tenant_id, {"filter_hash": None, "rows": None, "reason": reason})
        self._walks[walk] = now
        if len(self._walks) > MOST_WALKS:
            self._walks.popitem(last=False)

    async def _write(self, tenant_id: UUID, told: dict[str, Any]) -> None:
        target = ("audit_log", str(tenant_id))
        now = self._clock.now()
        record = own_record(tenant_id, ACTION, target, told, now, crud="r", record_class=READ)
        await self._intake.put([replace(record, personal=personal_id(("actor", "id"), record.actor_id))])


def reason_of(claims: Claims, tenant_id: UUID, reason: str | None) -> str | None:
    """The reason to be recorded. Raises ReasonRequired for one of our own staff without one, in a customer's log."""
    if is_staff(claims, tenant_id) and (reason is None or len(reason.strip()) < SHORTEST_REASON):
        raise ReasonRequired(
            f"say why, in `Tenantry-Reason` or `reason`: at least {SHORTEST_REASON} characters",
            french=f"indiquez le motif dans `Tenantry-Reason` ou `reason` : au moins {SHORTEST_REASON} caractères",
        )
    return reason


def is_staff(claims: Claims, tenant_id: UUID) -> bool:
    """One of our own, in a customer's log."""
    return bool(claims.realm_roles) and tenant_id not in {claims.tenant_id, PLATFORM}
