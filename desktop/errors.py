"""What can go wrong on a desktop.

DesktopError
├── Offline            the server cannot be reached; local work goes on, the queue grows
│   └── NotNow         it answered that it takes nothing now, and when to ask again
├── SignInRequired     no valid token and no way to renew it silently
├── Refused            the server said no: carries its problem (RFC 9457)
└── KeyStoreLocked     the device key exists but cannot be opened
"""

from typing import Any


class DesktopError(Exception):
    """The root of the tree above."""


class Offline(DesktopError):
    """The server cannot be reached."""


class NotNow(Offline):
    """Switched off, paused or too busy (429, 503): work offline, keep the queue, ask again `after` so many seconds."""

    def __init__(self, status: int, problem: dict[str, Any], after: float) -> None:
        self.status = status
        self.problem = problem
        self.after = after
        self.code = code_of(problem)
        super().__init__(told(status, problem))


class SignInRequired(DesktopError):
    """The member has to sign in again."""


class KeyStoreLocked(DesktopError):
    """The device key exists but cannot be opened with what was given."""


class Refused(DesktopError):
    """The server refused; `status` and `code` say why (RFC 9457 problem details)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = code_of(problem)
        super().__init__(told(status, problem))


def code_of(problem: dict[str, Any]) -> str:
    return str(problem.get("code", "UNKNOWN"))


def told(status: int, problem: dict[str, Any]) -> str:
    return f"{status} {code_of(problem)}: {problem.get('detail') or problem.get('title') or 'no detail'}"
