"""Verification: every code, for the reason that the code says, on a real database."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.registry.api_keys.format import new_key
from services.registry.tenants.model import Purchase, Trigger
from tests.integration.registry.key_stage import NEWER_PEPPER, PEPPER, VERIFY, KeyStage
from tests.integration.registry.life import BEGAN, DAY

UNTOLD: dict[str, object] = {
    "valid": False, "key_id": None, "tenant_id": None, "project_id": None, "scopes": [], "tenant_status": None,
    "plan": None, "ent_v": None, "cache_ttl_s": 0,
}  # fmt: skip


async def test_a_good_key_tells_whose_it_is_and_what_it_may(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    await stage.life.new_project(tenant_id, "night-runs")
    key = await stage.issue(process, tenant_id, project_id="night-runs")
    found = await stage.verify(
        process, key["key"], tenant_id=str(tenant_id), product="ai_console", scope="write"
    )
    assert found == {
        "valid": True, "code": "VALID", "key_id": key["key_id"], "tenant_id": str(tenant_id),
        "project_id": "night-runs", "scopes": ["read", "write"], "tenant_status": "trial", "plan": "trial", "ent_v": 1,
        "cache_ttl_s": 30,
    }  # fmt: skip


async def test_strangers_learn_nothing_of_a_key(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key = (await stage.issue(process, tenant_id))["key"]
    expected = {"code": "WRONG_TENANT", **UNTOLD}
    assert await stage.verify(process, key, tenant_id=str(uuid4())) == expected
    assert await stage.verify(process, key, by="notetaker") == {"code": "WRONG_PRODUCT", **UNTOLD}
    assert await stage.verify(process, key, product="notetaker") == {"code": "WRONG_PRODUCT", **UNTOLD}
    assert await stage.verify(process, new_key("live")) == {"code": "NOT_FOUND", **UNTOLD}
    assert await stage.verify(process, key[:-1] + "!") == {"code": "INVALID_FORMAT", **UNTOLD}


async def test_a_missing_scope_is_told_with_those_that_there_are(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key = (await stage.issue(process, tenant_id, scopes=["read", "read"]))["key"]
    found = await stage.verify(process, key, scope="write")
    assert (found["code"], found["valid"], found["scopes"]) == ("INSUFFICIENT_SCOPE", False, ["read"])
    assert await stage.code(process, key, scope="read") == "VALID"


async def test_a_key_ends_at_the_instant_of_its_expiry(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key = (await stage.issue(process, tenant_id, expires_at=stage.later(seconds=60)))["key"]
    assert (await stage.verify(process, key))["cache_ttl_s"] == 30
    stage.clock.advance(timedelta(seconds=50))
    assert (await stage.verify(process, key))["cache_ttl_s"] == 10, "nobody keeps it beyond its end"
    stage.clock.advance(timedelta(seconds=9.5))
    assert await stage.code(process, key) == "VALID"
    stage.clock.advance(timedelta(seconds=0.5))
    assert await stage.code(process, key) == "EXPIRED"


async def test_a_frozen_and_an_archived_tenant_are_told_apart(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(relays=True), await stage.life.new_trial()
    key = (await stage.issue(process, tenant_id))["key"]
    for days, status, code in ((14, "frozen", "TENANT_FROZEN"), (30, "archived", "TENANT_ARCHIVED")):
        stage.clock.advance(days * DAY)
        await stage.life.run_due()
        assert await stage.life.status(tenant_id) == status
        fresh = await stage.start()
        found = await stage.verify(fresh, key)
        assert (found["code"], found["valid"], found["tenant_status"]) == (code, False, status)
        assert found["tenant_id"] == str(tenant_id)
    stage.clock.advance(30 * DAY)
    await stage.life.run_due()
    assert await stage.code(await stage.start(), key) == "NOT_FOUND"
    for table in ("api_key", "api_key_warning"):
        assert await stage.admin.fetchval(f"select count(*) from registry.{table}") == 0  # noqa: S608


async def test_a_key_of_a_product_that_the_tenant_has_no_more_opens_nothing(stage: KeyStage) -> None:
    tenant_id = await stage.life.new_trial()
    process = await stage.start()
    kept, lost = [
        (await stage.issue(process, tenant_id, product=product))["key"]
        for product in ("ai_console", "compliance_suite")
    ]
    await stage.life.buy(tenant_id, Trigger.PAYMENT, Purchase("starter", ("ai_console",), BEGAN.date(), None))
    fresh = await stage.start()
    found = await stage.verify(fresh, kept)
    assert (found["code"], found["plan"], found["ent_v"]) == ("VALID", "starter", 2)
    assert await stage.verify(fresh, lost, by="compliance_suite") == {"code": "WRONG_PRODUCT", **UNTOLD}


async def test_a_key_is_limited_by_itself_and_recovers(stage: KeyStage) -> None:
    tenant_id = await stage.life.new_trial()
    process = await stage.start(key_rate=2.0)
    one, other = [(await stage.issue(process, tenant_id))["key"] for _ in range(2)]
    codes = [await stage.code(process, one) for _ in range(6)]
    assert codes == ["VALID"] * 4 + ["RATE_LIMITED"] * 2
    assert await stage.code(process, other) == "VALID"
    stage.clock.advance(timedelta(seconds=1))
    assert [await stage.code(process, one) for _ in range(3)] == ["VALID", "VALID", "RATE_LIMITED"]


async def test_keys_of_an_older_pepper_go_on_and_those_of_a_withdrawn_one_end(stage: KeyStage) -> None:
    tenant_id = await stage.life.new_trial()
    before = await stage.start(key_peppers=PEPPER)
    old = (await stage.issue(before, tenant_id))["key"]
    both = await stage.start(key_peppers=f"{NEWER_PEPPER},{PEPPER}")
    new = (await stage.issue(both, tenant_id))["key"]
    assert [await stage.code(both, key) for key in (old, new)] == ["VALID", "VALID"]
    after = await stage.start(key_peppers=NEWER_PEPPER)
    assert [await stage.code(after, key) for key in (old, new)] == ["NOT_FOUND", "VALID"]
    used = await stage.admin.fetch("select pepper_id from registry.api_key order by created_at, key_id")
    assert sorted(row["pepper_id"] for row in used) == ["p1", "p2"]


async def test_the_last_use_is_written_once_for_many(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key, unused = [await stage.issue(process, tenant_id) for _ in range(2)]
    for _ in range(5):
        stage.clock.advance(timedelta(seconds=1))
        assert await stage.code(process, key["key"]) == "VALID"
    await stage.code(process, unused["key"], scope="admin")
    uses = process.keys.uses
    assert [await uses.write(), await uses.write()] == [1, 0]
    rows = await stage.admin.fetch("select key_id, last_used_at, row_version from registry.api_key")
    found = {str(row["key_id"]): (row["last_used_at"], row["row_version"]) for row in rows}
    assert found == {key["key_id"]: (stage.clock.now(), 1), unused["key_id"]: (None, 1)}


@pytest.mark.parametrize(
    "caller", [{"service": "bff"}, {"service": None}, {"realm_roles": frozenset({"PLATFORM_ADMIN"})}]
)
async def test_only_products_may_ask(stage: KeyStage, caller: dict[str, object]) -> None:
    process = await stage.start()
    answer = await process.http.post(
        VERIFY, json={"key": new_key("live")}, headers=stage.callers.add(**caller)
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "CHASSIS.FORBIDDEN")
    assert (await process.http.post(VERIFY, json={"key": "x"})).status_code == 401
