"""Checks a tenant's audit log from its published parts; shares no code with the service that wrote it.

Formats: RFC 6962 (tree and proofs), RFC 9162 §2.1.3.2 and §2.1.4.2 (verification), C2SP signed-note and tlog-checkpoint.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Unverified(Exception):
    """The log does not prove what it claims; the message says what differs."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint whose signature was checked."""

    origin: str
    size: int
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """MTH over leaf hashes, computed from nothing else: level by level, an odd last one moves up as it is."""
    if not hashes:
        return sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        pairs = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to from `leaf` (RFC 9162 §2.1.3.2). Raises Unverified for a proof of wrong length."""
    if not 0 <= index < size:
        raise Unverified(f"leaf {index} is not in a tree of {size}")
    place, last, head = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Unverified("the inclusion proof is too long")
        if place % 2 or place == last:
            head = _node(sibling, head)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            head = _node(head, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Unverified("the inclusion proof is too short")
    return head


def is_consistent(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves only adds to the one of `old` (RFC 9162 §2.1.4.2)."""
    if old == size:
        return not proof and old_root == root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            before, after = _node(sibling, before), _node(sibling, after)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            after = _node(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == root


def open_note(note: str, verifier_key: str) -> SignedHead:
    """The head that a signed note states. `verifier_key` is `<name>+<id>+<base64>`. Raises Unverified."""
    name, key = _public_key(verifier_key)
    body, separator, signatures = note.rpartition("\n\n")
    if not separator:
        raise Unverified("the checkpoint is not a signed note: no empty line before its signatures")
    body += "\n"
    identity = sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures.splitlines():
        if line.startswith(f"— {name} ") and _is_signed(line.split(" ")[2], identity, key, body.encode()):
            return _head(body)
    raise Unverified(f"the checkpoint carries no valid signature of {name}")


def verify_log(entries: Sequence[bytes], note: str, verifier_key: str, origin: str) -> SignedHead:
    """Recompute the tree over every entry and hold it against the signed head. Raises Unverified."""
    head = open_note(note, verifier_key)
    if head.origin != origin:
        raise Unverified(f"the checkpoint speaks of {head.origin}, not of {origin}")
    if len(entries) != head.size:
        raise Unverified(f"the checkpoint counts {head.size} records, the log gave {len(entries)}")
    if (found := root_of([leaf_hash(entry) for entry in entries])) != head.root:
        raise Unverified(f"the records give the root {found.hex()}, the checkpoint states {head.root.hex()}")
    return head


def entry_of(record: Mapping[str, Any], index: int) -> bytes:
    """The leaf of a record as the API of audit shows it. Raises Unverified where what is shown beside the leaf is not
    what the leaf says: readers look at that, and the tree covers the leaf alone.
    """
    try:
        entry = base64.b64decode(record["entry"], validate=True)
        stated = _stated_by(json.loads(entry), entry, index)
        shown = {name: record[name] for name in stated}
        shown["received_at"] = datetime.fromisoformat(shown["received_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unverified(f"record {index}: it cannot be read: {error!r}") from error
    for name, value in stated.items():
        if shown[name] != value:
            raise Unverified(f"record {index}: {name} is shown as {shown[name]}, the leaf says {value}")
    return entry


def _stated_by(said: Any, entry: bytes, index: int) -> dict[str, Any]:
    """Name of what the API shows → what it must be. Text columns hold U+FFFD where the leaf has NUL."""
    target_type, _, target_id = said["subject"].partition("/")
    texts = {
        "record_id": said["id"],
        "action": said["type"],
        "source": said["source"],
        "target_id": target_id,
        "target_type": target_type,
        "actor_id": said["actor"]["id"],
        "trace_id": said["trace_id"],
    }
    number = said["source_seq"]
    return {
        "leaf_index": index,
        **{name: text and text.replace("\0", "\ufffd") for name, text in texts.items()},
        "source_seq": None if number is None else int(number),
        "received_at": datetime.fromisoformat(said["received_at"]),
        "leaf_hash": leaf_hash(entry).hex(),
    }


def _public_key(verifier_key: str) -> tuple[str, bytes]:
    try:
        name, _, encoded = verifier_key.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Unverified("the verifier key is not of the form <name>+<id>+<base64>") from error
    if len(raw) != 33 or raw[0] != 1:
        raise Unverified("the verifier key is not an Ed25519 key")
    return name, raw[1:]


def _is_signed(encoded: str, identity: bytes, key: bytes, body: bytes) -> bool:
    try:
        raw = base64.b64decode(encoded, validate=True)
        if raw[:4] != identity:
            return False
        Ed25519PublicKey.from_public_bytes(key).verify(raw[4:], body)
    except (binascii.Error, InvalidSignature):
        return False
    return True


def _head(body: str) -> SignedHead:
    try:
        origin, size, root = body.splitlines()[:3]
        return SignedHead(origin, int(size), base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error) as error:
        raise Unverified("the checkpoint's three lines are not origin, size and root") from error
