"""Identifiers: UUIDv7 (RFC 9562 §5.7), which sort by the time they were made."""

from datetime import date
from uuid import UUID

import uuid_utils.compat

FIRST_DAY = date(1970, 1, 1).toordinal()
MILLISECONDS_OF_A_DAY = 86_400_000


def uuid7() -> UUID:
    """A new id; later ones of one process compare greater."""
    return uuid_utils.compat.uuid7()


def is_uuid7(id_: UUID) -> bool:
    """By version and variant."""
    return id_.int >> 76 & 0xF == 7 and id_.int >> 62 & 0b11 == 0b10


def uuid7_day(id_: UUID) -> date:
    """The UTC day in which a UUIDv7 was made: its first 48 bits are milliseconds since 1970.

    Raises ValueError for a day after the year 9999.
    """
    return date.fromordinal(FIRST_DAY + (id_.int >> 80) // MILLISECONDS_OF_A_DAY)
