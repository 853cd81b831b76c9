"""The failure families.

TenantryError
├── DomainError         the caller's matter: rendered as problem+json, with its code and status
│   ├── Unauthorized    401
│   ├── Forbidden       403
│   ├── NotFound        404
│   ├── Conflict        409
│   └── Invalid         422
├── Transient           will pass: tried again with growing, jittered delay; 503 to a caller
└── Permanent           will not: dead letter
"""

from typing import Any, ClassVar


class TenantryError(Exception):
    """The root of the tree above."""


class DomainError(TenantryError):
    """Something the caller can understand. `extras` become members of the problem: allowed_transitions, retry_at, fix …

    `french` is the detail for who prefers French; without it the English one is shown, under a French title.
    """

    code: ClassVar[str] = "CHASSIS.DOMAIN_ERROR"
    status: ClassVar[int] = 400

    def __init__(
        self, detail: str, *, french: str | None = None, headers: dict[str, str] | None = None, **extras: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.french = french
        self.headers = headers or {}
        self.extras = extras


class Unauthorized(DomainError):
    """Who is calling is not known well enough."""

    code = "CHASSIS.UNAUTHORIZED"
    status = 401


class Forbidden(DomainError):
    """The caller is known and may not."""

    code = "CHASSIS.FORBIDDEN"
    status = 403


class NotFound(DomainError):
    """It does not exist, or it is another tenant's."""

    code = "CHASSIS.NOT_FOUND"
    status = 404


class Conflict(DomainError):
    """It cannot be done in the present state."""

    code = "CHASSIS.CONFLICT"
    status = 409


class Invalid(DomainError):
    """The input is well-formed and wrong."""

    code = "CHASSIS.INVALID"
    status = 422


class Transient(TenantryError):
    """It will pass; try again later."""


class Permanent(TenantryError):
    """Trying again cannot help."""
