"""Whoever holds a key may end it, and learns nothing by trying."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from services.registry.api_keys.format import new_key
from tests.cut_line import CutLine
from tests.infra import ServiceDsns
from tests.integration.registry.key_stage import KeyStage, Process
from tests.integration.registry.test_api_key_memory import refused_by_an_event

REPORT = "/v1/api-keys/report-leak"


async def report(process: Process, key: str) -> httpx.Response:
    return await process.http.post(REPORT, json={"key": key})


async def test_a_reported_key_is_revoked_everywhere_and_says_why(stage: KeyStage) -> None:
    process, other = await stage.start(relays=True), await stage.start()
    tenant_id = await stage.life.new_trial()
    key = await stage.issue(process, tenant_id)
    assert await stage.code(other, key["key"]) == "VALID"
    assert (await report(process, key["key"])).status_code == 202
    await refused_by_an_event(stage, other, key["key"], "REVOKED")
    told = dict(await stage.life.said(tenant_id))["api_key.revoked"]
    assert (told["key_id"], told["reason"]) == (key["key_id"], "leaked")
    row = await stage.admin.fetchrow("select revoked_by, revoked_reason, row_version from registry.api_key")
    assert row is not None
    assert tuple(row) == ("leak-report", "leaked", 2)


async def test_the_answer_is_the_same_for_every_key(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    good, revoked, expired = [
        await stage.issue(process, tenant_id, expires_at=stage.later(days=days)) for days in (9, 9, 1)
    ]
    await stage.revoke(process, revoked)
    stage.clock.advance(timedelta(days=1))
    texts = [good["key"], good["key"], revoked["key"], expired["key"], new_key("live"), "nonsense", "é" * 40]
    answers = [await report(process, text) for text in texts]
    told = {(answer.status_code, answer.content, tuple(sorted(answer.headers.items()))) for answer in answers}
    assert len(told) == 1
    verbs = await stage.life.verbs(tenant_id)
    assert verbs.count("api_key.revoked") == 3, "each key once: the revoked one was not revoked again"


@pytest.mark.parametrize("body", [{}, {"key": ""}, {"key": 7}, {"key": "x" * 501}, {"key": "x", "by": "me"}])
async def test_what_is_no_report_is_refused(stage: KeyStage, body: dict[str, object]) -> None:
    process = await stage.start()
    assert (await process.http.post(REPORT, json=body)).status_code == 422


async def test_reports_are_bounded_and_broken_keys_cost_nothing(stage: KeyStage) -> None:
    process = await stage.start(leak_rate=1.0)
    statuses = [(await report(process, new_key("live"))).status_code for _ in range(4)]
    assert statuses == [202, 202, 429, 429]
    assert (await report(process, new_key("live")[:-1] + "!")).status_code == 202
    stage.clock.advance(timedelta(seconds=1))
    assert (await report(process, new_key("live"))).status_code == 202


async def test_a_report_that_cannot_be_kept_is_not_accepted(
    stage: KeyStage, service_dsns: Callable[[str], ServiceDsns]
) -> None:
    async with CutLine("registry", service_dsns("registry")) as line:
        process = await stage.start(database=line.database)
        key = (await stage.issue(process, await stage.life.new_trial()))["key"]
        await line.cut()
        answer = await report(process, key)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        await line.mend()
        assert (await report(process, key)).status_code == 202
