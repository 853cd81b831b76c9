"""HTTP in: a tenant's records, its signed checkpoint, and the proofs that tie one to the other."""

import base64
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from chassis.auth import Authenticate
from chassis.db import Database
from chassis.guards import needs
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.keeping.bundles.reading import Reader
from services.audit.log import proofs, store
from services.audit.log.note import Signer

MAX_PAGE = 200
LAST_LEAF = 2**63 - 1


class RecordOut(BaseModel):
    """One record. `entry` holds the exact leaf bytes in base64; all else is extracted from them."""

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


class RecordsOut(BaseModel):
    """Records in the order of the log; `next` is the leaf to ask for after these, null at the end."""

    records: list[RecordOut]
    next: int | None


class ProofOut(BaseModel):
    """A proof against the signed checkpoint that comes with it; hashes in hexadecimal, nearest first."""

    checkpoint: str
    tree_size: int
    hashes: list[str]


class KeyOut(BaseModel):
    """The verifier key of the checkpoints (C2SP signed-note)."""

    verifier_key: str


AS_THEY_ARE = set(RecordOut.model_fields) - {"received_at", "happened_at", "entry", "leaf_hash"}


def record_out(row: dict[str, Any]) -> RecordOut:
    return RecordOut(
        **{name: row[name] for name in AS_THEY_ARE},
        received_at=row["received_at"].isoformat(),
        happened_at=row["happened_at"].isoformat(),
        entry=base64.b64encode(row["entry"]).decode(),
        leaf_hash=row["leaf_hash"].hex(),
    )


def proof_out(checkpoint: store.StoredCheckpoint, hashes: list[bytes]) -> ProofOut:
    return ProofOut(
        checkpoint=checkpoint.note, tree_size=checkpoint.size, hashes=[piece.hex() for piece in hashes]
    )


def router(database: Database, signer: Signer, authenticate: Authenticate, reader: Reader) -> APIRouter:
    """The routes of audit. Another tenant's log is answered as one that does not exist."""
    routes = APIRouter(prefix="/v1", tags=["audit"])

    caller = needs(authenticate, Capability.AUDIT_READ)

    @routes.get("/tenants/{tenant_id}/audit/records")
    async def records(
        tenant_id: UUID,
        claims: Annotated[Claims, caller],
        first: Annotated[int, Query(ge=0, le=LAST_LEAF)] = 0,
        page_size: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        record_id: UUID | None = None,
    ) -> RecordsOut:
        """Records in the order of the log; with `record_id` the one of that id, or none."""
        async with database.reading(tenant_id) as tx:
            if record_id is not None:
                row = await store.record_of_id(tx, tenant_id, record_id)
                return RecordsOut(records=[record_out(row)] if row else [], next=None)
            rows = await reader.rows_from(tx, tenant_id, first, page_size)
        following = first + page_size if len(rows) == page_size else None
        return RecordsOut(records=[record_out(row) for row in rows], next=following)

    @routes.get("/tenants/{tenant_id}/audit/checkpoint", response_class=Response)
    async def checkpoint(tenant_id: UUID, claims: Annotated[Claims, caller]) -> Response:
        """The signed head of the log as a C2SP checkpoint: origin, size, root, signature."""
        async with database.reading(tenant_id) as tx:
            signed = await proofs.signed_head(tx, tenant_id)
        return Response(signed.note, media_type="text/plain; charset=utf-8")

    @routes.get("/tenants/{tenant_id}/audit/inclusion")
    async def inclusion(
        tenant_id: UUID, claims: Annotated[Claims, caller], leaf: Annotated[int, Query(ge=0)]
    ) -> ProofOut:
        """That the record at `leaf` is in the log: the path from it to the root of the checkpoint that comes along."""
        async with database.reading(tenant_id) as tx:
            return proof_out(*await proofs.prove_inclusion(tx, tenant_id, leaf))

    @routes.get("/tenants/{tenant_id}/audit/consistency")
    async def consistency(
        tenant_id: UUID, claims: Annotated[Claims, caller], tree_size: Annotated[int, Query(ge=1)]
    ) -> ProofOut:
        """That the log of `tree_size` records is the beginning of the one in the checkpoint: nothing was changed since."""
        async with database.reading(tenant_id) as tx:
            return proof_out(*await proofs.prove_consistency(tx, tenant_id, tree_size))

    @routes.get("/audit/key")
    async def key() -> KeyOut:
        """With what checkpoints are verified; open to all, since it proves nothing but signatures."""
        return KeyOut(verifier_key=signer.verifier_key())

    return routes
