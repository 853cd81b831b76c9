"""The rules of verification: what is known of a key, what is asked, what the answer is. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.registry.errors import ExpiryInvalid

WARNING_DAYS = (14, 3, 0)
LONGEST_LIFE = timedelta(days=3660)


class Code(StrEnum):
    """Every answer there is."""

    VALID = "VALID"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    WRONG_TENANT = "WRONG_TENANT"
    WRONG_PRODUCT = "WRONG_PRODUCT"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    TENANT_FROZEN = "TENANT_FROZEN"
    TENANT_ARCHIVED = "TENANT_ARCHIVED"
    RATE_LIMITED = "RATE_LIMITED"
    INVALID_FORMAT = "INVALID_FORMAT"


TELLS_NOTHING = frozenset({Code.INVALID_FORMAT, Code.NOT_FOUND, Code.WRONG_TENANT, Code.WRONG_PRODUCT})
"""With these the caller learns nothing of whose key it is."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key with what its tenant is and may, as one snapshot of the database had it."""

    key_id: UUID
    tenant_id: UUID
    project_id: str
    product: str
    scopes: tuple[str, ...]
    ends_at: datetime | None
    """When it expires, or when the overlap with its successor is over."""
    is_revoked: bool
    tenant_status: str
    plan: str
    ent_v: int
    has_product: bool
    product_ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a product wants to know besides whether the key is good."""

    caller: str
    """The calling product."""
    product: str | None = None
    tenant_id: UUID | None = None
    scope: str | None = None


def judge(known: KnownKey, asked: Asked, now: datetime) -> Code:
    """The first thing that is wrong; whose key it is comes first, so that strangers learn nothing else."""
    return (
        stranger(known, asked)
        or ended(known, now)
        or SHUT.get(known.tenant_status)
        or ungranted(known, asked, now)
        or Code.VALID
    )


SHUT = {"frozen": Code.TENANT_FROZEN, "archived": Code.TENANT_ARCHIVED}


def stranger(known: KnownKey, asked: Asked) -> Code | None:
    """The caller asks of a key that is not its matter."""
    if asked.tenant_id is not None and asked.tenant_id != known.tenant_id:
        return Code.WRONG_TENANT
    if known.product != asked.caller or asked.product not in {None, known.product}:
        return Code.WRONG_PRODUCT
    return None


def ended(known: KnownKey, now: datetime) -> Code | None:
    if known.is_revoked:
        return Code.REVOKED
    return Code.EXPIRED if known.ends_at is not None and known.ends_at <= now else None


def ungranted(known: KnownKey, asked: Asked, now: datetime) -> Code | None:
    """The tenant may not use the product any more, or the key may not do this."""
    if not known.has_product or (known.product_ends_at is not None and known.product_ends_at <= now):
        return Code.WRONG_PRODUCT
    return Code.INSUFFICIENT_SCOPE if asked.scope is not None and asked.scope not in known.scopes else None


def keep_seconds(known: KnownKey, now: datetime, most: int) -> int:
    """How long a caller that hears no events may keep a good answer: never beyond the end of what it says."""
    ends = [end for end in (known.ends_at, known.product_ends_at) if end is not None]
    return min(most, *(max(0, int((end - now).total_seconds())) for end in ends)) if ends else most


def require_future(expires_at: datetime | None, now: datetime) -> None:
    """Raises ExpiryInvalid."""
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise ExpiryInvalid(f"expires_at: later than now and at most {LONGEST_LIFE.days} days away")


def warnings_of(expires_at: datetime | None, now: datetime) -> Iterable[tuple[int, datetime]]:
    """(days left, when to say so); days that have passed already are not said."""
    if expires_at is None:
        return []
    planned = [(days, expires_at - timedelta(days=days)) for days in WARNING_DAYS]
    return [(days, at) for days, at in planned if at > now]
