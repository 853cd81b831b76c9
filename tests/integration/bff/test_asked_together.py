"""What many openings ask of the database at once: the same as each would have been told under row-level security."""

import asyncio
import itertools
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.errors import DomainError
from chassis.ids import uuid7
from chassis.service_tokens import ServiceTokens
from services.bff.directory import Directory, Scope
from services.bff.door import Guest
from services.bff.errors import PropertyOutOfScope, SessionEnded, SessionNotFound
from services.bff.feed_reader import epoch_of, stream_info
from services.bff.hub import Hub
from services.bff.sessions.desks import Desks, Seat
from services.bff.sessions.model import Limits
from services.bff.tails import Tails
from tests.integration.bff.desk import new_key

HOUR = timedelta(hours=1)
JKTS, MEMBERS, DEVICES = ("key-1", "key-2"), ("ann", "bob"), (uuid7(), uuid7())
"""The same in every tenant, so that only the tenant tells them apart."""
FILL = (
    "insert into directory_tenant (tenant_id, status, aggregate_version) values ($1, $2, 1)",
    "insert into directory_device (tenant_id, device_id, jkt, is_revoked, aggregate_version) values ($1, $2, $3, $4, 1)",
    """insert into directory_member (tenant_id, member_id, backoffice_roles, properties, aggregate_version)
       values ($1, $2, array[$3], array[$4], 1)""",
    "insert into feed_tail (tenant_id, audience, n, changed_at) values ($1, $2, $3, $4)",
    """insert into session (tenant_id, session_id, device_id, member_id, property, app_version, os, opened_at, expires_at,
       due_at, closed_at, close_reason) values ($1, $2, $3, $4, $5, $6, 'Windows 11', $7, $8, $8, $9, $10)""",
)


@pytest.fixture
async def bff(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("bff")


async def fill(database: Database, tenant: UUID, number: int) -> None:
    """A tenant of which everything says its number; of every third one nothing is known."""
    if number % 3 == 2:
        return
    now = datetime.now(UTC)
    async with database.worker() as tx:
        await tx.execute(FILL[0], tenant, "active" if number % 2 else "frozen")
        for place, (jkt, device) in enumerate(zip(JKTS, DEVICES, strict=True)):
            await tx.execute(FILL[1], tenant, uuid.uuid5(device, str(number)), jkt, (number + place) % 4 == 0)
        await tx.execute(FILL[2], tenant, MEMBERS[number % 2], f"role-{number}", f"house-{number}")
        await tx.execute(FILL[3], tenant, "p.harbour", number + 1, now - timedelta(days=4))
        ended = (now, "closed") if number % 4 == 0 else (None, None)
        told = (f"house-{number}", f"1.0.{number}", now, now + HOUR, *ended)
        await tx.execute(FILL[4], tenant, session_of(number), DEVICES[0], MEMBERS[number % 2], *told)


def session_of(number: int) -> UUID:
    return UUID(int=number // 2 + 1)  # two tenants each have a session of that name


async def alone(database: Database, tenant: UUID, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """As the app's role, which sees one tenant."""
    async with database.reading(tenant) as tx:
        return [tuple(row) for row in await tx.fetch(sql, *arguments)]


async def test_many_callers_of_many_tenants_are_told_of_themselves_alone(
    bff: Database, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    tenants = [uuid7() for _ in range(12)]
    for number, tenant in enumerate(tenants):
        await fill(bff, tenant, number)
    tokens = ServiceTokens("http://nowhere", "bff", json.dumps(new_key().as_dict(private=True)))
    directory = Directory(bff, await bus("bff"), "http://nowhere", tokens, seconds=0)
    callers = list(itertools.product(tenants, JKTS, MEMBERS))
    found = await asyncio.gather(*(directory.standing(*caller) for caller in callers))
    await directory.close()
    for (tenant, jkt, member), told in zip(callers, found, strict=True):
        [status] = await alone(bff, tenant, "select status from directory_tenant") or [(None,)]
        [device] = await alone(
            bff, tenant, "select device_id, is_revoked from directory_device where jkt = $1", jkt
        ) or [(None, False)]
        scopes = await alone(
            bff,
            tenant,
            "select properties, backoffice_roles from directory_member where member_id = $1",
            member,
        )
        assert (told.tenant_id, told.member_id, told.status) == (tenant, member, *status)
        assert (told.device_id, told.is_revoked) == device
        assert told.scope == (Scope(frozenset(scopes[0][0]), frozenset(scopes[0][1])) if scopes else None)
    assert {told.status for told in found} == {"active", "frozen", None}
    assert {told.is_revoked for told in found} == {True, False}


def guest_of(tenant: UUID, device: UUID, member: str, number: int) -> Guest:
    scope = Scope(frozenset({f"house-{number}"}), frozenset())
    return Guest(cast("Any", None), tenant, device, member, scope, cast("Any", None))


async def test_a_session_is_its_own_tenants_devices_and_members_and_no_one_elses(bff: Database) -> None:
    tenants = [uuid7() for _ in range(12)]
    for number, tenant in enumerate(tenants):
        await fill(bff, tenant, number)
    desks = Desks(bff, SystemClock(), Limits(HOUR, HOUR, HOUR))
    asked = [
        (number, name, guest_of(tenant, device, member, number))
        for (number, tenant), device, member in itertools.product(enumerate(tenants), DEVICES, MEMBERS)
        for name in ("", *(str(UUID(int=place)) for place in range(1, 7)))
    ]
    found = await asyncio.gather(
        *(desks.seat(guest, name) for _, name, guest in asked), return_exceptions=True
    )
    for (number, name, guest), told in zip(asked, found, strict=True):
        is_open = number % 3 != 2 and number % 4 != 0 and guest.device_id == DEVICES[0]
        app = ("windows", f"1.0.{number}") if is_open else ("", "")
        is_own = (
            number % 3 != 2
            and name == str(session_of(number))
            and (guest.device_id, guest.member_id) == (DEVICES[0], MEMBERS[number % 2])
        )
        if not name:
            assert told == Seat("", app)
        elif not is_own:
            assert isinstance(told, SessionNotFound)
        elif number % 4 == 0:
            assert isinstance(told, SessionEnded)
        else:
            assert told == Seat(name, app)
    with pytest.raises(PropertyOutOfScope):
        await desks.seat(guest_of(tenants[1], DEVICES[0], MEMBERS[1], 99), str(session_of(1)))
    with pytest.raises(DomainError):
        await desks.seat(guest_of(tenants[1], DEVICES[0], MEMBERS[1], 1), "no id")


async def test_the_tails_of_an_audience_are_each_tenants_own(
    bff: Database, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    tenants = [uuid7() for _ in range(12)]
    for number, tenant in enumerate(tenants):
        await fill(bff, tenant, number)
    mine = await bus("bff")
    hub = Hub(epoch_of(await stream_info(mine)), 0, 1 << 20, 1 << 20, 1 << 16, 30, 20)
    tails = Tails(hub, mine, bff)
    heard = frozenset({"all", "p.harbour"})
    found = await asyncio.gather(*(tails.as_of(tenant, heard, 0) for tenant in tenants))
    assert found == [
        {"all": 0, "p.harbour": 0 if number % 3 == 2 else number + 1} for number in range(len(tenants))
    ]
