"""Peppers: secrets outside the database without which a stored digest says nothing about its key.

The first one issues; all of them verify, so that a new one can be put in front without ending any key.
"""

import base64
import binascii
import hmac
import re

LEAST_BYTES = 32
ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class Peppers:
    """Read from `<id>:<base64>,<id>:<base64>`, newest first. Raises ValueError, which never repeats a secret."""

    def __init__(self, text: str) -> None:
        self._secrets: dict[str, bytes] = {}
        for place, entry in enumerate(text.split(","), start=1):
            id_, _, secret = entry.strip().partition(":")
            if not ID.fullmatch(id_):
                raise ValueError(f"entry {place} has no id; give <id>:<base64>, newest first")
            if id_ in self._secrets:
                raise ValueError(f"the id {id_} is given twice")
            try:
                self._secrets[id_] = base64.b64decode(secret, validate=True)
            except binascii.Error as error:
                raise ValueError(f"the pepper {id_} is not base64") from error
            if len(self._secrets[id_]) < LEAST_BYTES:
                raise ValueError(f"the pepper {id_} is shorter than {LEAST_BYTES} bytes")
        self.newest = next(iter(self._secrets))
        self._newest_secret = self._secrets[self.newest]

    def digest(self, key: str) -> bytes:
        """Under the newest pepper: what is stored of a key that is issued now."""
        return hmac.digest(self._newest_secret, key.encode(), "sha256")

    def digests(self, key: str) -> list[bytes]:
        """Under every pepper: what may be stored of a key that was issued some time."""
        return [hmac.digest(secret, key.encode(), "sha256") for secret in self._secrets.values()]
