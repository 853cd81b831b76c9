"""Asks audit for the receipt of one of our own events, and believes nothing of it that it does not prove.

RFC 9162 §2.1.3.2 (verification of an inclusion proof), C2SP signed-note and tlog-checkpoint.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from chassis.bus import Bus
from chassis.errors import Permanent, Transient
from contracts.receipts import Receipt, ReceiptAnswer, ReceiptAsked
from contracts.subjects import RECEIPTS

ED25519 = 1


class ReceiptDelayed(Transient):
    """Not now: audit is away, or has not signed so far."""


class ReceiptsHalted(Permanent):
    """Audit gives no receipts: lock actions are halted."""


class ReceiptInvalid(Permanent):
    """What audit gave does not prove that our event is in its log."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose signature counts."""

    name: str
    key: bytes

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """`<name>+<id in hex>+<base64 of type and key>` (C2SP signed-note). Raises ValueError."""
        name, identity, encoded = text.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        if (
            len(raw) != 33
            or raw[0] != ED25519
            or sha256(f"{name}\n".encode() + raw).digest()[:4].hex() != identity
        ):
            raise ValueError("no Ed25519 verifier key of the form <name>+<id>+<base64>")
        return cls(name, raw[1:])

    def has_signed(self, note: str) -> str:
        """The text of a signed note. Raises ReceiptInvalid without a signature of this key."""
        text, empty, signatures = note.rpartition("\n\n")
        body = f"{text}\n"
        identity = sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.key).digest()[:4]
        for line in signatures.splitlines() if empty else ():
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if (dash, name) == ("—", self.name) and self._is_mine(encoded, identity, body.encode()):
                return body
        raise ReceiptInvalid(f"the checkpoint carries no valid signature of {self.name}")

    def _is_mine(self, encoded: str, identity: bytes, body: bytes) -> bool:
        try:
            raw = base64.b64decode(encoded, validate=True)
            Ed25519PublicKey.from_public_bytes(self.key).verify(raw[4:], body)
        except (binascii.Error, InvalidSignature):
            return False
        return raw[:4] == identity


class Receipts:
    """Asks, for `seconds` at a time."""

    def __init__(self, bus: Bus, key: VerifierKey, *, seconds: float) -> None:
        self._bus = bus
        self._key = key
        self._seconds = seconds

    async def ask(self, tenant_id: UUID, event_id: UUID, says: Mapping[str, Any]) -> Receipt:
        """The proven receipt of our event that says this. Raises ReceiptDelayed, ReceiptsHalted, ReceiptInvalid."""
        asked = ReceiptAsked(tenant_id=tenant_id, record_id=event_id).model_dump_json().encode()
        try:
            answer = await self._bus.request(RECEIPTS, asked, timeout=self._seconds)
        except Transient as error:
            raise ReceiptDelayed(str(error)) from error
        try:
            said = ReceiptAnswer.model_validate_json(answer)
        except ValidationError as error:
            raise ReceiptInvalid(f"audit answered with something that is no receipt: {error}") from error
        if said.receipt is None:
            code = said.refusal.code if said.refusal else "nothing"
            if code == "halted":
                raise ReceiptsHalted("audit gives no receipts: lock actions are halted")
            raise ReceiptDelayed(f"audit gave no receipt: {code}")
        prove(said.receipt, self._key, tenant_id, event_id, says)
        return said.receipt


def prove(
    receipt: Receipt, key: VerifierKey, tenant_id: UUID, event_id: UUID, says: Mapping[str, Any]
) -> None:
    """Raises ReceiptInvalid unless the leaf is this event and the signed tree of this tenant holds it."""
    try:
        entry = base64.b64decode(receipt.entry, validate=True)
        said = orjson.loads(entry)
        found = {"tenant_id": said["tenant_id"], "id": said["id"], "data": said["data"]}
        path = [bytes.fromhex(piece) for piece in receipt.hashes]
        origin, size, root = key.has_signed(receipt.checkpoint).splitlines()[:3]
        head = (int(size), base64.b64decode(root, validate=True))
    except (ValueError, KeyError, TypeError) as error:
        raise ReceiptInvalid(f"the receipt cannot be read: {error!r}") from error
    if found != {"tenant_id": str(tenant_id), "id": str(event_id), "data": dict(says)}:
        raise ReceiptInvalid("the receipt is for another record")
    if origin != f"tenantry/audit/{tenant_id}":
        raise ReceiptInvalid(f"the checkpoint speaks of {origin}")
    leaf = sha256(b"\x00" + entry).digest()
    if root_of(leaf, receipt.leaf_index, head[0], path) != head[1]:
        raise ReceiptInvalid("the path does not lead from the leaf to the signed root")


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Where the path leads (RFC 9162 §2.1.3.2); None for one that is too short or too long."""
    place, last, head = index, size - 1, leaf
    if not 0 <= place <= last:
        return None
    for sibling in path:
        if last == 0 or len(sibling) != 32:
            return None
        if place % 2 or place == last:
            head = sha256(b"\x01" + sibling + head).digest()
            while place and not place % 2:
                place, last = place >> 1, last >> 1
        else:
            head = sha256(b"\x01" + head + sibling).digest()
        place, last = place >> 1, last >> 1
    return head if last == 0 else None
