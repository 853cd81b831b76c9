"""Cursors, principals, the collection and its conflict policy. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.sync.errors import CursorExpired, CursorInvalid, ScopeRefused, at

COLLECTION = "shift_notes"
EPOCH = 1
"""Of the change numbering; grows when it is rebuilt."""
FIELDS = {"text": str, "done": bool, "room": str}
MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Principal:
    """For whom the bff speaks."""

    tenant_id: UUID
    device_id: UUID
    member_id: str
    properties: frozenset[str]

    def property_of(self, scope: str, pointer: str = "/scope") -> str:
        """`pointer` tells where the scope stood. Raises ScopeRefused for one of another tenant or property."""
        tenant, _, property_ = scope.partition("/")
        if tenant != str(self.tenant_id) or not property_ or property_ not in self.properties:
            raise ScopeRefused(**at(pointer, "not_yours", f"{scope!r} is not one of yours"))
        return property_


class Cursors:
    """Opaque, authenticated, bound to tenant and device. `pointer` tells where a cursor stood in the body."""

    def __init__(self, key: str) -> None:
        self._key = base64.b64decode(key)

    def make(self, principal: Principal, scope: str, seq: int) -> str:
        body = json.dumps([EPOCH, hash_of(scope), seq], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(principal, body) + body).rstrip(b"=").decode()

    def read(self, principal: Principal, scope: str, cursor: str | None, pointer: str = "/cursor") -> int:
        """The sequence it stands at; 0 for none. Raises CursorInvalid, CursorExpired."""
        if cursor is None:
            return 0
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError) as error:
            raise CursorInvalid(**at(pointer, "not_ours", "not one of ours")) from error
        tag, body = raw[:16], raw[16:]
        if not hmac.compare_digest(tag, self._tag(principal, body)):
            raise CursorInvalid(**at(pointer, "not_ours", "not made for this device"))
        epoch, of_scope, seq = json.loads(body)
        if of_scope != hash_of(scope):
            raise CursorInvalid(**at(pointer, "not_ours", "made for another scope"))
        if epoch != EPOCH:
            raise CursorExpired(
                **at(pointer, "expired", "of a numbering that is gone; pull again without one")
            )
        return int(seq)

    def _tag(self, principal: Principal, body: bytes) -> bytes:
        bound = f"{principal.tenant_id}|{principal.device_id}|".encode()
        return hmac.digest(self._key, bound + body, hashlib.sha256)[:16]


def hash_of(scope: str) -> str:
    """Short whatever the scope is called, so that a cursor fits where cursors are taken."""
    return hashlib.sha256(scope.encode()).hexdigest()[:32]


def fault_of(args: dict[str, Any]) -> str | None:
    """What is wrong with the fields of a note, if anything."""
    for name, value in args.items():
        kind = FIELDS.get(name)
        if kind is None:
            return f"/args/{name}: unknown field; known are {', '.join(FIELDS)}"
        if not isinstance(value, kind):
            return f"/args/{name}: not a {kind.__name__}"
        if isinstance(value, str) and len(value) > MAX_TEXT:
            return f"/args/{name}: longer than {MAX_TEXT} characters"
    return None


def value_hash(value: dict[str, Any]) -> str:
    """SHA-256 over the value with sorted keys, in hexadecimal."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
