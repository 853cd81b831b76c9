"""When a session ends by itself, and which heartbeats are worth a write. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

MOST_OFTEN = timedelta(seconds=1)
"""No device is written down more often, however often it beats."""


@dataclass(frozen=True, slots=True)
class Limits:
    """So long a session lives at most, so long it lives unheard, so often it should be heard."""

    absolute: timedelta
    idle: timedelta
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """A row of sessions with the time at which it was heard of last."""

    session_id: UUID
    device_id: UUID
    member_id: str
    property: str
    opened_at: datetime
    expires_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    close_reason: str | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__slots__})

    def due_at(self, limits: Limits) -> datetime:
        """When the first of its limits is reached, unless it is heard of before."""
        return min(self.expires_at, self.last_seen_at + limits.idle)

    def end(self, limits: Limits, now: datetime) -> tuple[str, datetime] | None:
        """(why, when) it ended, also where nobody has written that down yet; None while it is open."""
        if self.closed_at is not None:
            return self.close_reason or "closed", self.closed_at
        due_at = self.due_at(limits)
        if now < due_at:
            return None
        return ("expired" if due_at == self.expires_at else "idle"), due_at


def is_worth_a_write(
    known: Mapping[str, Any], told: Mapping[str, Any], limits: Limits, now: datetime
) -> bool:
    """The first of a session, news of version or queue, and all else when the last word is half an interval old.

    News counts once a second at most. Half an interval is what a limit may be reached too early by.
    """
    age = now - known["last_seen_at"]
    is_first = known["last_seen_at"] == known["opened_at"]
    is_news = any(known[name] != told[name] for name in ("app_version", "queue_depth"))
    return is_first or age >= limits.interval / 2 or (is_news and age >= MOST_OFTEN)
