"""Errors of records: what is posted, searched and erased.

DomainError
├── ProjectNotFound  404 AUDIT.PROJECT_NOT_FOUND
├── TokenNotFound    404 AUDIT.TOKEN_NOT_FOUND
├── SubjectNotFound  404 AUDIT.SUBJECT_NOT_FOUND
├── TokenRevoked     409 AUDIT.TOKEN_REVOKED
├── GroupRefused     422 AUDIT.GROUP_REFUSED
├── EventTooLarge    422 AUDIT.EVENT_TOO_LARGE
├── SearchTooWide    422 AUDIT.SEARCH_TOO_WIDE
├── QueryRefused     422 AUDIT.QUERY_REFUSED
├── SearchStoreStale    503 AUDIT.SEARCH_STORE_STALE
├── SearchStoreDamaged  503 AUDIT.SEARCH_STORE_DAMAGED
├── TokenTooNarrow   403 AUDIT.TOKEN_TOO_NARROW
└── ReasonRequired   403 AUDIT.REASON_REQUIRED
Transient
└── SearchStoreUnavailable
"""

from chassis.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Transient


class ProjectNotFound(NotFound):
    """The token is for another project."""

    code = "AUDIT.PROJECT_NOT_FOUND"


class TokenNotFound(NotFound):
    """The tenant has no such publisher token."""

    code = "AUDIT.TOKEN_NOT_FOUND"


class SubjectNotFound(NotFound):
    """Nothing of this person is sealed in the tenant's log, or it was erased before."""

    code = "AUDIT.SUBJECT_NOT_FOUND"


class TokenRevoked(Conflict):
    """The publisher token was revoked before."""

    code = "AUDIT.TOKEN_REVOKED"


class GroupRefused(Invalid):
    """The event names another tenant than the token's."""

    code = "AUDIT.GROUP_REFUSED"


class EventTooLarge(Invalid):
    """The event does not fit into an entry of the log."""

    code = "AUDIT.EVENT_TOO_LARGE"


class SearchTooWide(Invalid):
    """So much would have to be looked through that the search was given up."""

    code = "AUDIT.SEARCH_TOO_WIDE"


class QueryRefused(Invalid):
    """The GraphQL query or its search text is none that is understood."""

    code = "AUDIT.QUERY_REFUSED"


class TokenTooNarrow(Forbidden):
    """The publisher token may post and not read."""

    code = "AUDIT.TOKEN_TOO_NARROW"


class ReasonRequired(Forbidden):
    """Our own staff looks into a customer's log with a reason only."""

    code = "AUDIT.REASON_REQUIRED"


class SearchStoreStale(DomainError):
    """What the search store was built from is not this log, or it is being built."""

    code = "AUDIT.SEARCH_STORE_STALE"
    status = 503


class SearchStoreDamaged(DomainError):
    """The search store says something else than the log: somebody changed it."""

    code = "AUDIT.SEARCH_STORE_DAMAGED"
    status = 503


class SearchStoreUnavailable(Transient):
    """The search store beside the log cannot be reached."""
