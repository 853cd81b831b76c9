"""Errors of audit.

DomainError
├── EmptyLog        404 AUDIT.EMPTY_LOG
├── LeafNotFound    404 AUDIT.LEAF_NOT_FOUND
├── DemoNotExported 403 AUDIT.DEMO_NOT_EXPORTED
├── ExportNotFound  404 AUDIT.EXPORT_NOT_FOUND
├── TooManyExports  429 AUDIT.TOO_MANY_EXPORTS
├── RangeEmpty      422 AUDIT.RANGE_EMPTY
├── LinkInvalid     404 AUDIT.LINK_INVALID
├── LinkExpired     410 AUDIT.LINK_EXPIRED
├── HoldNotFound    404 AUDIT.HOLD_NOT_FOUND
├── HoldReleased    409 AUDIT.HOLD_RELEASED
├── Held            409 AUDIT.HELD
└── BundleDamaged   500 AUDIT.BUNDLE_DAMAGED
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


class DemoNotExported(DomainError):
    """Everybody is let into the demo tenant, so its log leaves by nobody's hand."""

    code = "AUDIT.DEMO_NOT_EXPORTED"
    status = 403


class ExportNotFound(DomainError):
    """Never asked for, or another tenant's."""

    code = "AUDIT.EXPORT_NOT_FOUND"
    status = 404


class TooManyExports(DomainError):
    """The tenant's earlier exports are not done yet."""

    code = "AUDIT.TOO_MANY_EXPORTS"
    status = 429


class RangeEmpty(DomainError):
    """It ends before it begins, or begins in the future."""

    code = "AUDIT.RANGE_EMPTY"
    status = 422


class LinkInvalid(DomainError):
    """Not one of ours, or changed on the way."""

    code = "AUDIT.LINK_INVALID"
    status = 404


class LinkExpired(DomainError):
    """Its seven days are over, and the file is gone."""

    code = "AUDIT.LINK_EXPIRED"
    status = 410


class HoldNotFound(DomainError):
    """Never placed, or another tenant's."""

    code = "AUDIT.HOLD_NOT_FOUND"
    status = 404


class HoldReleased(DomainError):
    """Somebody released it before."""

    code = "AUDIT.HOLD_RELEASED"
    status = 409


class Held(DomainError):
    """A legal hold keeps what was to be erased."""

    code = "AUDIT.HELD"
    status = 409


class BundleDamaged(DomainError):
    """The file of a sealed bundle is missing or is not what was sealed: an alarm, for somebody changed it."""

    code = "AUDIT.BUNDLE_DAMAGED"
    status = 500
