"""Legal holds over HTTP: placed with a reason, seen by readers, released once, recorded."""

import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.db import Database
from chassis.ids import uuid7
from services.audit.keeping.errors import Held
from services.audit.keeping.holds import operations as holds
from services.audit.keeping.holds.operations import Hold
from tests.infra import eventually
from tests.integration.audit.stage import Log
from tests.integration.audit.tokens import TestIssuer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def place_of(tenant: UUID) -> str:
    return f"/v1/tenants/{tenant}/audit/holds"


async def post(
    audit: httpx.AsyncClient, issuer: TestIssuer, tenant: UUID, role: str = "LEGAL", **body: Any
) -> httpx.Response:
    headers = issuer.member(tenant, role) | {"Idempotency-Key": uuid.uuid4().hex}
    return await audit.post(place_of(tenant), json={"reason": "a lawsuit"} | body, headers=headers)


async def delete(
    audit: httpx.AsyncClient, issuer: TestIssuer, tenant: UUID, hold_id: str, **parameters: str
) -> httpx.Response:
    headers = issuer.member(tenant) | {"Idempotency-Key": uuid.uuid4().hex}
    url = f"{place_of(tenant)}/{hold_id}"
    return await audit.delete(url, params={"reason": "settled"} | parameters, headers=headers)


async def test_a_hold_is_placed_and_released_once_and_both_are_records(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    placed = await post(audit, issuer, tenant, subject="member-1", received_from="2026-01-01T00:00:00Z")
    assert placed.status_code == 201
    hold = placed.json()
    assert (hold["reason"], hold["subject"], hold["placed_by"]) == ("a lawsuit", "member-1", "someone")
    reader = issuer.member(tenant, "CXO")
    assert (await audit.get(f"{place_of(tenant)}/{hold['hold_id']}", headers=reader)).json() == hold
    released = await delete(audit, issuer, tenant, hold["hold_id"])
    assert (released.status_code, released.json()["release_reason"]) == (200, "settled")
    again = await delete(audit, issuer, tenant, hold["hold_id"])
    assert (again.status_code, again.json()["code"]) == (409, "AUDIT.HOLD_RELEASED")
    listed = (await audit.get(place_of(tenant), headers=reader)).json()["holds"]
    assert listed == [released.json()]
    said = [type_ for type_, body in await log.said("audit.hold.") if body["hold_id"] == hold["hold_id"]]
    assert said == ["audit.hold.placed.v1", "audit.hold.released.v1"]

    async def are_recorded() -> bool:
        return [row["action"] for row in await log.records(tenant)] == said

    await eventually(are_recorded, what="the leaves of the hold")


@pytest.mark.parametrize(
    ("role", "places", "sees"),
    [("LEGAL", 201, 200), ("IT_ADMIN", 201, 200), ("CXO", 403, 200), ("USER", 403, 403)],
)
async def test_who_may_place_and_who_may_see(
    audit: httpx.AsyncClient, issuer: TestIssuer, role: str, places: int, sees: int
) -> None:
    tenant = uuid7()
    assert (await post(audit, issuer, tenant, role)).status_code == places
    headers = issuer.member(tenant, role)
    assert (await audit.get(place_of(tenant), headers=headers)).status_code == sees


@pytest.mark.parametrize(
    "body",
    [
        {"until": "2020-01-01T00:00:00Z"},
        {"received_from": "2026-01-02T00:00:00Z", "received_to": "2026-01-01T00:00:00Z"},
    ],
)
async def test_a_hold_of_nothing_is_refused(
    audit: httpx.AsyncClient, issuer: TestIssuer, body: dict[str, str]
) -> None:
    answer = await post(audit, issuer, uuid7(), **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "AUDIT.HOLD_EMPTY")


async def test_another_tenants_hold_is_as_one_that_does_not_exist(
    audit: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    hold_id = (await post(audit, issuer, uuid7())).json()["hold_id"]
    other = uuid7()
    answer = await audit.get(f"{place_of(other)}/{hold_id}", headers=issuer.member(other))
    assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.HOLD_NOT_FOUND")
    answer = await delete(audit, issuer, other, hold_id)
    assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.HOLD_NOT_FOUND")


async def is_held(database: Database, tenant: UUID, subject: str, at: datetime) -> bool:
    try:
        async with database.worker() as tx:
            await holds.refuse_when_held(tx, tenant, subject, at)
    except Held:
        return True
    return False


async def test_a_hold_covers_whom_it_names_or_everybody_until_it_ends(log: Log) -> None:
    tenant, ends = uuid7(), NOW.replace(month=2)
    async with log.database.worker() as tx:
        await holds.place(tx, tenant, Hold(reason="x", subject="one", until=ends), "lawyer", NOW)
    assert await is_held(log.database, tenant, "one", NOW)
    assert not await is_held(log.database, tenant, "two", NOW)
    assert not await is_held(log.database, tenant, "one", ends)
    async with log.database.worker() as tx:
        placed = await holds.place(tx, tenant, Hold(reason="y"), "lawyer", NOW)
    assert await is_held(log.database, tenant, "two", ends)
    async with log.database.worker() as tx:
        await holds.release(tx, tenant, placed["hold_id"], "settled", "lawyer", NOW)
    assert not await is_held(log.database, tenant, "two", ends)
