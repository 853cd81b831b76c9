"""The reference desktop against the real service: what it queues, loses, forgets and must not send."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chassis.db import Database
from desktop.errors import Offline, Refused
from services.sync import model
from tests.integration.sync.desk import Desk, application, put
from tests.integration.sync.desktops import ANSWER_LOST, GOOD, REQUEST_LOST, Installation
from tests.integration.sync.issuer import Issuer

Install = Callable[..., Installation]


@pytest.fixture
async def install(sync_database: Database, issuer: Issuer, tmp_path: Path) -> AsyncIterator[Install]:
    """A desktop at `desk`; the service's settings can be changed."""
    made: list[Installation] = []

    def make(desk: Desk, **settings: int) -> Installation:
        app = application(sync_database, issuer, **settings)
        made.append(Installation(app, issuer.token(), desk, tmp_path / f"{len(made)}.sqlite"))
        return made[-1]

    yield make
    for installation in made:
        await installation.close()


def values(installation: Installation) -> dict[str, object]:
    return {key: value for key, (_, value) in installation.store.records("shift_notes").items()}


async def test_a_lost_answer_to_a_push_is_asked_for_again_and_tells_the_truth(
    desk: Desk, install: Install
) -> None:
    here = install(desk)
    here.act("a", "put", {"text": "one"})
    here.act("a", "put", {"colour": "red"})
    here.line.fates = iter([GOOD, ANSWER_LOST, REQUEST_LOST])
    for _ in range(2):
        with pytest.raises(Offline):
            await here.sync.run(desk.scope)
    assert here.store.queue_depth() == 2
    here.crash()
    await here.sync.run(desk.scope)
    assert here.store.settled() == {1: "applied", 2: "rejected"}
    assert here.store.records("shift_notes") == {"a": (1, {"text": "one"})}


async def test_a_numbering_that_is_gone_leaves_no_stale_record(
    desk: Desk, install: Install, monkeypatch: pytest.MonkeyPatch, sync_database: Database
) -> None:
    """The server's log was rebuilt: versions begin again and one record is not there any more."""
    here = install(desk)
    await desk.push(put(1), put(2), put(3), put(4, "gone"))
    await here.sync.run(desk.scope)
    assert sorted(values(here)) == ["a", "gone"]
    async with sync_database.transaction(desk.tenant_id) as tx:
        await tx.execute("delete from record where key = 'gone'")
        await tx.execute("""update record set version = 1, value = '{"text": "rebuilt"}', seq = 1""")
        await tx.execute("update scope_counter set seq = 1")
    monkeypatch.setattr(model, "EPOCH", 2)
    await here.sync.run(desk.scope)
    assert here.store.records("shift_notes") == {"a": (1, {"text": "rebuilt"})}


async def test_records_stay_readable_until_the_way_from_the_beginning_is_done(
    desk: Desk, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = install(desk, max_page=1)
    await desk.push(put(1), put(2, "b"), put(3, "c"))
    await here.sync.run(desk.scope)
    monkeypatch.setattr(model, "EPOCH", 2)
    here.line.fates = iter([GOOD, GOOD, REQUEST_LOST])
    with pytest.raises(Offline):
        await here.sync.run(desk.scope)
    assert sorted(values(here)) == ["a", "b", "c"]
    await here.sync.run(desk.scope)
    assert [version for version, _ in here.store.records("shift_notes").values()] == [1, 1, 1]


async def test_a_desktop_keeps_to_the_limits_that_the_handshake_told(desk: Desk, install: Install) -> None:
    here = install(desk, max_mutations=2, max_page=2)
    for number in range(5):
        here.act(f"k{number}", "put", {"done": True})
    await here.sync.run(desk.scope)
    assert here.line.requests == ["handshake", *["push"] * 3, *["pull"] * 3]
    assert len(values(here)) == 5


async def test_many_long_notes_are_handed_in_in_pushes_that_the_server_takes(
    desk: Desk, install: Install
) -> None:
    here = install(desk)
    long = "部" * 4000
    for number in range(100):
        here.act(f"k{number}", "put", {"text": long, "room": long})
    await here.sync.run(desk.scope)
    assert set(here.store.settled().values()) == {"applied"}


async def test_a_queue_that_is_refused_does_not_keep_the_others_news_away(
    desk: Desk, install: Install, sync_database: Database
) -> None:
    here = install(desk)
    await desk.colleague().push(put(1, "news"))
    here.act("a", "put", {"text": "waits"})
    async with sync_database.transaction(desk.tenant_id) as tx:
        await tx.execute("insert into directory values ($1, 'frozen', 1)", desk.tenant_id)
    with pytest.raises(Refused, match=r"SYNC\.TENANT_FROZEN"):
        await here.sync.run(desk.scope)
    assert sorted(values(here)) == ["news"]
    assert here.store.queue_depth() == 1


async def test_what_could_never_be_handed_in_is_refused_when_it_is_queued(
    desk: Desk, install: Install
) -> None:
    here = install(desk)
    broken: list[tuple[str, dict[str, object]]] = [
        ("", {}),
        ("k" * 201, {}),
        ("a", {str(n): n for n in range(51)}),
        ("a", {"text": "nul \0"}),
        ("a", {"text": "half a pair \ud800"}),
        ("a", {"text": float("nan")}),
        ("a", {"text": "x" * 300_000}),
    ]
    for key, args in broken:
        with pytest.raises(ValueError):  # noqa: PT011  # each fault has its own words
            here.act(key, "put", args)
    here.act("a", "put", {"text": r"a backslash and \u0000 in letters"})
    await here.sync.run(desk.scope)
    assert here.store.settled() == {1: "applied"}
