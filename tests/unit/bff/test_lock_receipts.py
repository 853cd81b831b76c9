"""A receipt proves that one event of ours is in the signed log, or it is none."""

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.ids import uuid7
from contracts.receipts import Receipt
from services.audit.log.note import Checkpoint, Signer
from services.bff.locks.receipts import ReceiptInvalid, VerifierKey, prove

SIGNER = Signer("log.example", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer("log.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEY = VerifierKey.parse(SIGNER.verifier_key())
TENANT, OTHER, EVENT = uuid7(), uuid7(), uuid7()
SAYS = {"lock_id": "room-1", "action": "unlock"}


def head_of(entries: Sequence[bytes]) -> bytes:
    """MTH, as RFC 6962 §2.1 defines it."""
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    middle = 1 << (len(entries) - 1).bit_length() - 1
    return sha256(b"\x01" + head_of(entries[:middle]) + head_of(entries[middle:])).digest()


def path_of(index: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH, as RFC 6962 §2.1.1 defines it."""
    if len(entries) == 1:
        return []
    middle = 1 << (len(entries) - 1).bit_length() - 1
    if index < middle:
        return [*path_of(index, entries[:middle]), head_of(entries[middle:])]
    return [*path_of(index - middle, entries[middle:]), head_of(entries[:middle])]


def entry_of(**changed: Any) -> bytes:
    said = {"id": str(EVENT), "tenant_id": str(TENANT), "data": SAYS, "nonce": "x"}
    return orjson.dumps({**said, **changed}, option=orjson.OPT_SORT_KEYS)


def receipt(
    size: int = 7,
    index: int = 4,
    entry: bytes | None = None,
    log_of: UUID = TENANT,
    signer: Signer = SIGNER,
    **changed: Any,
) -> Receipt:
    """Of leaf `index` among `size`."""
    entries = [entry or entry_of() if place == index else b"%d" % place for place in range(size)]
    told = {
        "leaf_index": index,
        "entry": base64.b64encode(entries[index]).decode(),
        "hashes": tuple(piece.hex() for piece in path_of(index, entries)),
        "checkpoint": signer.sign(Checkpoint(f"tenantry/audit/{log_of}", size, head_of(entries))),
    }
    return Receipt(**{**told, **changed})


def is_proven(given: Receipt) -> bool:
    try:
        prove(given, KEY, TENANT, EVENT, SAYS)
    except ReceiptInvalid:
        return False
    return True


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 13, 64, 100])
def test_every_leaf_of_a_tree_is_proven(size: int) -> None:
    assert all(is_proven(receipt(size, index)) for index in range(size))


@pytest.mark.parametrize(
    "given",
    [
        receipt(entry=entry_of(id=str(uuid7()))),
        receipt(entry=entry_of(tenant_id=str(OTHER))),
        receipt(entry=entry_of(data={**SAYS, "lock_id": "room-2"})),
        receipt(entry=b"no json"),
        receipt(entry=b"{}"),
        receipt(entry=b"[1]"),
        receipt(log_of=OTHER),
        receipt(signer=STRANGER),
        Receipt(**{**receipt().model_dump(), "entry": "no base64"}),
        receipt(leaf_index=3),
        receipt(leaf_index=7),
        receipt(hashes=()),
        receipt(hashes=(*receipt().hashes, "00" * 32)),
        receipt(hashes=receipt().hashes[:-1]),
        receipt(hashes=("00" * 32, *receipt().hashes[1:])),
        receipt(hashes=("no hexadecimal",)),
        receipt(hashes=("00",)),
        receipt(checkpoint=receipt().checkpoint.replace("\n7\n", "\n8\n")),
        receipt(checkpoint=receipt().checkpoint.split("\n\n")[0]),
        receipt(checkpoint=""),
        receipt(checkpoint=receipt(size=8).checkpoint),
    ],
)
def test_whatever_is_changed_it_proves_nothing(given: Receipt) -> None:
    assert not is_proven(given)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log.example",
        "log.example+00000000+AAAA",
        SIGNER.verifier_key().replace("log.example", "other.example"),
        SIGNER.verifier_key()[:-4],
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever part of it is wrong
        VerifierKey.parse(text)


def test_a_signature_of_ours_among_others_counts() -> None:
    body, empty, mine = receipt().checkpoint.partition("\n\n")
    others = "— witness.example AAAAAAAA\n"
    assert is_proven(receipt(checkpoint=f"{body}{empty}{others}{mine}"))
