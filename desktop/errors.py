"""What can go wrong on a desktop.

DesktopError
├── Offline            the server cannot be reached; local work goes on, the queue grows
├── SignInRequired     no valid token and no way to renew it silently
├── Refused            the server said no: carries its problem (RFC 9457)
└── KeyStoreLocked     the device key exists but cannot be opened
"""

from typing import Any


class DesktopError(Exception):
    """The root of the tree above."""


class Offline(DesktopError):
    """The server cannot be reached."""


class SignInRequired(DesktopError):
    """The member has to sign in again."""


class KeyStoreLocked(DesktopError):
    """The device key exists but cannot be opened with what was given."""


class Refused(DesktopError):
    """The server refused; `status` and `code` say why (RFC 9457 problem details)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", "UNKNOWN"))
        super().__init__(
            f"{status} {self.code}: {problem.get('detail') or problem.get('title') or 'no detail'}"
        )
