"""Pull: the last state of what changed after a cursor, page by page, for one device of one tenant."""

import base64

import pytest

from chassis.ids import uuid7
from services.sync import model
from services.sync.model import Cursors, Principal
from tests.integration.sync.desk import CURSOR_KEY, Desk, delete, put, refused, replica_of

INVALID = (400, "SYNC.CURSOR_INVALID", "/cursor")
EXPIRED = (410, "SYNC.CURSOR_EXPIRED", "/cursor")


async def write(desk: Desk, count: int, first: int = 1) -> None:
    await desk.push(*(put(mid, f"n{mid:03}") for mid in range(first, first + count)))


async def test_pages_of_any_size_add_up_to_the_same(desk: Desk) -> None:
    await write(desk, 10)
    for limit in (1, 2, 3, 7, 10, 11, 1000):
        pages = await desk.pages(limit=limit)
        seqs = [change["seq"] for page in pages for change in page["changes"]]
        assert seqs == list(range(1, 11))
        assert all(len(page["changes"]) <= limit for page in pages)
        assert pages[-1]["checkpoint"] == {"seq": 10, "count": 10}
        assert all("checkpoint" not in page for page in pages[:-1])


async def test_a_cursor_gives_only_what_changed_after_it(desk: Desk) -> None:
    await write(desk, 5)
    first = await desk.page()
    await desk.push(put(6, "n002"), delete(7, "n004"))
    later = await desk.page(first["next"])
    assert [(change["op"], change["key"]) for change in later["changes"]] == [
        ("put", "n002"),
        ("delete", "n004"),
    ]
    assert later["checkpoint"] == {"seq": 7, "count": 4}
    nothing = await desk.page(later["next"])
    assert (nothing["changes"], nothing["more"], nothing["head"]) == ([], False, 7)


async def test_a_change_names_the_device_and_the_action_that_made_it(desk: Desk) -> None:
    await desk.push(put(1))
    [change] = (await desk.colleague().page())["changes"]
    assert change["origin"] == {"device_id": str(desk.device_id), "mid": 1}


async def test_what_is_written_between_two_pages_is_not_missed(desk: Desk) -> None:
    await write(desk, 4)
    first = await desk.page(limit=2)
    await desk.push(put(5, "n001"), put(6, "n003"), put(7, "new"), delete(8, "n002"))
    rest = await desk.pages(first["next"], limit=2)
    assert replica_of([first, *rest]) == await desk.replica()


async def test_a_cold_pull_and_the_deltas_end_with_the_same_data(desk: Desk) -> None:
    warm: dict[str, object] = {}
    cursor = None
    for mid in range(1, 31):
        make = delete if mid % 4 == 0 else put
        await desk.push(make(mid, f"k{mid % 7}"))
        if mid % 5 == 0:
            pages = await desk.pages(cursor, limit=2)
            warm, cursor = replica_of(pages, warm), pages[-1]["next"]
    assert warm == await desk.colleague().replica(limit=3)
    assert (await desk.page(cursor))["checkpoint"]["count"] == len(warm)


async def test_an_empty_scope_has_a_head_and_a_cursor_to_go_on_from(desk: Desk) -> None:
    page = await desk.page()
    assert (page["changes"], page["head"], page["more"]) == ([], 0, False)
    await desk.push(put(1))
    assert len((await desk.page(page["next"]))["changes"]) == 1


async def test_a_tampered_cursor_is_refused(desk: Desk) -> None:
    cursor = (await desk.page())["next"]
    for place in (0, 15, 16, 20, -1):
        raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        raw[place] ^= 1
        forged = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        refused(await desk.ask("pull", {"scope": desk.scope, "cursor": forged}), *INVALID)


async def test_a_cursor_that_is_none_is_refused(desk: Desk) -> None:
    for cursor in ("", "x", "é", "%%%%", "AAAA", "A" * 600):
        refused(await desk.ask("pull", {"scope": desk.scope, "cursor": cursor}), *INVALID)


async def test_the_cursor_of_another_device_scope_or_tenant_is_refused(desk: Desk, stranger: Desk) -> None:
    desk.properties = ["harbour", "airport"]
    cursor = (await desk.page())["next"]
    elsewhere = f"{desk.tenant_id}/airport"
    refused(await desk.ask("pull", {"scope": elsewhere, "cursor": cursor}), *INVALID)
    other = desk.colleague()
    refused(await other.ask("pull", {"scope": desk.scope, "cursor": cursor}), *INVALID)
    stranger.device_id = desk.device_id
    refused(await stranger.ask("pull", {"scope": stranger.scope, "cursor": cursor}), *INVALID)


def made(desk: Desk, seq: int) -> str:
    """A cursor with our key: what a lost numbering or a restored database leaves behind."""
    principal = Principal(desk.tenant_id, desk.device_id, "member-1", frozenset(desk.properties))
    return Cursors(CURSOR_KEY).make(principal, desk.scope, seq)


async def test_a_cursor_ahead_of_the_server_has_expired(desk: Desk) -> None:
    await write(desk, 2)
    assert (await desk.page(made(desk, 2)))["changes"] == []
    refused(await desk.ask("pull", {"scope": desk.scope, "cursor": made(desk, 3)}), *EXPIRED)


async def test_a_cursor_of_an_older_numbering_has_expired(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(desk, 2)
    cursor = (await desk.page())["next"]
    monkeypatch.setattr(model, "EPOCH", 2)
    refused(await desk.ask("pull", {"scope": desk.scope, "cursor": cursor}), *EXPIRED)
    assert len(await desk.replica()) == 2


async def test_a_property_with_a_long_name_can_be_pulled_to_its_end(desk: Desk) -> None:
    desk.properties = ["Hôtel 港" * 28]
    scope = f"{desk.tenant_id}/{desk.properties[0]}"
    body = {"scope": scope, "producer_epoch": 1, "mutations": [put(1), put(2, "b")]}
    assert (await desk.ask("push", body)).status_code == 200
    first = (await desk.ask("pull", {"scope": scope, "limit": 1})).json()
    second = await desk.ask("pull", {"scope": scope, "cursor": first["next"]})
    assert [change["key"] for change in second.json()["changes"]] == ["b"]


async def test_keys_of_any_script_come_back_as_they_were(desk: Desk) -> None:
    keys = [
        "a/b",
        "chambre 204, é",
        "部屋",
        "a\r\nNats-Msg-Id: 1",
        "%2e%2e",
        "💡" * 200,
        "'; drop table record",
    ]
    await desk.push(*(put(mid, key, args={"text": key}) for mid, key in enumerate(keys, start=1)))
    assert {key: value["text"] for key, (_, value) in (await desk.replica()).items()} == dict(
        zip(keys, keys, strict=True)
    )


async def test_a_scope_that_is_not_the_members_is_not_found(desk: Desk, stranger: Desk) -> None:
    for scope in (
        f"{desk.tenant_id}/airport",
        stranger.scope,
        f"{uuid7()}/harbour",
        str(desk.tenant_id) + "//",
        f"{desk.tenant_id}/harbour ",
        f"{str(desk.tenant_id).upper()}/harbour",
        "x" * 40,
    ):
        refused(await desk.ask("pull", {"scope": scope}), 404, "SYNC.SCOPE_REFUSED", "/scope")
