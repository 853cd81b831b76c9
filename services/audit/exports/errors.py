"""Errors of exports.

DomainError
├── DemoNotExported 403 AUDIT.DEMO_NOT_EXPORTED
├── ExportNotFound  404 AUDIT.EXPORT_NOT_FOUND
├── TooManyExports  429 AUDIT.TOO_MANY_EXPORTS
├── RangeEmpty      422 AUDIT.RANGE_EMPTY
├── LinkInvalid     404 AUDIT.LINK_INVALID
└── LinkExpired     410 AUDIT.LINK_EXPIRED
"""

from chassis.errors import DomainError


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
