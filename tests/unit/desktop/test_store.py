"""What the desktop keeps survives a crash, and what belongs together is committed together."""

from pathlib import Path

import pytest

from desktop.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desktop.sqlite"


def test_queued_actions_are_numbered_without_a_hole_across_restarts(path: Path) -> None:
    store = Store(path)
    first = store.enqueue("shift_notes", "a", "put", {"text": "one"}, at="2026-01-01T00:00:00Z")
    store.close()
    store = Store(path)
    second = store.enqueue("shift_notes", "b", "put", {"text": "two"}, at="2026-01-01T00:00:01Z")
    assert (first.mid, second.mid) == (1, 2)
    assert [mutation.mid for mutation in store.queued(10)] == [1, 2]
    store.close()


def test_a_settled_action_leaves_the_queue_and_keeps_its_number(path: Path) -> None:
    store = Store(path)
    store.enqueue("shift_notes", "a", "put", {}, at="2026-01-01T00:00:00Z")
    store.settle(1, "applied", {"mid": 1, "status": "applied"})
    assert store.queued(10) == []
    assert store.last_mid() == 1
    assert store.enqueue("shift_notes", "a", "put", {}, at="2026-01-01T00:00:00Z").mid == 2
    store.close()


def test_an_older_version_never_replaces_a_newer_one(path: Path) -> None:
    store = Store(path)
    store.put_record("t/p", "shift_notes", "a", 2, {"text": "new"})
    store.put_record("t/p", "shift_notes", "a", 1, {"text": "old"})
    assert store.records("shift_notes") == {"a": (2, {"text": "new"})}
    store.close()


def test_an_action_names_the_version_it_was_made_on(path: Path) -> None:
    store = Store(path)
    store.put_record("t/p", "shift_notes", "a", 7, {})
    assert store.enqueue("shift_notes", "a", "put", {}, at="2026-01-01T00:00:00Z").base_version == 7
    assert store.enqueue("shift_notes", "b", "put", {}, at="2026-01-01T00:00:00Z").base_version is None
    store.close()


def cut_in_the_middle(store: Store) -> None:
    with store.transaction():
        store.log_event(5, "e5", "all", "x", {"seq": 5})
        store.set_setting("feed_cursor", "k-5")
        raise RuntimeError("power cut")


def test_an_event_and_its_cursor_are_kept_or_lost_together(path: Path) -> None:
    store = Store(path)
    with pytest.raises(RuntimeError, match="power cut"):
        cut_in_the_middle(store)
    assert store.events() == []
    assert store.setting("feed_cursor") is None
    store.close()


def test_a_reset_forgets_positions_and_log(path: Path) -> None:
    store = Store(path)
    store.log_event(5, "e5", "all", "x", {"seq": 5})
    store.set_last_in_audience("all", 5)
    store.set_setting("feed_cursor", "k-5")
    store.forget_feed()
    assert (store.events(), store.last_in_audience("all"), store.setting("feed_cursor")) == ([], None, None)
    store.close()
