"""The handshake: where device and server stand, and what the device has to do."""

import pytest

from services.sync import model
from tests.integration.sync.desk import Desk, put, refused


async def test_a_new_device_is_told_where_the_server_is(desk: Desk) -> None:
    await desk.push(put(1), put(2))
    told = await desk.colleague().shake()
    assert (told["mode"], told["epoch"], told["last_applied_mid"]) == ("delta", 1, 0)
    assert told["scopes"] == [{"scope": desk.scope, "cursor": None, "head": 2}]
    assert told["limits"] == {"mutations": 500, "page": 1000}
    assert told["pause"] == {"pull": False, "push": False}
    assert told["server_time"].endswith("Z")


async def test_a_device_that_lost_an_answer_is_told_its_last_applied_number(desk: Desk) -> None:
    await desk.push(put(1), put(2), put(3, args={"colour": "red"}))
    assert (await desk.shake())["last_applied_mid"] == 3


async def test_a_new_producer_of_the_device_starts_at_zero_and_the_old_one_is_fenced(desk: Desk) -> None:
    await desk.push(put(1), put(2))
    assert (await desk.shake(producer_epoch=2))["last_applied_mid"] == 0
    await desk.push(put(1), epoch=2)
    old = await desk.ask("handshake", desk.handshake(producer_epoch=1))
    refused(old, 403, "SYNC.PRODUCER_FENCED", "/producer_epoch")


async def test_a_good_cursor_is_given_back_and_goes_on(desk: Desk) -> None:
    await desk.push(put(1))
    cursor = (await desk.page())["next"]
    told = await desk.shake(scopes=[{"scope": desk.scope, "cursor": cursor}])
    assert told["mode"] == "delta"
    assert told["scopes"][0]["cursor"] == cursor


async def test_a_cursor_of_a_numbering_that_is_gone_leads_to_a_snapshot(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.push(put(1))
    cursor = (await desk.page())["next"]
    monkeypatch.setattr(model, "EPOCH", 2)
    told = await desk.shake(scopes=[{"scope": desk.scope, "cursor": cursor}])
    assert told["mode"] == "snapshot"
    assert told["scopes"] == [{"scope": desk.scope, "cursor": None, "head": 1}]


async def test_a_forged_cursor_is_refused_with_its_place(desk: Desk) -> None:
    scopes = [{"scope": desk.scope}, {"scope": desk.scope, "cursor": "A" * 40}]
    answer = await desk.ask("handshake", desk.handshake(scopes=scopes))
    refused(answer, 400, "SYNC.CURSOR_INVALID", "/scopes/1/cursor")


async def test_a_handshake_changes_nothing(desk: Desk) -> None:
    for _ in range(2):
        assert (await desk.shake(producer_epoch=7, last_mid=9))["last_applied_mid"] == 0
    assert (await desk.push(put(1)))[0]["status"] == "applied"
