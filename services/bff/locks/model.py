"""What may be done to a lock, by whom, and how long each step of it may take. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.lock_actions import Command, LockActionRequestedV1, LockVerb
from contracts.roles import BackofficeRole

ROLES: Mapping[LockVerb, frozenset[str]] = {
    "lock": frozenset(role.value for role in BackofficeRole),
    "unlock": frozenset(
        {
            BackofficeRole.FRONT_DESK.value,
            BackofficeRole.MAINTENANCE.value,
            BackofficeRole.GENERAL_MANAGER.value,
        }
    ),
    "block": frozenset({BackofficeRole.FRONT_DESK.value, BackofficeRole.GENERAL_MANAGER.value}),
}
"""Any of these roles may, at a property of its scope."""
RISKS: Mapping[LockVerb, int] = {"lock": 1, "unlock": 2, "block": 2}
"""At and above the tenant's threshold (flag `mfa_scope_threshold`) a fresh second factor is needed."""
LONGEST_WAIT = 300.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds of the steps, in seconds."""

    deadline: float = 15.0
    """From the request to the command: what was not sent by then is never sent."""
    receipt: float = 3.0
    """One question for a receipt."""
    vendor: float = 5.0
    """One question to the vendor."""
    again: float = 0.3
    """Until a receipt is asked for again."""
    skew: float = 30.0
    """How far the vendor's clock may be behind: so long after its expiry a command that never arrived is given up."""
    margin: float = 2.0
    """What a step may take beside its question, before another process goes on with the action."""


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the ledger as the worker holds it; `row_version` fences off whoever held it before."""

    tenant_id: UUID
    action_id: UUID
    property: str
    lock_id: str
    action: LockVerb
    member_id: str
    device_id: UUID
    event_id: UUID
    correlation_id: str
    state: str
    requested_at: datetime
    expires_at: datetime
    tries: int
    row_version: int

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Action":
        return cls(**{name: row[name] for name in cls.__slots__})

    def key(self) -> str:
        """The vendor acts once on it."""
        return str(self.action_id)

    def command(self) -> Command:
        return Command(
            key=self.key(),
            site=str(self.tenant_id),
            property=self.property,
            lock_id=self.lock_id,
            action=self.action,
            expires_at=self.expires_at,
        )

    def requested(self) -> LockActionRequestedV1:
        """What was said of the request, and what its receipt must repeat."""
        return LockActionRequestedV1(
            **self.told(), requested_at=self.requested_at, expires_at=self.expires_at
        )

    def told(self) -> dict[str, Any]:
        """What all its events say."""
        names = ("tenant_id", "action_id", "property", "lock_id", "action", "member_id", "device_id")
        return {name: getattr(self, name) for name in names}


def wait_after(tries: int) -> timedelta:
    """1, 2, 4 … seconds between two questions for what is unknown, five minutes at most."""
    return timedelta(seconds=min(LONGEST_WAIT, 2.0 ** min(tries, 20)))
