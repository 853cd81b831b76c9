"""HTTP in: a tenant's records."""

import base64
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from chassis.auth import Authenticate
from chassis.db import Database
from chassis.guards import needs
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.keeping.bundles.reading import Reader
from services.audit.log import store
from services.audit.records.viewing import ReasonHeader, Viewing, is_staff, reason_of

MAX_PAGE = 200
LAST_LEAF = 2**63 - 1


class RecordOut(BaseModel):
    """One record. `entry` holds the exact leaf bytes in base64; all else is extracted from them.

    `body` is given to who asks for one record whose leaf holds only the SHA-256 of its body: its canonical JSON in base64.
    """

    leaf_index: int
    record_id: UUID
    received_at: str
    happened_at: str
    action: str
    source: str
    source_seq: int | None
    actor_id: str | None
    actor_type: str | None
    target_id: str | None
    target_type: str | None
    correlation_id: str | None
    trace_id: str | None
    entry: str
    leaf_hash: str
    body: str | None = None


class RecordsOut(BaseModel):
    """Records in the order of the log; `next` is the leaf to ask for after these, null at the end."""

    records: list[RecordOut]
    next: int | None


AS_THEY_ARE = set(RecordOut.model_fields) - {"received_at", "happened_at", "entry", "leaf_hash", "body"}


def record_out(row: dict[str, Any], body: bytes | None = None) -> RecordOut:
    return RecordOut(
        **{name: row[name] for name in AS_THEY_ARE},
        received_at=row["received_at"].isoformat(),
        happened_at=row["happened_at"].isoformat(),
        entry=base64.b64encode(row["entry"]).decode(),
        leaf_hash=row["leaf_hash"].hex(),
        body=None if body is None else base64.b64encode(body).decode(),
    )


def router(database: Database, authenticate: Authenticate, reader: Reader, viewing: Viewing) -> APIRouter:
    """The routes of audit. Another tenant's log is answered as one that does not exist."""
    routes = APIRouter(prefix="/v1", tags=["audit"])

    caller = needs(authenticate, Capability.AUDIT_READ, Capability.AUDIT_VERIFY)

    @routes.get("/tenants/{tenant_id}/audit/records")
    async def records(
        tenant_id: UUID,
        claims: Annotated[Claims, caller],
        first: Annotated[int, Query(ge=0, le=LAST_LEAF)] = 0,
        page_size: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        record_id: UUID | None = None,
        tenantry_reason: ReasonHeader = None,
    ) -> RecordsOut:
        """Records in the order of the log, as they are proved: personal data sealed; with `record_id` that one or none.

        Our own staff says why (`Tenantry-Reason`), which is recorded once for a walk through the log.
        """
        reason = reason_of(claims, tenant_id, tenantry_reason)
        if reason is not None and is_staff(claims, tenant_id):
            await viewing.note_walk(tenant_id, reason)
        async with database.reading(tenant_id) as tx:
            if record_id is not None:
                row = await store.record_of_id(tx, tenant_id, record_id)
                if row is None:
                    return RecordsOut(records=[], next=None)
                body = await store.body_of(tx, tenant_id, row["leaf_index"])
                return RecordsOut(records=[record_out(row, body)], next=None)
            rows = await reader.rows_from(tx, tenant_id, first, page_size)
        following = first + page_size if len(rows) == page_size else None
        return RecordsOut(records=[record_out(row) for row in rows], next=following)

    return routes
