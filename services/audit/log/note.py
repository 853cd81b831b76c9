"""Signed notes and checkpoints (C2SP signed-note, C2SP tlog-checkpoint), signed with Ed25519."""

import base64
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, its number of leaves and its root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The text that is signed; ends in a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class Signer:
    """An Ed25519 key with a name, as C2SP signed-note knows it."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self._key = key
        self.public_key = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = sha256(name.encode() + b"\n" + ED25519 + self.public_key).digest()[:4]

    def verifier_key(self) -> str:
        """`<name>+<id in hex>+<base64 of type and key>`: what a reader of the log is given."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public_key).decode()}"

    def sign(self, checkpoint: Checkpoint) -> str:
        """The signed note: body, empty line, one signature line."""
        return self.sign_text(checkpoint.body())

    def sign_text(self, body: str) -> str:
        """A signed note of a text that ends in a newline. Its first line says what it is, lest one pass for another."""
        signature = base64.b64encode(self.key_id + self._key.sign(body.encode())).decode()
        return f"{body}\n— {self.name} {signature}\n"
