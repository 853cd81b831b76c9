"""Identifiers: UUIDv7 (RFC 9562 §5.7), which sort by the time they were made."""

from datetime import UTC, date, datetime
from uuid import UUID

import uuid_utils.compat


def uuid7() -> UUID:
    """A new id; later ones of one process compare greater."""
    return uuid_utils.compat.uuid7()


def uuid7_day(id_: UUID) -> date:
    """The UTC day in which a UUIDv7 was made: its first 48 bits are milliseconds since 1970."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC).date()
