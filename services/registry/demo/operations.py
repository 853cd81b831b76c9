"""Use cases of the demo tenant: make it, put it back, hold the reset off while somebody shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, rows
from chassis.ids import uuid7
from contracts.capabilities import DEMO_TENANT_ID
from contracts.event import Event
from contracts.registry import (
    ApiKeyRevokedV1,
    DemoResetFailedV1,
    DemoResetV1,
    DeviceRevokedV1,
    MemberDeactivatedV1,
)
from services.registry.actors import actor
from services.registry.catalogue.store import queries as catalogue
from services.registry.demo import model
from services.registry.demo.model import MEMBERS, Restored
from services.registry.demo.store import queries
from services.registry.entitlements import operations as entitlements
from services.registry.entitlements.store import queries as entitlement_queries
from services.registry.errors import DemoResetDue, LeaseNotFound
from services.registry.members import operations as members
from services.registry.properties import operations as properties
from services.registry.tenants import lifecycle
from services.registry.tenants import operations as tenants
from services.registry.tenants import store as tenant_store
from services.registry.tenants.model import Ladder
from services.registry.tenants.store import queries as tenant_queries


@dataclass(frozen=True, slots=True)
class Claimed:
    """A night's reset, ours until another takes it over."""

    night: date
    number: int
    claim: UUID
    attempts: int


async def exists(tx: ReadTx) -> bool:
    return await tenant_queries.tenant_by_id(tx, tenant_id=DEMO_TENANT_ID) is not None


async def found(tx: Tx, org_id: str, member_ids: Sequence[str], now: datetime) -> None:
    """The rows and events of the demo tenant, its members and products, and the plan of its first reset."""
    products = await published(tx)
    await tenants.add(tx, DEMO_TENANT_ID, model.ASKED, model.OPERATION, org_id, now, plan="enterprise")
    await put_back(tx, member_ids, products, now)
    await entitlements.tell(tx, await tenant_store.tenant(tx, DEMO_TENANT_ID), "the demo tenant is made", now)
    await entitlement_queries.want_pushes(tx, tenant_ids=[DEMO_TENANT_ID], due_at=now)
    await plan_next(tx, now)


async def published(tx: ReadTx) -> list[str]:
    return [row["key"] for row in await rows(catalogue.all_products(tx)) if row["status"] == "published"]


async def put_back(tx: Tx, member_ids: Sequence[str], products: Sequence[str], now: datetime) -> None:
    for code, name in model.PROPERTIES.items():
        await properties.add(tx, DEMO_TENANT_ID, code, name, model.ZONE.key, now)
    for member_id, member in zip(member_ids, MEMBERS, strict=True):
        await members.join(tx, DEMO_TENANT_ID, member_id, member, now)
    for key in products:
        await entitlement_queries.grant_product(
            tx, tenant_id=DEMO_TENANT_ID, product_key=key, source=model.SOURCE, expires_at=None
        )


async def plan_next(tx: Tx, now: datetime, after: date | None = None) -> None:
    """The reset of the next night that has none yet."""
    night = model.night_after(now)
    if after is not None and night <= after:
        night = after + timedelta(days=1)
    await queries.plan_reset(tx, night=night, due_at=model.reset_of(night))


async def claim(tx: Tx, now: datetime, lasts: timedelta) -> Claimed | None:
    """Take the reset that is due, unless somebody has it or a demo is running."""
    if not await queries.try_to_claim(tx):
        return None
    row = await queries.lock_due_reset(tx, now=now)
    if row is None or await queries.lease_in_force(tx, now=now) is not None:
        return None
    taken = uuid7()
    await queries.claim_reset(tx, night=row["night"], number=row["number"], claim=taken, until=now + lasts)
    return Claimed(row["night"], row["number"], taken, row["attempts"] + 1)


async def restore(
    tx: Tx, claimed: Claimed, member_ids: Sequence[str], faults: Sequence[str], ladder: Ladder, now: datetime
) -> str | None:
    """In a transaction of the demo tenant: its rows as they should be, checked; the night's end, said once.

    Answers the outcome, or nothing where another process has taken the night over.
    """
    if await queries.lock_claimed_reset(tx, claim=claimed.claim) is None:
        return None
    story = await tenant_store.lock_story(tx, DEMO_TENANT_ID, ladder)
    await outbox.add_all(tx, await vanishing(tx, member_ids, now))
    await queries.erase_demo(tx, kept_members=list(member_ids))
    products = await published(tx)
    await tenants.add_default_project(tx, DEMO_TENANT_ID, now)
    await put_back(tx, member_ids, products, now)
    story.open.clear()
    story.change(now, "nightly reset", ent_v=story.tenant.ent_v + 1)
    await lifecycle.record(tx, [story], now)
    await entitlements.tell(tx, story.tenant, "nightly reset", now)
    present = await read_back(tx)
    expected = model.fixtures(products)
    found_faults = [*faults, *differences("registry", expected, present)]
    answers = await rows(queries.answers_of(tx, night=claimed.night, number=claimed.number))
    records = sum(present.counts.values()) + sum(sum(row["counts"].values()) for row in answers)
    await finish(tx, claimed, found_faults, records, present.checksum, now)
    if claimed.number == 0:
        await plan_next(tx, now, claimed.night)
    return "failed" if found_faults else "done"


async def vanishing(tx: ReadTx, kept: Sequence[str], now: datetime) -> list[tuple[Event, int]]:
    """What others must hear of before the rows are gone: keys, devices and members that end."""
    said: list[tuple[Event, int]] = []
    for key in await rows(queries.keys_in_use(tx, tenant_id=DEMO_TENANT_ID)):
        revoked = ApiKeyRevokedV1(
            tenant_id=DEMO_TENANT_ID, key_id=key["key_id"], reason="revoked", revoked_at=now
        )
        said.append((revoked, key["row_version"] + 1))
    for device in await rows(queries.devices_in_use(tx, tenant_id=DEMO_TENANT_ID)):
        gone = DeviceRevokedV1(
            tenant_id=DEMO_TENANT_ID, device_id=device["device_id"], jkt=device["jkt"], reason="nightly reset"
        )
        said.append((gone, device["row_version"] + 1))
    for member in await rows(queries.members_of(tx, tenant_id=DEMO_TENANT_ID)):
        if member["member_id"] not in kept:
            left = MemberDeactivatedV1(tenant_id=DEMO_TENANT_ID, member_id=member["member_id"])
            said.append((left, member["row_version"] + 1))
    return said


async def read_back(tx: ReadTx) -> Restored:
    return model.restored(
        await rows(queries.members_of(tx, tenant_id=DEMO_TENANT_ID)),
        await rows(queries.grants_of(tx, tenant_id=DEMO_TENANT_ID)),
        await rows(queries.properties_of(tx, tenant_id=DEMO_TENANT_ID)),
        await rows(queries.projects_of(tx, tenant_id=DEMO_TENANT_ID)),
    )


def differences(who: str, expected: Restored, present: Restored) -> list[str]:
    """Counts that are not what they should be, and the checksum where the counts are right."""
    kinds = sorted({*expected.counts, *present.counts})
    wrong = [
        f"{who}: {present.counts.get(kind, 0)} {kind}, expected {expected.counts.get(kind, 0)}"
        for kind in kinds
        if present.counts.get(kind, 0) != expected.counts.get(kind, 0)
    ]
    if not wrong and expected.checksum != present.checksum:
        wrong = [f"{who}: the checksum is another one"]
    return wrong


async def compare_answers(tx: Tx, claimed: Claimed, now: datetime) -> list[str]:
    """Each product's answer against what its version said the first time; a first answer becomes the measure."""
    wrong: list[str] = []
    for row in await rows(queries.answers_of(tx, night=claimed.night, number=claimed.number)):
        place = {"product_key": row["product_key"], "version": row["version"]}
        answer = Restored(row["counts"], row["checksum"])
        await queries.keep_baseline(
            tx, **place, counts=dict(answer.counts), checksum=answer.checksum, said_at=now
        )
        known = await queries.baseline_of(tx, **place)
        wrong += differences(row["product_key"], Restored(known["counts"], known["checksum"]), answer)
    return wrong


async def finish(
    tx: Tx, claimed: Claimed, faults: Sequence[str], records: int, checksum: str, now: datetime
) -> None:
    """The night's outcome and its event."""
    await queries.finish_reset(
        tx,
        claim=claimed.claim,
        outcome="failed" if faults else "done",
        finished_at=now,
        records=records,
        checksum=checksum,
        faults=list(faults),
    )
    said: Event = DemoResetV1(
        tenant_id=DEMO_TENANT_ID, night=claimed.night, records=records, checksum=checksum, finished_at=now
    )
    if faults:
        said = DemoResetFailedV1(
            tenant_id=DEMO_TENANT_ID, night=claimed.night, faults=tuple(faults), finished_at=now
        )
    await outbox.add(tx, said, aggregate_version=claimed.night.toordinal() * 100 + claimed.number)


async def lease(tx: Tx, who: str, lasts: timedelta, now: datetime) -> dict[str, Any]:
    """Hold the reset off; again: for longer, never beyond four hours from its start. Raises DemoResetDue."""
    resets = await rows(queries.lock_open_resets(tx))  # no process claims one meanwhile
    await queries.end_past_lease(tx, now=now)
    known = await queries.lease_in_force(tx, now=now)
    if known is None:
        if resets and resets[0]["due_at"] <= now:
            raise DemoResetDue("the demo tenant is being put back; try again in a minute")
        row = {"lease_id": uuid7(), "started_by": who, "started_at": now, "held_until": now + lasts}
        await queries.add_lease(tx, **row)
        return row
    held_until = max(known["held_until"], min(now + lasts, known["started_at"] + model.LONGEST_LEASE))
    await queries.extend_lease(tx, lease_id=known["lease_id"], held_until=held_until)
    return {**known, "held_until": held_until}


async def release(tx: Tx, now: datetime) -> None:
    """The demo is over. Raises LeaseNotFound."""
    await rows(queries.lock_open_resets(tx))
    if await queries.release_lease(tx, now=now, released_by=actor()) is None:
        raise LeaseNotFound("no lease is in force")


async def ask_for_reset(tx: Tx, now: datetime) -> None:
    """Another reset of this night is due at once, unless one that was asked for is open."""
    await queries.ask_for_reset(tx, night=now.astimezone(model.ZONE).date(), now=now)


async def status(tx: ReadTx, now: datetime) -> dict[str, Any]:
    """When it is put back next, who holds that off, and how it went last time."""
    reset = await queries.next_reset(tx)
    held = await queries.lease_in_force(tx, now=now)
    last = await queries.last_reset(tx)
    return {
        "tenant_id": str(DEMO_TENANT_ID),
        "next_reset_at": None if reset is None else next_at(reset, held),
        "lease": None if held is None else {**held, "lease_id": str(held["lease_id"])},
        "last_reset": None if last is None else dict(last),
    }


def next_at(reset: Mapping[str, Any], held: Mapping[str, Any] | None) -> datetime:
    due_at: datetime = reset["due_at"]
    return due_at if held is None else max(due_at, held["held_until"])
