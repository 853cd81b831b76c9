"""HTTP in: a tenant's signed checkpoint and tiles (C2SP tlog-tiles), the proofs about them, the ledger and its anchors."""

import base64
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from chassis.auth import Authenticate
from chassis.db import Database
from chassis.guards import needs
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.errors import TileNotFound
from services.audit.log import proofs, store, tiles
from services.audit.log.anchors import Kept, anchors_before
from services.audit.log.ledger import prove_entry
from services.audit.log.merkle import HASH_BYTES, TILE_WIDTH
from services.audit.log.note import Signer
from services.audit.records.record import LEDGER

MOST_ANCHORS = 200
LARGEST_SIZE = 2**63 - 1
TEXT = "text/plain; charset=utf-8"
FOR_A_MOMENT = {"Cache-Control": "no-cache"}
FOR_GOOD = {"Cache-Control": "private, max-age=31536000, immutable"}


class ProofOut(BaseModel):
    """A proof against the signed checkpoint that comes with it; hashes in hexadecimal, nearest first."""

    checkpoint: str
    tree_size: int
    hashes: list[str]


class LedgerProofOut(BaseModel):
    """That the ledger holds `entry` (the exact leaf bytes in base64), which quotes a checkpoint of the tenant's log."""

    leaf_index: int
    entry: str
    ledger: ProofOut


class AnchorOut(BaseModel):
    """A head of the ledger that is kept outside: by which adapter, under which name there, since when."""

    adapter: str
    tree_size: int
    root_hash: str
    checkpoint: str
    reference: str
    anchored_at: str


class AnchorsOut(BaseModel):
    """The latest first; `next` is what to give as `before` for those before these, null at the end."""

    anchors: list[AnchorOut]
    next: int | None


class KeyOut(BaseModel):
    """The verifier key of the checkpoints (C2SP signed-note)."""

    verifier_key: str


def proof_out(checkpoint: store.StoredCheckpoint, hashes: list[bytes]) -> ProofOut:
    return ProofOut(
        checkpoint=checkpoint.note, tree_size=checkpoint.size, hashes=[piece.hex() for piece in hashes]
    )


def anchor_out(kept: Kept) -> AnchorOut:
    return AnchorOut(
        adapter=kept.adapter,
        tree_size=kept.tree_size,
        root_hash=kept.root.hex(),
        checkpoint=kept.note,
        reference=kept.reference,
        anchored_at=kept.anchored_at.isoformat(),
    )


def router(database: Database, signer: Signer, authenticate: Authenticate) -> APIRouter:
    """The routes of the log. Another tenant's log is answered as one that does not exist."""
    routes = APIRouter(prefix="/v1", tags=["audit"])
    add_tiles(routes, database, authenticate)
    add_proofs(routes, database, authenticate)
    add_ledger(routes, database, signer, authenticate)
    return routes


def add_tiles(routes: APIRouter, database: Database, authenticate: Authenticate) -> None:
    """The log as other people's tools read it: C2SP tlog-tiles under `/v1/tenants/{tenant_id}/audit/log/`."""
    reader = needs(authenticate, Capability.AUDIT_READ, Capability.AUDIT_VERIFY)

    @routes.get("/tenants/{tenant_id}/audit/log/checkpoint", response_class=Response)
    async def checkpoint(tenant_id: UUID, claims: Annotated[Claims, reader]) -> Response:
        """The signed head of the log as a C2SP checkpoint: origin, size, root, signature."""
        async with database.reading(tenant_id) as tx:
            signed = await proofs.signed_head(tx, tenant_id)
        return Response(signed.note, media_type=TEXT, headers=FOR_A_MOMENT)

    @routes.get("/tenants/{tenant_id}/audit/log/tile/entries/{number:path}", response_class=Response)
    async def entries(tenant_id: UUID, number: str, claims: Annotated[Claims, reader]) -> Response:
        """An entry bundle: each leaf's exact bytes after their length (uint16, big-endian).

        `number` is `<N>[.p/<W>]` of C2SP tlog-tiles.
        """
        place = tiles.place_of(number)
        if place is None:
            raise TileNotFound(f"{number!r} names no entry bundle")
        async with database.reading(tenant_id) as tx:
            await proofs.check_is_signed(tx, tenant_id, 0, *place)
            first = place[0] * TILE_WIDTH
            found = await store.entries(tx, tenant_id, first, first + place[1])
        if len(found) < place[1]:
            raise TileNotFound("records of this bundle are no longer kept here")
        return Response(tiles.bundle(found), media_type="application/octet-stream", headers=FOR_GOOD)

    @routes.get("/tenants/{tenant_id}/audit/log/tile/{level}/{number:path}", response_class=Response)
    async def tile(tenant_id: UUID, level: str, number: str, claims: Annotated[Claims, reader]) -> Response:
        """A tile: up to 256 hashes of the tree, one after another; `number` is `<N>[.p/<W>]` of C2SP tlog-tiles."""
        height, place = tiles.level_of(level), tiles.place_of(number)
        if height is None or place is None:
            raise TileNotFound(f"{level}/{number} names no tile")
        async with database.reading(tenant_id) as tx:
            await proofs.check_is_signed(tx, tenant_id, height, *place)
            found = await store.tiles_at(tx, tenant_id, [(height, place[0])])
        hashes = found[(height, place[0])][: place[1] * HASH_BYTES]
        return Response(hashes, media_type="application/octet-stream", headers=FOR_GOOD)


def add_proofs(routes: APIRouter, database: Database, authenticate: Authenticate) -> None:
    """Proofs made here, for who does not want to read tiles."""
    reader = needs(authenticate, Capability.AUDIT_READ, Capability.AUDIT_VERIFY)

    @routes.get("/tenants/{tenant_id}/audit/inclusion")
    async def inclusion(
        tenant_id: UUID, claims: Annotated[Claims, reader], leaf: Annotated[int, Query(ge=0)]
    ) -> ProofOut:
        """That the record at `leaf` is in the log: the path from it to the root of the checkpoint that comes along."""
        async with database.reading(tenant_id) as tx:
            return proof_out(*await proofs.prove_inclusion(tx, tenant_id, leaf))

    @routes.get("/tenants/{tenant_id}/audit/consistency")
    async def consistency(
        tenant_id: UUID,
        claims: Annotated[Claims, reader],
        tree_size: Annotated[int, Query(ge=1)],
        up_to: Annotated[int | None, Query(ge=1, le=LARGEST_SIZE)] = None,
    ) -> ProofOut:
        """That the log of `tree_size` records is the beginning of the one in the checkpoint: nothing was changed since.

        The checkpoint is the latest, or the one that was signed at `up_to` records.
        """
        async with database.reading(tenant_id) as tx:
            head = await proofs.signed_at(tx, tenant_id, up_to) if up_to else None
            return proof_out(*await proofs.prove_consistency(tx, tenant_id, tree_size, head))

    @routes.get("/tenants/{tenant_id}/audit/ledger")
    async def ledger_entry(tenant_id: UUID, claims: Annotated[Claims, reader]) -> LedgerProofOut:
        """That the ledger holds a checkpoint of this log: the last one that the ledger's own head covers."""
        async with database.reading(tenant_id) as tx, database.reading(LEDGER) as ledger_tx:
            index, entry, head, path = await prove_entry(tx, ledger_tx, tenant_id)
        return LedgerProofOut(
            leaf_index=index, entry=base64.b64encode(entry).decode(), ledger=proof_out(head, path)
        )


def add_ledger(routes: APIRouter, database: Database, signer: Signer, authenticate: Authenticate) -> None:
    """What is open to all, so that anybody may keep it: nothing of it tells what a tenant did."""

    @routes.get("/audit/key")
    async def key() -> KeyOut:
        """With what checkpoints are verified; open to all, since it proves nothing but signatures."""
        return KeyOut(verifier_key=signer.verifier_key())

    @routes.get("/audit/ledger/checkpoint", response_class=Response)
    async def ledger_checkpoint() -> Response:
        """The signed head of the ledger, whose leaves are the latest checkpoints of all logs. Keep a copy."""
        async with database.reading(LEDGER) as tx:
            signed = await proofs.signed_head(tx, LEDGER)
        return Response(signed.note, media_type=TEXT, headers=FOR_A_MOMENT)

    @routes.get("/audit/ledger/consistency")
    async def ledger_consistency(
        tree_size: Annotated[int, Query(ge=1)],
        up_to: Annotated[int | None, Query(ge=1, le=LARGEST_SIZE)] = None,
    ) -> ProofOut:
        """That the ledger of `tree_size` entries, which somebody kept, is the beginning of the present one.

        Or of the one that was signed at `up_to` entries.
        """
        async with database.reading(LEDGER) as tx:
            head = await proofs.signed_at(tx, LEDGER, up_to) if up_to else None
            return proof_out(*await proofs.prove_consistency(tx, LEDGER, tree_size, head))

    @routes.get("/audit/anchors")
    async def anchors(
        before: Annotated[int, Query(ge=1, le=LARGEST_SIZE)] = LARGEST_SIZE,
        page_size: Annotated[int, Query(ge=1, le=MOST_ANCHORS)] = 50,
    ) -> AnchorsOut:
        """Where heads of the ledger are kept outside, the latest first; `before` is a size of the ledger."""
        async with database.reading(None) as tx:
            kept = await anchors_before(tx, before, page_size)
        following = kept[-1].tree_size if len(kept) == page_size else None
        return AnchorsOut(anchors=[anchor_out(one) for one in kept], next=following)
