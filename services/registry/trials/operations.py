"""Use cases of trials: ask for one, use the link."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, rows
from contracts.registry import TrialRequestedV1
from contracts.roles import OrgRole
from services.registry.catalogue.store import queries as catalogue
from services.registry.errors import (
    AddressTaken,
    ProductUnknown,
    SlugTaken,
    TooManyTrials,
    TrialLinkExpired,
    TrialLinkInvalid,
    TrialLinkUsed,
)
from services.registry.identity import NewMember
from services.registry.tenants import operations as tenants
from services.registry.tenants.operations import NewTenant
from services.registry.trials.links import Links, digest_of
from services.registry.trials.store import queries

KEPT = timedelta(days=7)
"""So long a link that is used or over is told from one that never was."""
MOST_SLUG = 40
SLUGS_TRIED = 5


async def ask(
    tx: Tx,
    trial_id: UUID,
    links: Links,
    *,
    email: str,
    company: str,
    locale: str,
    products: Sequence[str],
    lasts: timedelta,
    most: int,
    now: datetime,
) -> None:
    """In a transaction of the tenant to be: a link for this address, whether anybody knows it or not.

    Raises ProductUnknown, TooManyTrials.
    """
    offered = {row["key"] for row in await rows(catalogue.all_products(tx)) if row["status"] == "published"}
    if unknown := sorted(set(products) - offered):
        raise ProductUnknown(f"products: {', '.join(unknown)} not in the catalogue")
    made = await queries.add_trial(
        tx,
        trial_id=trial_id,
        digest=digest_of(links.token(trial_id)),
        email=email,
        company=company,
        locale=locale,
        products=sorted(set(products)),
        requested_at=now,
        expires_at=now + lasts,
        most=most,
    )
    if made is None:
        raise TooManyTrials(
            "too many links wait to be used; try again later", headers={"Retry-After": "3600"}
        )
    requested = TrialRequestedV1(tenant_id=tenant_of(trial_id), trial_id=trial_id, expires_at=now + lasts)
    await outbox.add(tx, requested, aggregate_version=1)


def tenant_of(trial_id: UUID) -> UUID:
    """The tenant that the link makes, however often it is tried."""
    return tenants.tenant_id_of(f"trial:{trial_id}")


async def usable(tx: ReadTx, token: str, now: datetime) -> dict[str, Any]:
    """The trial of a link. Raises TrialLinkInvalid, TrialLinkExpired, TrialLinkUsed, AddressTaken."""
    row = await queries.trial_by_digest(tx, digest=digest_of(token))
    if row is None:
        raise TrialLinkInvalid("the link is not one of ours; ask for a trial again")
    require_usable(row, now)
    if await queries.is_address_known(tx, email=row["email"]):
        raise AddressTaken("a member of a tenant has this e-mail address; sign in instead")
    return dict(row)


def require_usable(row: Mapping[str, Any], now: datetime) -> None:
    """Raises TrialLinkUsed, TrialLinkExpired."""
    if row["used_at"] is not None:
        raise TrialLinkUsed("the link was used already; sign in instead")
    if row["expires_at"] <= now:
        raise TrialLinkExpired("the link has expired; ask for a trial again")


async def use(tx: Tx, trial_id: UUID, now: datetime) -> None:
    """In the transaction that makes the tenant: the link works once.

    Raises TrialLinkInvalid, TrialLinkUsed, TrialLinkExpired.
    """
    row = await queries.lock_trial(tx, trial_id=trial_id)
    if row is None:
        raise TrialLinkInvalid("the link is not one of ours; ask for a trial again")
    require_usable(row, now)
    await queries.use_trial(tx, trial_id=trial_id, used_at=now)


async def asked_for(tx: ReadTx, trial: Mapping[str, Any], now: datetime) -> NewTenant:
    """The tenant to be, under a slug that nobody has. Raises SlugTaken where none is found."""
    base = slug_of(trial["company"])
    for slug in (base, *(f"{base}-{trial['trial_id'].hex[-4 * n :]}" for n in range(1, SLUGS_TRIED))):
        asked = NewTenant(slug, trial["company"], "real", trial["locale"], "Europe/Berlin", None)
        try:
            await tenants.refuse_taken(tx, tenant_of(trial["trial_id"]), asked, now)
        except SlugTaken:
            continue
        return asked
    raise SlugTaken(f"no slug like {base!r} is free")


def slug_of(company: str) -> str:
    """Letters and digits of the name, without accents; something readable in any case."""
    plain = unicodedata.normalize("NFKD", company).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MOST_SLUG].strip("-")
    return slug if len(slug) > 1 else f"trial-{slug}".strip("-")


def first_member(trial: Mapping[str, Any]) -> NewMember:
    """Whoever used the link administers the tenant."""
    name = trial["email"].split("@", 1)[0]
    return NewMember(trial["email"], name, trial["locale"], [OrgRole.IT_ADMIN.value], [], [])


async def forget(tx: Tx, now: datetime) -> None:
    """As worker: addresses of those who never came are not kept."""
    await queries.forget_trials(tx, before=now - KEPT)
