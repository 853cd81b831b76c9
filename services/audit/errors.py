"""Errors of audit.

DomainError
├── EmptyLog      404 AUDIT.EMPTY_LOG
├── LeafNotFound  404 AUDIT.LEAF_NOT_FOUND
├── TileNotFound  404 AUDIT.TILE_NOT_FOUND
├── LockActionsHalted     503 AUDIT.LOCK_ACTIONS_HALTED
├── LockActionsNotHalted  409 AUDIT.LOCK_ACTIONS_NOT_HALTED
├── SecondOperatorNeeded  409 AUDIT.SECOND_OPERATOR_NEEDED
└── OtherIncident         409 AUDIT.OTHER_INCIDENT
"""

from chassis.errors import Conflict, DomainError


class EmptyLog(DomainError):
    """There is no signed checkpoint for this tenant yet."""

    code = "AUDIT.EMPTY_LOG"
    status = 404


class LeafNotFound(DomainError):
    """The signed tree has no such leaf."""

    code = "AUDIT.LEAF_NOT_FOUND"
    status = 404


class TileNotFound(DomainError):
    """The signed tree has no such tile, or the path names none."""

    code = "AUDIT.TILE_NOT_FOUND"
    status = 404


class LockActionsHalted(DomainError):
    """No receipts are given; nothing is sent to locks."""

    code = "AUDIT.LOCK_ACTIONS_HALTED"
    status = 503


class LockActionsNotHalted(Conflict):
    """There is nothing to resume."""

    code = "AUDIT.LOCK_ACTIONS_NOT_HALTED"


class SecondOperatorNeeded(Conflict):
    """The first word was this operator's own."""

    code = "AUDIT.SECOND_OPERATOR_NEEDED"


class OtherIncident(Conflict):
    """The two operators do not speak of the same incident."""

    code = "AUDIT.OTHER_INCIDENT"
