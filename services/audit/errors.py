"""Errors of audit.

DomainError
├── EmptyLog      404 AUDIT.EMPTY_LOG
└── LeafNotFound  404 AUDIT.LEAF_NOT_FOUND
"""

from chassis.errors import DomainError


class EmptyLog(DomainError):
    """There is no signed checkpoint for this tenant yet."""

    code = "AUDIT.EMPTY_LOG"
    status = 404


class LeafNotFound(DomainError):
    """The signed tree has no such leaf."""

    code = "AUDIT.LEAF_NOT_FOUND"
    status = 404
