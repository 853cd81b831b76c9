"""Errors of the notifier.

DomainError
├── EndpointRefused   422 NOTIFIER.ENDPOINT_REFUSED
│   └── Unresolvable
└── EndpointNotFound  404 NOTIFIER.ENDPOINT_NOT_FOUND
"""

from chassis.errors import Invalid, NotFound


class EndpointRefused(Invalid):
    """The address may not be called."""

    code = "NOTIFIER.ENDPOINT_REFUSED"

    def __init__(self, reason: str) -> None:
        fault = {"pointer": "/url", "code": "refused", "detail": reason}
        super().__init__(f"url: {reason}", errors=[fault])


class Unresolvable(EndpointRefused):
    """The name leads nowhere at this moment."""


class EndpointNotFound(NotFound):
    """There is no such endpoint."""

    code = "NOTIFIER.ENDPOINT_NOT_FOUND"
