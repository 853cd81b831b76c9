"""Whatever comes in, the answer is a problem that names the field; nothing breaks and nothing is applied."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from chassis.db import Database
from tests.integration.sync.desk import Desk, application, client_of, encoded, put, refused
from tests.integration.sync.issuer import Issuer

HUGE = 10**30
INVALID = (422, "CHASSIS.INVALID")
MISSING = object()
Case = tuple[dict[str, Any], str]
"""What is changed in a good body, and where the problem must point."""
VERBS = ["handshake", "pull", "push"]


def changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **changes}.items() if value is not MISSING}


MUTATIONS: list[Case] = [
    ({"mid": 0}, "/mutations/0/mid"),
    ({"mid": "one"}, "/mutations/0/mid"),
    ({"mid": 2**63}, "/mutations/0/mid"),
    ({"mid": HUGE}, "/mutations/0/mid"),
    ({"mid": MISSING}, "/mutations/0/mid"),
    ({"key": ""}, "/mutations/0/key"),
    ({"key": "k" * 201}, "/mutations/0/key"),
    ({"key": 7}, "/mutations/0/key"),
    ({"collection": "c" * 101}, "/mutations/0/collection"),
    ({"type": "upsert"}, "/mutations/0/type"),
    ({"args": []}, "/mutations/0/args"),
    ({"args": {str(n): n for n in range(51)}}, "/mutations/0/args"),
    ({"base_version": -HUGE}, "/mutations/0/base_version"),
    ({"base_version": HUGE}, "/mutations/0/base_version"),
    ({"base_version": 1.5}, "/mutations/0/base_version"),
    ({"occurred_at": "yesterday"}, "/mutations/0/occurred_at"),
    ({"occurred_at": "2026-03-01T08:00:00"}, "/mutations/0/occurred_at"),
    ({"colour": "red"}, "/mutations/0/colour"),
]


async def test_a_broken_mutation_is_refused_with_its_field(desk: Desk) -> None:
    for changes, pointer in MUTATIONS:
        answer = await desk.send([changed(put(1), changes), put(2)])
        refused(answer, *INVALID, pointer)
    assert await desk.replica() == {}


PUSHES: list[Case] = [
    ({"producer_epoch": 0}, "/producer_epoch"),
    ({"producer_epoch": 2**63}, "/producer_epoch"),
    ({"producer_epoch": HUGE}, "/producer_epoch"),
    ({"producer_epoch": None}, "/producer_epoch"),
    ({"mutations": []}, "/mutations"),
    ({"mutations": [put(n) for n in range(1, 502)]}, "/mutations"),
    ({"mutations": {"0": put(1)}}, "/mutations"),
    ({"mutations": [7]}, "/mutations/0"),
    ({"scope": "short"}, "/scope"),
    ({"scope": 7}, "/scope"),
    ({"colour": "red"}, "/colour"),
]


async def test_a_broken_push_is_refused_with_its_field(desk: Desk) -> None:
    body = {"scope": desk.scope, "producer_epoch": 1, "mutations": [put(1)]}
    for changes, pointer in PUSHES:
        refused(await desk.ask("push", changed(body, changes)), *INVALID, pointer)
    assert await desk.replica() == {}


PULLS: list[Case] = [
    ({"scope": MISSING}, "/scope"),
    ({"scope": "s" * 251}, "/scope"),
    ({"cursor": 7}, "/cursor"),
    ({"cursor": "c" * 601}, "/cursor"),
    ({"limit": 0}, "/limit"),
    ({"limit": 1001}, "/limit"),
    ({"limit": HUGE}, "/limit"),
    ({"limit": "all"}, "/limit"),
    ({"colour": "red"}, "/colour"),
]


async def test_a_broken_pull_is_refused_with_its_field(desk: Desk) -> None:
    body = {"scope": desk.scope, "cursor": None, "limit": 10}
    for changes, pointer in PULLS:
        refused(await desk.ask("pull", changed(body, changes)), *INVALID, pointer)


HANDSHAKES: list[Case] = [
    ({"device": "mine"}, "/device"),
    ({"device": "00000000-0000-7000-8000-000000000000"}, "/device"),
    ({"app_version": "1" * 51}, "/app_version"),
    ({"schema_version": HUGE}, "/schema_version"),
    ({"schema_hash": None}, "/schema_hash"),
    ({"scopes": [{"cursor": None}]}, "/scopes/0/scope"),
    ({"scopes": [{"scope": "s" * 40, "cursor": 7}]}, "/scopes/0/cursor"),
    ({"scopes": "all"}, "/scopes"),
    ({"producer_epoch": 0}, "/producer_epoch"),
    ({"producer_epoch": 2**63}, "/producer_epoch"),
    ({"last_mid": -1}, "/last_mid"),
    ({"last_mid": HUGE}, "/last_mid"),
    ({"colour": "red"}, "/colour"),
]


async def test_a_broken_handshake_is_refused_with_its_field(desk: Desk) -> None:
    for changes, pointer in HANDSHAKES:
        refused(await desk.ask("handshake", changed(desk.handshake(), changes)), *INVALID, pointer)


BODIES: list[tuple[bytes, int, str]] = [
    (b"", 422, "CHASSIS.INVALID"),
    (b"[]", 422, "CHASSIS.INVALID"),
    (b"null", 422, "CHASSIS.INVALID"),
    (b'{"scope": ', 400, "CHASSIS.BAD_REQUEST"),
    (b'{"scope": "\\u0000"}', 400, "CHASSIS.BAD_REQUEST"),
    (b'{"scope": "\\ud800"}', 400, "CHASSIS.BAD_REQUEST"),
    (b'{"scope": "\xff"}', 400, "CHASSIS.BAD_REQUEST"),
    (b'{"scope": ' + b"[" * 5000, 400, "CHASSIS.BAD_REQUEST"),
    (b'{"limit": NaN}', 400, "CHASSIS.BAD_REQUEST"),
]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_body_that_is_no_object_is_refused(desk: Desk, verb: str) -> None:
    headers = {"tenantry-principal": encoded(desk.principal()), "content-type": "application/json"}
    for content, status, code in BODIES:
        answer = await desk.http.post(f"/sync/v1/{verb}", content=content, headers=headers)
        refused(answer, status, code, "/")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_body_past_the_limit_is_refused(desk: Desk, verb: str) -> None:
    answer = await desk.ask(verb, {"scope": "s" * 1_100_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "CHASSIS.BODY_TOO_LARGE")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_principal_that_cannot_be_read_is_refused(desk: Desk, verb: str) -> None:
    push = {"producer_epoch": 1, "mutations": [put(1)]}
    body = {"handshake": desk.handshake(), "pull": {"scope": desk.scope}, "push": push}[verb]
    for header in ("%%%", "bm8ganNvbg", encoded([]), encoded({}), encoded({"tenant_id": 5}), encoded(None)):
        answer = await desk.ask(verb, body, {"tenantry-principal": header})
        refused(answer, *INVALID, "Tenantry-Principal")


PRINCIPALS: list[dict[str, Any]] = [
    {"tenant_id": 5},
    {"tenant_id": "acme"},
    {"device_id": None},
    {"member_id": None},
    {"member_id": ""},
    {"properties": "harbour"},
    {"properties": [5]},
    {"properties": ["har\x00bour"]},
    {"properties": None},
    {"properties": MISSING},
]


async def test_each_part_of_the_principal_is_checked(desk: Desk) -> None:
    body = {"producer_epoch": 1, "mutations": [put(1)]}
    for changes in PRINCIPALS:
        header = encoded(changed(desk.principal(), changes))
        answer = await desk.ask("push", body, {"tenantry-principal": header})
        refused(answer, *INVALID, "Tenantry-Principal")


@pytest.mark.parametrize("verb", VERBS)
async def test_without_a_principal_nothing_is_answered(desk: Desk, verb: str) -> None:
    answer = await desk.http.post(f"/sync/v1/{verb}", json=desk.handshake())
    refused(answer, *INVALID, "Tenantry-Principal")


@pytest.mark.parametrize("verb", VERBS)
async def test_only_the_bff_with_a_token_for_sync_may_call(
    sync_database: Database, issuer: Issuer, verb: str
) -> None:
    app = application(sync_database, issuer)
    cases = [
        (issuer.token(service="audit"), 403, "CHASSIS.FORBIDDEN"),
        (issuer.token(service=None), 403, "CHASSIS.FORBIDDEN"),
        (issuer.token(audience="bff"), 401, "CHASSIS.UNAUTHORIZED"),
        (issuer.token(seconds=-60), 401, "CHASSIS.UNAUTHORIZED"),
        ("not-a-token", 401, "CHASSIS.UNAUTHORIZED"),
    ]
    for token, status, code in cases:
        async with client_of(app, token) as http:
            answer = await Desk(http).ask(verb, {})
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_limits_that_an_operator_set_are_told_and_kept(sync_database: Database, issuer: Issuer) -> None:
    app = application(sync_database, issuer, max_mutations=2, max_page=3)
    async with client_of(app, issuer.token()) as http:
        desk = Desk(http)
        assert (await desk.shake())["limits"] == {"mutations": 2, "page": 3}
        refused(await desk.send([put(1), put(2), put(3)]), *INVALID, "/mutations")
        await desk.push(put(1, "a"), put(2, "b"))
        await desk.push(put(3, "c"), put(4, "d"))
        asked = {"scope": desk.scope, "limit": 4}
        refused(await desk.ask("pull", asked), *INVALID, "/limit")
        page = (await desk.ask("pull", {"scope": desk.scope})).json()
        assert (len(page["changes"]), page["more"]) == (3, True)


Ask = Callable[[], Awaitable[httpx.Response]]


async def test_other_methods_addresses_and_parameters_are_refused(desk: Desk) -> None:
    cases: list[tuple[Ask, int]] = [
        (lambda: desk.http.get("/sync/v1/pull"), 405),
        (lambda: desk.http.post("/sync/v1/steal"), 404),
        (lambda: desk.ask("pull?limit=5", {"scope": desk.scope}), 422),
    ]
    for ask, status in cases:
        answer = await ask()
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
