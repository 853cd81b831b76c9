"""Who of a tenant is told of an event, and which audiences a desk hears. Pure."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

from contracts.bff import SessionClosedV1, SessionReplacedV1
from contracts.event import Event
from contracts.lock_actions import LockActionCompletedV1, LockActionFailedV1
from contracts.registry import (
    DeviceEnrolledV1,
    DeviceRevokedV1,
    EntitlementsChangedV1,
    MemberDeactivatedV1,
    MemberJoinedV1,
    MemberScopeChangedV1,
    TenantActivatedV1,
    TenantArchivedV1,
    TenantFrozenV1,
    TenantReactivatedV1,
)
from contracts.sync import RecordChangedV1

TO_ALL: frozenset[type[Event]] = frozenset(
    {TenantActivatedV1, TenantFrozenV1, TenantReactivatedV1, TenantArchivedV1, EntitlementsChangedV1}
)
TO_MEMBER: frozenset[type[Event]] = frozenset({MemberJoinedV1, MemberScopeChangedV1, MemberDeactivatedV1})
TO_DEVICE: frozenset[type[Event]] = frozenset(
    {
        DeviceEnrolledV1,
        DeviceRevokedV1,
        SessionClosedV1,
        SessionReplacedV1,
        LockActionCompletedV1,
        LockActionFailedV1,
    }
)
SHOWN: frozenset[type[Event]] = TO_ALL | TO_MEMBER | TO_DEVICE | {RecordChangedV1}

LONGEST_TOKEN = 128
"""A subject of the feed has at most 200 characters."""


@lru_cache(maxsize=10_000)
def token(text: str) -> str:
    """An audience's name as one NATS subject token; two names never give the same one."""
    escaped = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign == "-") else _escaped(sign) for sign in text
    )
    if 0 < len(escaped) <= LONGEST_TOKEN:
        return escaped
    return f"_h_{hashlib.sha256(text.encode()).hexdigest()[:40]}"  # `h` is no hexadecimal digit: no escape looks like it


def _escaped(sign: str) -> str:
    return "__" if sign == "_" else f"_{ord(sign):x}_"


def audience_of(body: Any) -> str | None:
    """The audience of an event; None when desktops are not told."""
    kind = type(body)
    if kind in TO_ALL:
        return "all"
    if kind in TO_MEMBER:
        return f"o.{token(body.member_id)}"
    if kind in TO_DEVICE:
        return f"d.{body.device_id}"
    if kind is RecordChangedV1:
        return f"p.{token(body.scope.partition('/')[2])}"
    return None


def is_personal(audience: str) -> bool:
    """Whether it is one member's or one device's; all others are shared by many."""
    return audience.startswith(("o.", "d."))


def audiences_of(
    member_id: str, device_id: UUID, properties: Iterable[str], roles: Iterable[str]
) -> frozenset[str]:
    """What a desk hears."""
    return frozenset(
        {
            "all",
            f"o.{token(member_id)}",
            f"d.{device_id}",
            *(f"p.{token(name)}" for name in properties),
            *(f"r.{token(name)}" for name in roles),
        }
    )
