"""What an export is of. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

LINK_DAYS = 7
LINK_VALID = timedelta(days=LINK_DAYS)
MOST_UNFINISHED = 3
"""Exports of one tenant that may wait or run at a time."""
MOST_ATTEMPTS = 10
"""A writer that fails so often is not started again."""
PLATFORM_PRODUCT = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records of the range; all that are given must fit. `action` may end in `*`: then it is a prefix."""

    product: str | None = None
    actor_id: str | None = None
    action: str | None = None
    target_id: str | None = None
    is_failure: bool | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "Wanted | None":
        """As a row of `audit_export` keeps it."""
        return None if kept is None else cls(**kept)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a record is meant. The platform's own records are those without a product, or `platform`."""
        if self.action is not None and not is_action(row["action"], self.action):
            return False
        if self.product is not None and (row["product"] or PLATFORM_PRODUCT) != self.product:
            return False
        exact = (("actor_id", self.actor_id), ("target_id", self.target_id), ("is_failure", self.is_failure))
        return all(wanted is None or row[name] == wanted for name, wanted in exact)

    def told(self) -> dict[str, Any]:
        """What is given, for people and for the manifest."""
        given = {
            "product": self.product,
            "actor_id": self.actor_id,
            "action": self.action,
            "target_id": self.target_id,
            "is_failure": self.is_failure,
        }
        return {name: value for name, value in given.items() if value is not None}


def is_action(action: str, wanted: str) -> bool:
    return action.startswith(wanted[:-1]) if wanted.endswith("*") else action == wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export as its writer knows it."""

    tenant_id: UUID
    export_id: UUID
    asked_by: str
    asked_at: datetime
    language: str
    shows_personal: bool
    received_from: datetime | None
    received_to: datetime
    wanted: Wanted | None
    request_leaf: int

    @property
    def is_range_complete(self) -> bool:
        """Only what is not filtered can prove that nothing is missing."""
        return self.wanted is None
