"""API keys over HTTP: who may do what, shown once, pages, versions, rotation, and every broken input."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.registry.api_keys.format import is_well_formed
from tests.integration.registry.key_stage import ISSUED, VERIFY, KeyStage
from tests.integration.registry.life import BEGAN, DAY


def url_of(tenant_id: UUID | str, *more: str) -> str:
    return "/".join([f"/v1/tenants/{tenant_id}/api-keys", *more])


def keyed(caller: dict[str, str], **more: str) -> dict[str, str]:
    return {**caller, "Idempotency-Key": uuid4().hex, **more}


async def test_a_key_is_shown_once_even_when_the_request_is_repeated(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    headers = keyed(stage.member(tenant_id))
    first, again = [
        await process.http.post(url_of(tenant_id), json=ISSUED, headers=headers) for _ in range(2)
    ]
    shown = first.json()
    assert (first.status_code, again.status_code) == (201, 201)
    assert is_well_formed(shown["key"])
    assert first.headers["Location"] == again.headers["Location"] == url_of(tenant_id, shown["key_id"])
    assert first.headers["Cache-Control"] == "no-store"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == {**shown, "key": None}
    assert (shown["prefix"], shown["last_four"]) == (shown["key"][:12], shown["key"][-4:])
    read = await process.http.get(first.headers["Location"], headers=stage.member(tenant_id))
    assert read.json() == {name: value for name, value in shown.items() if name != "key"}
    assert read.headers["ETag"] == first.headers["ETag"] == '"1"'
    assert [verb for verb in await stage.life.verbs(tenant_id) if "api_key" in verb] == ["api_key.created"]
    said = dict(await stage.life.said(tenant_id))["api_key.created"]
    assert (said["key_id"], said["product"], said["scopes"]) == (
        shown["key_id"],
        "ai_console",
        ["read", "write"],
    )


async def test_who_may_do_what(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    elsewhere = await stage.life.new_trial()
    impersonating = stage.member(tenant_id, act="operator-1", impersonated_by="operator-1")
    for caller, reads, changes in (
        (stage.operator(), 200, 201),
        (stage.operator("SUPPORT_ENGINEER"), 200, 403),
        (stage.operator("SALES_REP"), 403, 403),
        (stage.member(tenant_id), 200, 201),
        (stage.member(tenant_id, "USER"), 403, 403),
        (stage.member(tenant_id, "CXO"), 403, 403),
        (stage.member(elsewhere), 404, 404),
        (impersonating, 200, 403),
        (stage.product(), 403, 403),
        ({}, 401, 401),
    ):
        read = await process.http.get(url_of(tenant_id), headers=caller)
        made = await process.http.post(url_of(tenant_id), json=ISSUED, headers=keyed(caller))
        assert (read.status_code, made.status_code) == (reads, changes), made.text


async def test_another_tenants_key_is_not_there(stage: KeyStage) -> None:
    process, tenant_id, other = (
        await stage.start(),
        await stage.life.new_trial(),
        await stage.life.new_trial(),
    )
    key = await stage.issue(process, tenant_id)
    own = stage.member(other)
    url = url_of(other, key["key_id"])
    shown = await process.http.get(url, headers=own)
    ended = await process.http.delete(url, headers=keyed(own, **{"If-Match": '"1"'}))
    turned = await process.http.post(f"{url}/rotation", json={}, headers=keyed(own, **{"If-Match": '"1"'}))
    assert {(answer.status_code, answer.json()["code"]) for answer in (shown, ended, turned)} == {
        (404, "REGISTRY.API_KEY_NOT_FOUND")
    }
    assert await stage.code(process, key["key"]) == "VALID"


async def test_pages_show_every_key_once_and_tokens_fit_one_tenant(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    made = [(await stage.issue(process, tenant_id, name=f"key {n}"))["key_id"] for n in range(5)]
    caller, seen, token, pages = stage.member(tenant_id), [], None, 0
    while True:
        params: dict[str, Any] = {"page_size": 2, **({"page_token": token} if token else {})}
        page = await process.http.get(url_of(tenant_id), params=params, headers=caller)
        seen += [key["key_id"] for key in page.json()["api_keys"]]
        pages += 1
        token = page.json()["next_page_token"] or None
        if token is None:
            break
        assert 'rel="next"' in page.headers["Link"]
        elsewhere = await process.http.get(
            url_of(uuid4()), params={"page_token": token}, headers=stage.operator()
        )
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (400, "CHASSIS.PAGE_TOKEN_INVALID")
    assert (seen, pages) == (sorted(made), 3)


async def test_a_change_names_the_version_it_was_meant_for(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key = await stage.issue(process, tenant_id)
    caller, url = stage.member(tenant_id), url_of(tenant_id, key["key_id"])
    for given, status in (({}, 428), ({"If-Match": "*"}, 428), ({"If-Match": '"2"'}, 412)):
        ended = await process.http.delete(url, headers=keyed(caller, **given))
        turned = await process.http.post(f"{url}/rotation", json={}, headers=keyed(caller, **given))
        assert (ended.status_code, turned.status_code) == (status, status)
    keyless = await process.http.delete(url, headers={**caller, "If-Match": '"1"'})
    assert (keyless.status_code, keyless.json()["code"]) == (400, "CHASSIS.IDEMPOTENCY_KEY_REQUIRED")
    headers = keyed(caller, **{"If-Match": '"1"'})
    answers = [await process.http.delete(url, headers=headers) for _ in range(2)]
    assert [(answer.status_code, answer.headers["ETag"]) for answer in answers] == [(200, '"2"')] * 2
    assert answers[0].json()["revoked_reason"] == "revoked"
    again = await process.http.delete(url, headers=keyed(caller, **{"If-Match": '"2"'}))
    assert (again.status_code, again.json()["code"]) == (409, "REGISTRY.API_KEY_NOT_IN_USE")
    verbs = [verb for verb in await stage.life.verbs(tenant_id) if "api_key" in verb]
    assert verbs == ["api_key.created", "api_key.revoked"]


async def test_a_rotated_key_goes_on_for_the_overlap_and_names_its_successor(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(relays=True), await stage.life.new_trial()
    old = await stage.issue(process, tenant_id, mode="test", expires_at=stage.later(days=5))
    stage.clock.advance(DAY)
    new = await stage.rotate(process, old, overlap_hours=48)
    assert new["key"].startswith("tk_test_")
    assert (new["predecessor_id"], new["expires_at"]) == (old["key_id"], (BEGAN + 6 * DAY).isoformat())
    shown = await process.http.get(url_of(tenant_id, old["key_id"]), headers=stage.operator())
    assert shown.json()["successor_id"] == new["key_id"]
    assert datetime.fromisoformat(shown.json()["retires_at"]) == BEGAN + 3 * DAY
    assert {await stage.code(process, key["key"]) for key in (old, new)} == {"VALID"}
    stage.clock.advance(timedelta(hours=47, minutes=59, seconds=59))
    assert {await stage.code(process, key["key"]) for key in (old, new)} == {"VALID"}
    stage.clock.advance(timedelta(seconds=1))
    codes = [await stage.code(process, key["key"]) for key in (old, new)]
    assert codes == ["EXPIRED", "VALID"]
    twice = await stage.change(process, "POST", old, "/rotation", overlap_hours=1)
    assert (twice.status_code, twice.json()["successor_id"]) == (409, new["key_id"])
    said = [(verb, data) for verb, data in await stage.life.said(tenant_id) if "api_key" in verb]
    assert [verb for verb, _ in said] == ["api_key.created", "api_key.created", "api_key.rotated"]
    assert (said[1][1]["predecessor_id"], said[2][1]["successor_id"]) == (old["key_id"], new["key_id"])


async def test_a_rotated_key_can_still_be_revoked_and_a_dead_one_not_rotated(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(relays=True), await stage.life.new_trial()
    old = await stage.issue(process, tenant_id)
    new = await stage.rotate(process, old)
    await stage.revoke(process, old)
    await stage.revoke(process, new)
    expired = await stage.issue(process, tenant_id, expires_at=stage.later(hours=1))
    stage.clock.advance(timedelta(hours=1))
    for key in (old, new, expired):
        answer = await stage.change(process, "POST", key, "/rotation", overlap_hours=1)
        assert (answer.status_code, answer.json()["code"]) == (409, "REGISTRY.API_KEY_NOT_IN_USE")


async def test_the_overlap_is_bounded_by_the_setting(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(key_overlap_hours=12), await stage.life.new_trial()
    key = await stage.issue(process, tenant_id)
    for hours, status in ((13, 422), (169, 422), (-1, 422), (12, 201)):
        answer = await stage.change(process, "POST", key, "/rotation", overlap_hours=hours)
        assert answer.status_code == status, answer.text


async def test_a_frozen_tenant_gets_no_key_and_can_end_those_it_has(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key = await stage.issue(process, tenant_id)
    stage.clock.advance(14 * DAY)  # the scheduler has not seen it yet
    refused = await stage.issue(process, tenant_id, status=402)
    assert refused["code"] == "REGISTRY.TENANT_FROZEN"
    turned = await stage.change(process, "POST", key, "/rotation", overlap_hours=1)
    assert turned.status_code == 402
    await stage.life.run_due()
    await stage.revoke(process, key)


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"mode": "prod"}, "/mode"),
        ({"project_id": "No Spaces"}, "/project_id"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["Write All"]}, "/scopes/0"),
        ({"scopes": [f"s{n}" for n in range(51)]}, "/scopes"),
        ({"scopes": None}, "/scopes"),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "soon"}, "/expires_at"),
        ({"key": "tk_live_mine"}, "/key"),
    ],
)
async def test_a_broken_request_is_told_where(stage: KeyStage, changed: dict[str, Any], pointer: str) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    found = await stage.issue(process, tenant_id, status=422, **changed)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


async def test_what_is_well_formed_and_wrong_is_refused_by_its_own_code(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    for changed, code in (
        ({"product": "teleporter"}, "REGISTRY.PRODUCT_UNKNOWN"),
        ({"expires_at": stage.clock.now().isoformat()}, "REGISTRY.EXPIRY_INVALID"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "REGISTRY.EXPIRY_INVALID"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "REGISTRY.EXPIRY_INVALID"),
    ):
        found = await stage.issue(process, tenant_id, status=422, **changed)
        assert found["code"] == code
    nowhere = await process.http.post(url_of(uuid4()), json=ISSUED, headers=keyed(stage.operator()))
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "REGISTRY.TENANT_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b'{"key": 7}', 422),
        (b'{"key": null}', 422),
        (b'{"key": "x", "more": 1}', 422),
        (b'{"key": "x", "tenant_id": "mine"}', 422),
        (b'{"key": ""}', 200),
        (b'{"key": "tk_live_"}', 200),
        (('{"key": "tk_live_' + "é" * 38 + '"}').encode(), 200),
        (b'{"key": "' + b"x" * 50_000 + b'"}', 200),
    ],
)
async def test_broken_verifications_are_answered_without_the_database(
    stage: KeyStage, body: bytes, status: int
) -> None:
    process = await stage.start()
    headers = {**stage.product(), "Content-Type": "application/json"}
    await process.database.close()
    process.database._pools.clear()  # whoever asks it now breaks
    answer = await process.http.post(VERIFY, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["code"] == "INVALID_FORMAT"
