"""The flags that there are. A name that is not declared here exists nowhere: not in the registry, not in a reader."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Value = bool | str | int
Kind = Literal["bool", "string", "int"]
Scope = Literal["platform", "tenant"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. A value for a tenant goes before that of the platform, which goes before the default."""

    name: str
    kind: Kind
    default: Value
    scope: Scope
    """`platform`: one value for all. `tenant`: a tenant may have its own."""
    about: str
    blocks_when: Value | None = None
    """With this value somebody is kept from working: tools ask before they set it."""
    is_feature: bool = False
    """Desktops are told its name while it is true."""
    least: int = 0
    most: int = 0
    """Bounds of an int."""
    pattern: str = ".*"
    """What a string looks like."""

    def fault_in(self, value: object) -> str | None:
        """What is wrong with a value, and what would be right; None for a good one."""
        if self.kind == "bool":
            return None if isinstance(value, bool) else f"{told(value)} is no bool; send true or false"
        if self.kind == "int":
            is_int = isinstance(value, int) and not isinstance(value, bool)
            if is_int and self.least <= value <= self.most:  # type: ignore[operator]  # an int, tested one line above
                return None
            return f"{told(value)} is no whole number from {self.least} to {self.most}; send one"
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return None
        return f"{told(value)} is no string of the form {self.pattern}; send one"


def told(value: object) -> str:
    return f"the {type(value).__name__} {str(value)[:60]!r}"


UNREAD = "Nothing reads it yet."
"""Ends what is told about a flag that may be set and changes nothing, so that nobody relies on it."""

DECLARED: tuple[Flag, ...] = (
    Flag(
        "bff_backoffice_enabled",
        "bool",
        default=True,
        scope="tenant",
        about="Desktops may come in. False: the door answers 503 and desktops go on offline.",
        blocks_when=False,
    ),
    Flag(
        "sync_handshake_paused",
        "bool",
        default=False,
        scope="tenant",
        about="Sync takes no new handshakes; desktops work offline and keep their queue. What is running goes on.",
        blocks_when=True,
    ),
    Flag(
        "lock_proxy_halted",
        "bool",
        default=False,
        scope="tenant",
        about="No lock is told anything: the bff answers 503, and what was asked for and not sent fails. "
        "Beside the halts of audit, which are resumed by two operators.",
        blocks_when=True,
    ),
    Flag(
        "force_logout_paused",
        "bool",
        default=False,
        scope="platform",
        about="Forced logouts are not broadcast; a revocation works at the next refresh of the token. "
        f"{UNREAD}",
    ),
    Flag(
        "ai_assist_enabled",
        "bool",
        default=False,
        scope="tenant",
        about="Desktops are told to show the AI surfaces; no decision is taken in yet.",
        is_feature=True,
    ),
    Flag(
        "mfa_scope_threshold",
        "int",
        default=2,
        scope="tenant",
        about="Actions of this risk and above (0 to 3) need a recent second factor.",
        most=3,
    ),
    Flag(
        "theme_bundle",
        "string",
        default="standard",
        scope="tenant",
        about=f"Name of the bundle of colours and pictures that the portal and desktops show. {UNREAD}",
        pattern="[a-z0-9][a-z0-9-]{0,62}",
    ),
)
FLAGS: dict[str, Flag] = {flag.name: flag for flag in DECLARED}


def effective(flag: Flag, values: Iterable[Value | None]) -> Value:
    """The first value that there is, nearest scope first, else the default."""
    return next((value for value in values if value is not None), flag.default)
