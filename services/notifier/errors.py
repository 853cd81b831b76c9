"""Errors of the notifier.

DomainError
├── EndpointRefused   422 NOTIFIER.ENDPOINT_REFUSED
└── EndpointNotFound  404 NOTIFIER.ENDPOINT_NOT_FOUND
"""

from chassis.errors import Invalid, NotFound


class EndpointRefused(Invalid):
    """The address may not be called."""

    code = "NOTIFIER.ENDPOINT_REFUSED"


class EndpointNotFound(NotFound):
    """There is no such endpoint."""

    code = "NOTIFIER.ENDPOINT_NOT_FOUND"
