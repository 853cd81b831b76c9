"""What is personal in a record, and the boxes that it is put into. Pure."""

import base64
import hmac
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
WORD_BYTES = 16
SEALED, ERASED = "sealed", "erased"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ALIAS = "subject:"


@dataclass(frozen=True, slots=True)
class Personal:
    """A value in a record's statement that says something of a person."""

    path: tuple[str | int, ...]
    subject: str
    """The person's id, as the source knows it."""
    is_name: bool = False
    """Names are found by their whole text; e-mail addresses are found wherever they are the whole value."""


def is_telling(id_: str) -> bool:
    """Whether the id itself is personal data, as an e-mail address or a name is: not one ASCII word without `@`."""
    return bool(id_) and (not id_.isascii() or "@" in id_ or id_.split() != [id_])


def alias_of(key_id: UUID) -> str:
    """What stands for a telling id in columns; without the key nothing leads from it to the person."""
    return f"{ALIAS}{key_id.hex}"


class TenantKey:
    """A tenant's key, unwrapped: wraps its persons' keys and makes keyed words."""

    def __init__(self, tenant_id: UUID, key: bytes) -> None:
        self._tenant = tenant_id.bytes
        self._cipher = AESGCM(hmac.digest(key, b"wrap", "sha256"))
        self._words = hmac.digest(key, b"words", "sha256")

    def wrap(self, key: bytes, key_id: UUID) -> bytes:
        return closed(self._cipher, key, self._tenant + key_id.bytes)

    def unwrap(self, wrapped: bytes, key_id: UUID) -> AESGCM:
        """Raises InvalidTag."""
        return AESGCM(opened(self._cipher, wrapped, self._tenant + key_id.bytes))

    def word(self, kind: str, value: str) -> bytes:
        """HMAC-SHA256 of a value, cut to 128 bits: equal values are found, others cannot be guessed without the key."""
        return hmac.digest(self._words, f"{kind}\0{value}".encode(), "sha256")[:WORD_BYTES]


class RootKey:
    """From the settings: wraps the tenants' keys."""

    def __init__(self, key: str) -> None:
        """`key`: 32 bytes in base64. Raises ValueError for anything else."""
        raw = base64.b64decode(key, validate=True)
        if len(raw) != KEY_BYTES:
            raise ValueError(f"the root key has {len(raw)} bytes, not {KEY_BYTES}")
        self._cipher = AESGCM(raw)

    def new(self, tenant_id: UUID) -> bytes:
        """A tenant's key to be, wrapped."""
        return closed(self._cipher, os.urandom(KEY_BYTES), tenant_id.bytes)

    def unwrap(self, wrapped: bytes, tenant_id: UUID) -> TenantKey:
        """Raises InvalidTag."""
        return TenantKey(tenant_id, opened(self._cipher, wrapped, tenant_id.bytes))


def closed(cipher: AESGCM, plain: bytes, about: bytes) -> bytes:
    """AES-256-GCM: nonce, ciphertext, tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, about)


def opened(cipher: AESGCM, box: bytes, about: bytes) -> bytes:
    """Raises InvalidTag."""
    return cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], about)


def place(record_id: UUID, path: tuple[str | int, ...]) -> bytes:
    """What a box is bound to: the record and the JSON pointer (RFC 6901) of the value in its statement."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return record_id.bytes + "".join(f"/{step}" for step in steps).encode()


def seal(cipher: AESGCM, key_id: UUID, value: Any, where: bytes) -> dict[str, Any]:
    """What stands in the statement instead of `value`."""
    box = closed(cipher, orjson.dumps(value), where)
    return {SEALED: {"key": str(key_id), "box": base64.b64encode(box).decode()}}


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def replaced(value: Any, path: tuple[str | int, ...], by: Any) -> Any:
    """`value` with the part at `path` replaced; what is on the way is copied, nothing else."""
    if not path:
        return by
    step, *rest = path
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[step] = replaced(value[step], tuple(rest), by)
    return copy


def texts(value: Any) -> list[str]:
    """All texts in a value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in inner for text in texts(part)]


def words_of(key: TenantKey, value: Any, *, is_name: bool) -> set[bytes]:
    """The keyed words under which a sealed value is found."""
    found = {key.word("email", folded(text)) for text in texts(value) if EMAIL.fullmatch(text)}
    return found | {key.word("name", folded(value))} if is_name and isinstance(value, str) else found


def folded(text: str) -> str:
    return text.strip().casefold()


Boxes = dict[tuple[str | int, ...], tuple[UUID, bytes]]
Openers = Mapping[UUID, AESGCM]


def boxes_in(value: Any, path: tuple[str | int, ...] = ()) -> Boxes:
    """Every box in a statement: path → (key id, box)."""
    if isinstance(value, dict):
        if (box := box_of(value)) is not None:
            return {path: box}
        steps: Any = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    else:
        return {}
    found: Boxes = {}
    for step, part in steps:
        found |= boxes_in(part, (*path, step))
    return found


def box_of(value: dict[str, Any]) -> tuple[UUID, bytes] | None:
    """None for what only looks like a box."""
    match value:
        case {"sealed": {"key": str(key_id), "box": str(box)}} if len(value) == 1:
            try:
                return UUID(key_id), base64.b64decode(box, validate=True)
            except ValueError:
                return None
    return None


def unsealed(statement: Any, record_id: UUID, openers: Openers, erased: Callable[[UUID], str | None]) -> Any:
    """The statement with its boxes opened; of destroyed keys it says when. What does not open stays as it is."""
    for path, (key_id, box) in boxes_in(statement).items():
        if key_id in openers:
            try:
                value = orjson.loads(opened(openers[key_id], box, place(record_id, path)))
            except InvalidTag:
                continue
            statement = replaced(statement, path, value)
        elif when := erased(key_id):
            statement = replaced(statement, path, {ERASED: when})
    return statement
