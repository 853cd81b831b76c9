"""Push: each action once, in order, with the same answer whenever it is asked for."""

import asyncio

import asyncpg
import pytest

from tests.integration.sync.desk import Desk, delete, good, put, refused


async def spoken(admin: asyncpg.Connection) -> list[str]:
    """Types of the events that sync said."""
    return [row["subject"] for row in await admin.fetch("select subject from sync.outbox order by id")]


async def test_an_action_is_applied_and_answered_with_its_version(desk: Desk) -> None:
    assert await desk.push(put(1), put(2, "b")) == [
        {"mid": 1, "status": "applied", "version": 1},
        {"mid": 2, "status": "applied", "version": 1},
    ]
    assert await desk.replica() == {"a": (1, {"text": "note 1"}), "b": (1, {"text": "note 2"})}


async def test_the_same_mid_twice_is_applied_once_with_the_same_answer(
    desk: Desk, admin: asyncpg.Connection
) -> None:
    first = good(await desk.send([put(1)]))
    said = await spoken(admin)
    assert good(await desk.send([put(1)])) == first
    assert (await desk.replica())["a"][0] == 1
    assert await spoken(admin) == said == ["sync.record.changed.v1", "sync.action.applied.v1"]


async def test_a_repeated_rejection_and_a_repeated_conflict_are_told_again(desk: Desk) -> None:
    await desk.push(put(1), put(2))
    other = desk.colleague()
    mutations = [put(1, args={"colour": "red"}), put(2, base_version=1)]
    first = await other.push(*mutations)
    assert [result["status"] for result in first] == ["rejected", "conflict"]
    assert await other.push(*mutations) == first


async def test_the_same_push_many_times_at_once_is_applied_once(
    desk: Desk, admin: asyncpg.Connection
) -> None:
    mutations = [put(1), put(2), put(3, args={"colour": "red"})]
    answers = await asyncio.gather(*(desk.send(mutations) for _ in range(12)))
    assert all(good(answer) == good(answers[0]) for answer in answers)
    assert (await desk.replica())["a"][0] == 2
    assert len(await spoken(admin)) == 5


async def test_many_devices_at_once_lose_no_action_and_number_changes_without_a_hole(desk: Desk) -> None:
    desks = [desk.colleague() for _ in range(8)]
    await asyncio.gather(*(each.push(put(1), put(2, f"own-{n}")) for n, each in enumerate(desks)))
    page = await desk.page()
    assert page["head"] == 16
    assert (await desk.replica())["a"][0] == 8
    assert len({change["seq"] for change in page["changes"]}) == len(page["changes"]) == 9


async def test_the_same_mid_within_one_push_is_applied_once(desk: Desk) -> None:
    first, again, second = await desk.push(put(1), put(1), put(2))
    assert again == first
    assert second["version"] == 2


@pytest.mark.parametrize(
    ("mids", "pointer"),
    [([2], "/mutations/0/mid"), ([1, 3], "/mutations/1/mid"), ([1, 2, 4, 5], "/mutations/2/mid")],
)
async def test_a_gap_applies_nothing_and_names_what_the_server_waits_for(
    desk: Desk, mids: list[int], pointer: str
) -> None:
    problem = refused(await desk.send([put(mid) for mid in mids]), 409, "SYNC.MID_GAP", pointer)
    assert problem["expected_mid"] == 1
    assert await desk.replica() == {}
    assert [result["status"] for result in await desk.push(put(1), put(2))] == ["applied", "applied"]


async def test_mids_out_of_order_are_a_gap(desk: Desk) -> None:
    await desk.push(put(1))
    problem = refused(await desk.send([put(3), put(2)]), 409, "SYNC.MID_GAP", "/mutations/0/mid")
    assert problem["expected_mid"] == 2


async def test_a_rejected_action_does_not_block_the_others(desk: Desk, admin: asyncpg.Connection) -> None:
    results = await desk.push(
        put(1),
        put(2, args={"colour": "red"}),
        put(3, args={"done": "yes"}),
        put(4, args={"text": "x" * 4001}),
        put(5, collection="invoices"),
        put(6, "b"),
    )
    assert [result["status"] for result in results] == ["applied", *["rejected"] * 4, "applied"]
    assert {result["code"] for result in results[1:5]} == {"SYNC.MUTATION_INVALID"}
    assert [result["detail"].partition(":")[0] for result in results[1:5]] == [
        "/args/colour",
        "/args/done",
        "/args/text",
        "/collection",
    ]
    assert sorted(await desk.replica()) == ["a", "b"]
    assert (await spoken(admin)).count("sync.action.rejected.v1") == 4


async def test_a_newer_producer_starts_at_one_and_fences_the_older(desk: Desk) -> None:
    await desk.push(put(1), put(2))
    assert (await desk.push(put(1, "c"), epoch=2))[0]["status"] == "applied"
    refused(await desk.send([put(3)], epoch=1), 403, "SYNC.PRODUCER_FENCED", "/producer_epoch")
    assert (await desk.push(put(2, "d"), epoch=2))[0]["status"] == "applied"
    assert sorted(await desk.replica()) == ["a", "c", "d"]


async def test_a_new_producer_that_begins_with_a_gap_does_not_fence(desk: Desk) -> None:
    await desk.push(put(1))
    refused(await desk.send([put(2)], epoch=2), 409, "SYNC.MID_GAP", "/mutations/0/mid")
    assert (await desk.push(put(2), epoch=1))[0]["status"] == "applied"


async def test_fields_merge_and_the_conflict_shows_what_was_there(desk: Desk) -> None:
    await desk.push(put(1, args={"text": "old", "room": "204"}))
    other = desk.colleague()
    await other.push(put(1, args={"text": "theirs"}, base_version=1))
    [result] = await desk.push(put(2, args={"done": True}, base_version=1))
    assert result["status"] == "conflict"
    shown = {name: value for name, value in result["conflict"].items() if name != "id"}
    assert shown == {
        "policy": "lww_diff",
        "base": 1,
        "theirs": {"version": 2, "value": {"text": "theirs", "room": "204"}},
        "fields": ["done"],
        "outcome": "merged",
        "merged_version": 3,
    }
    assert await desk.replica() == {"a": (3, {"text": "theirs", "room": "204", "done": True})}


async def test_a_device_never_conflicts_with_itself(desk: Desk, admin: asyncpg.Connection) -> None:
    """Two actions made offline on the same version: the second knew of the first."""
    await desk.push(put(1))
    results = await desk.push(put(2, base_version=1), put(3, base_version=1))
    assert [result["status"] for result in results] == ["applied", "applied"]
    assert "sync.conflict.detected.v1" not in await spoken(admin)


async def test_a_deleted_record_comes_back_with_a_higher_version(desk: Desk) -> None:
    results = await desk.push(put(1, args={"text": "one", "room": "1"}), delete(2), put(3))
    assert [result["version"] for result in results] == [1, 2, 3]
    assert await desk.replica() == {"a": (3, {"text": "note 3"})}


async def test_a_member_of_one_property_need_not_name_the_scope(desk: Desk) -> None:
    body = {"producer_epoch": 1, "mutations": [put(1)]}
    assert good(await desk.ask("push", body))["last_applied_mid"] == 1
    assert sorted(await desk.replica()) == ["a"]
    desk.properties = ["harbour", "airport"]
    refused(await desk.ask("push", body), 404, "SYNC.SCOPE_REFUSED", "/scope")
