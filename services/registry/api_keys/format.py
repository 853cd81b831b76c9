"""What a key looks like: `tk_live_` or `tk_test_`, 32 random base62 characters, 6 more of their CRC32. Pure.

The checksum lets scanners and this service tell a key from a typing error without asking anybody. It is no secret.
"""

import re
import secrets
import string
import zlib
from typing import Literal

Mode = Literal["live", "test"]

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_CHARACTERS = 32
CHECK_CHARACTERS = 6
SHOWN_CHARACTERS = 12
"""So much of a key is kept in the clear: its kind and four characters."""
PATTERN = re.compile(r"tk_(?:live|test)_[0-9A-Za-z]{38}")
"""Also what secret scanners may look for."""


def new_key(mode: Mode) -> str:
    """A key that nobody can guess: 190 bits of the system's random source."""
    body = f"tk_{mode}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return body + checksum(body)


def checksum(body: str) -> str:
    """CRC32 of everything before it, in base62, most significant character first."""
    value = zlib.crc32(body.encode())
    found = ""
    for _ in range(CHECK_CHARACTERS):
        value, digit = divmod(value, len(ALPHABET))
        found = ALPHABET[digit] + found
    return found


def is_well_formed(key: str) -> bool:
    """Whether the form and the checksum are right. CRC32 sees every change of up to 32 bits in a row."""
    return PATTERN.fullmatch(key) is not None and checksum(key[:-CHECK_CHARACTERS]) == key[-CHECK_CHARACTERS:]
