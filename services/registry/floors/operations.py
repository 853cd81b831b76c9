"""Use cases of version floors: look at them, set one, clear one, see whom it could meet."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, rows
from contracts.platforms import OS_OF
from contracts.registry import VersionFloorChangedV1
from services.registry.actors import actor
from services.registry.errors import FloorInvalid, FloorNotSet
from services.registry.floors import store
from services.registry.floors.model import FIELDS, Floor, cleared, faults_in, floor_of
from services.registry.floors.store import queries
from services.registry.tenants import store as tenants
from services.registry.versions import newest_of

TOLD = ("reason", "changed_by", "changed_at")
WHY_AT_MOST = (
    "the registry knows the devices of a platform, not their versions and channels: at most these are met"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Which floor: of a platform's channel, for all or for one tenant."""

    platform: str
    channel: str
    tenant_id: UUID | None


def refuse_impossible(floor: Floor) -> None:
    """Raises FloorInvalid with every fault."""
    if faults := faults_in(floor):
        first = faults[0]
        raise FloorInvalid(f"{first['pointer']}: {first['detail']}", errors=faults)


def shown(place: Place, row: dict[str, Any] | None) -> dict[str, Any]:
    """A floor as it is set in this scope; one that was never set has version 0."""
    floor = floor_of(row) if row else None
    is_set = floor is not None and floor.is_set
    return {
        **asdict(place),
        "is_set": is_set,
        **{name: getattr(floor, name) if is_set else None for name in FIELDS},
        **{name: row[name] if row else None for name in TOLD},
        "row_version": row["row_version"] if row else 0,
    }


async def show(tx: ReadTx, place: Place) -> dict[str, Any]:
    """Raises TenantNotFound."""
    await in_scope(tx, place)
    return shown(place, await store.row_of(tx, place.platform, place.channel, place.tenant_id))


async def show_all(tx: ReadTx, tenant_id: UUID | None) -> list[dict[str, Any]]:
    """The floors that are set; for a tenant its own, and those of the platform that it follows. Raises TenantNotFound."""
    if tenant_id is not None:
        await tenants.tenant(tx, tenant_id)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in await rows(queries.floors_of(tx, tenant_id=tenant_id)):
        if floor_of(row).is_set:  # the tenant's own row comes first
            place = Place(row["platform"], row["channel"], row["tenant_id"])
            found.setdefault((place.platform, place.channel), shown(place, row))
    return list(found.values())


async def in_scope(tx: ReadTx, place: Place) -> None:
    """Raises TenantNotFound."""
    if place.tenant_id is not None:
        await tenants.tenant(tx, place.tenant_id)


async def lock(tx: Tx, place: Place, now: datetime) -> int:
    """The floor's version (0: never set), locked until the transaction ends. Raises TenantNotFound."""
    await in_scope(tx, place)
    who = actor()
    version: int = await queries.lock_floor(tx, **asdict(place), changed_by=who, changed_at=now)
    return version


async def put(tx: Tx, place: Place, floor: Floor, reason: str, now: datetime) -> None:
    """Set a locked floor. Raises FloorInvalid."""
    refuse_impossible(floor)
    await write(tx, place, floor, reason, now)


async def clear(tx: Tx, place: Place, reason: str, now: datetime) -> None:
    """Take a locked floor away. Raises FloorNotSet."""
    row = await store.row_of(tx, place.platform, place.channel, place.tenant_id)
    if row is None or not floor_of(row).is_set:
        raise FloorNotSet(f"{place.platform}/{place.channel} has no floor here; there is nothing to clear")
    await write(tx, place, cleared(now), reason, now)


async def write(tx: Tx, place: Place, floor: Floor, reason: str, now: datetime) -> None:
    version = await queries.change_floor(
        tx,
        **asdict(place),
        **{**asdict(floor), "block": list(floor.block)},
        value=floor.told(),
        reason=reason,
        changed_by=actor(),
        changed_at=now,
        newest=newest_of(now),
    )
    event = VersionFloorChangedV1(
        **asdict(place),
        advise=floor.advise,
        enforce=floor.enforce,
        block=floor.block,
        effective_at=floor.effective_at,
    )
    await outbox.add(tx, event, aggregate_version=version)


async def preview(tx: ReadTx, place: Place, floor: Floor) -> dict[str, Any]:
    """As worker: what setting it would change and whom it could meet. Raises FloorInvalid, TenantNotFound."""
    refuse_impossible(floor)
    found = await queries.reach(tx, **asdict(place), os=OS_OF[place.platform])
    return {
        "now": await show(tx, place),
        "becomes": {**asdict(floor), "block": list(floor.block)},
        "devices_at_most": found["devices"],
        "tenants_at_most": found["tenants"],
        "why_at_most": WHY_AT_MOST,
    }
