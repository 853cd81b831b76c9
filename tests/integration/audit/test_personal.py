"""Personal data are sealed before the leaf is made, found by keyed words, and gone with their key; proofs stay valid."""

import uuid
from typing import Any

import httpx
import orjson
import pytest

from chassis.clock import SystemClock
from chassis.ids import uuid7
from services.audit.log import proofs
from services.audit.log.merkle import leaf_hash
from services.audit.records.personal.keys import Keys
from services.audit.records.personal.model import RootKey, alias_of
from tests.infra import eventually
from tests.integration.audit.publishing import event, new_token, post
from tests.integration.audit.stage import KEYS, Log
from tests.integration.audit.tokens import TestIssuer

TENANT = uuid7()
SECRETS = (
    "Ann",
    "Müller",
    "ann@hotel.example",
    "Ben Okafor",
    "203.0.113.77",
    "Desk/4.1",
    "carla@hotel.example",
)


@pytest.fixture
async def token(audit: httpx.AsyncClient, issuer: TestIssuer) -> str:
    made: str = (await new_token(audit, issuer, TENANT, personal_fields=["badge"]))["token"]
    return made


async def search(audit: httpx.AsyncClient, issuer: TestIssuer, role: str = "LEGAL", **asked: Any) -> Any:
    answer = await audit.post(
        f"/v1/tenants/{TENANT}/audit/search", json=asked, headers=issuer.member(TENANT, role)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


async def erase(
    audit: httpx.AsyncClient, issuer: TestIssuer, subject: str, role: str = "LEGAL"
) -> httpx.Response:
    headers = {**issuer.member(TENANT, role), "Idempotency-Key": uuid.uuid4().hex}
    url = f"/v1/tenants/{TENANT}/audit/subjects/{subject}/erasure"
    return await audit.post(url, json={"legal_basis": "request"}, headers=headers)


async def everything_kept(log: Log) -> str:
    """All that the database has, as one text."""
    tables = await log.admin.fetch(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'audit' and c.relkind in ('r', 'p') and not c.relispartition"
    )
    told = []
    for table in tables:
        for row in await log.admin.fetch(f'table audit."{table["relname"]}"'):
            told += [
                value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in row
            ]
    return "\n".join(told)


async def test_nothing_personal_is_kept_in_the_clear(audit: httpx.AsyncClient, token: str, log: Log) -> None:
    given = event(
        description="Ann Müller moved Ben Okafor to 214",
        fields={"badge": "Ann-0017", "contact": "carla@hotel.example", "room": "214"},
        target={"id": "carla@hotel.example", "name": "Ben Okafor"},
    )
    answer = await post(audit, token, given, Tenantry_User_Agent="Desk/4.1")
    assert answer.status_code == 201
    kept = await everything_kept(log)
    assert "booking.updated" in kept
    assert [secret for secret in SECRETS if secret in kept] == []


async def test_who_may_read_sees_it_and_who_may_only_verify_does_not(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str
) -> None:
    given = event(actor={"id": "ann@hotel.example", "name": "Ann Müller"})
    await post(audit, token, given, Tenantry_User_Agent="Desk/4.1")
    for role in ("LEGAL", "IT_ADMIN", "CXO"):
        [found] = await search(audit, issuer, role, action="booking.updated")
        assert found["record"]["event"]["actor"] == given["actor"]
        assert found["record"]["event"]["source_ip"] == given["source_ip"]
        assert found["record"]["user_agent"] == "Desk/4.1"
    [found] = await search(audit, issuer, "AUDITOR", action="booking.updated")
    told = orjson.dumps(found).decode()
    assert [secret for secret in SECRETS if secret in told] == []
    assert set(found["record"]["event"]["actor"]["name"]) == {"sealed"}


async def test_people_are_found_by_address_name_and_id(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str
) -> None:
    await post(audit, token, event(actor={"id": "ann@hotel.example", "name": "Ann Müller"}, external_id="1"))
    await post(audit, token, event(external_id="2"))
    await post(audit, token, event(actor={"id": "u-3", "name": "Someone Else"}, external_id="3"))
    for asked, wanted in (
        ({"email": "Ann@Hotel.example"}, ["2", "1"]),
        ({"name": "ann müller"}, ["2", "1"]),
        ({"actor": "ann@hotel.example"}, ["1"]),
        ({"actor": "u-3"}, ["3"]),
        ({"email": "nobody@hotel.example"}, []),
        ({"actor": "nobody@hotel.example"}, []),
    ):
        found = await search(audit, issuer, **asked)
        assert [one["external_id"] for one in found] == wanted, asked


async def test_an_erased_person_cannot_be_read_or_found_and_every_proof_stays_valid(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str, log: Log
) -> None:
    await post(audit, token, event(actor={"id": "ann@hotel.example", "name": "Ann Müller"}))
    await post(audit, token, event(actor={"id": "u-3", "name": "Someone Else"}))
    before = await log.entries(TENANT)
    assert (await erase(audit, issuer, "ann@hotel.example", "CXO")).status_code == 403
    done = await erase(audit, issuer, "ann@hotel.example")
    assert done.status_code == 201, done.text
    for asked in ({"email": "ann@hotel.example"}, {"name": "Ann Müller"}, {"actor": "ann@hotel.example"}):
        assert await search(audit, issuer, **asked) == []
    rest, erased = await search(audit, issuer, action="booking.updated")
    assert rest["record"]["event"]["actor"]["name"] == "Someone Else"
    assert erased["record"]["event"]["actor"]["name"] == {"erased": done.json()["erased_at"]}
    assert erased["record"]["event"]["source_ip"] == {"erased": done.json()["erased_at"]}
    # with everything that is left, the root key included, nothing opens
    async with log.database.reading(TENANT) as tx:
        opened = await Keys(RootKey("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=")).open(
            tx, TENANT, [(uuid.UUID(erased["record_id"]), orjson.loads(before[-2]))]
        )
    assert "Ann" not in str(opened)

    async def is_recorded() -> bool:
        found = await search(audit, issuer, action="audit.subject.erased.*")
        return [one["record"]["data"]["key_id"] for one in found] == [done.json()["key_id"]]

    await eventually(is_recorded, what="the record of the erasure")
    after = await log.entries(TENANT)
    assert after[: len(before)] == before
    await log.sign(SystemClock().now())
    async with log.database.reading(TENANT) as tx:
        checkpoint, _ = await proofs.prove_inclusion(tx, TENANT, 0)
        rows = await log.rows(TENANT)
        assert [leaf_hash(bytes(row["entry"])) for row in rows] == [bytes(row["leaf_hash"]) for row in rows]
        assert checkpoint.size >= len(before)
    again = await erase(audit, issuer, "ann@hotel.example")
    assert (again.status_code, again.json()["code"]) == (404, "AUDIT.SUBJECT_NOT_FOUND")


async def test_records_after_the_erasure_have_a_new_key(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str
) -> None:
    await post(audit, token, event(external_id="before"))
    assert (await erase(audit, issuer, "u-17")).status_code == 201
    await post(audit, token, event(external_id="after"))
    after, before = await search(audit, issuer, action="booking.updated")
    assert after["record"]["event"]["actor"]["name"] == "Ann Müller"
    assert set(before["record"]["event"]["actor"]["name"]) == {"erased"}


async def test_a_legal_hold_stops_the_erasure(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str, log: Log
) -> None:
    """By whichever name the person is called."""
    await post(audit, token, event())
    headers = {**issuer.member(TENANT), "Idempotency-Key": "hold"}
    hold = {"subject": "u-17", "reason": "Case 17/2027"}
    placed = await audit.post(f"/v1/tenants/{TENANT}/audit/holds", json=hold, headers=headers)
    assert placed.status_code == 201, placed.text
    refused = await erase(audit, issuer, "u-17")
    assert (refused.status_code, refused.json()["code"]) == (409, "AUDIT.HELD")
    async with log.database.reading(TENANT) as tx:
        key_id = await KEYS.key_id(tx, TENANT, "u-17")
    assert key_id is not None
    refused = await erase(audit, issuer, alias_of(key_id))
    assert (refused.status_code, refused.json()["code"]) == (409, "AUDIT.HELD")
    [found] = await search(audit, issuer, action="booking.updated")
    assert found["record"]["event"]["actor"]["name"] == "Ann Müller"


async def test_a_box_opens_only_where_it_was_put(audit: httpx.AsyncClient, token: str, log: Log) -> None:
    """Boxes of one person, swapped between two fields or two records, do not open."""
    await post(audit, token, event())
    statement = orjson.loads((await log.entries(TENANT))[-1])
    actor, id_ = statement["event"]["actor"], uuid.UUID(statement["id"])
    swapped = {**statement, "event": {**statement["event"], "source_ip": actor["name"]}}
    async with log.database.reading(TENANT) as tx:
        opened = (await KEYS.open(tx, TENANT, [(id_, swapped)]))[id_]
        elsewhere = (await KEYS.open(tx, TENANT, [(uuid7(), statement)])).popitem()[1]
    assert opened["event"]["actor"]["name"] == "Ann Müller"
    assert opened["event"]["source_ip"] == actor["name"]
    assert elsewhere["event"]["actor"] == actor
