"""The verdict itself: it finds each thing that can be wrong in a log, and nothing in one that is right."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.continuity.desktop import Connection
from tests.continuity.verdict import Log, Right, Said, judge

MINE, OTHER = UUID(int=1), UUID(int=2)
FEED = [
    Said(1, MINE, "all", "a"),
    Said(2, MINE, "p.harbour", "b"),
    Said(3, OTHER, "all", "x"),
    Said(4, MINE, "o.m", "changed"),  # from here on the airport
    Said(5, MINE, "p.harbour", "c"),
    Said(6, MINE, "p.airport", "d"),
    Said(7, MINE, "all", "e"),
]
HARBOUR = Right(frozenset({"all", "o.m", "p.harbour"}), until=4)
AIRPORT = Right(frozenset({"all", "o.m", "p.airport"}), since=100.0)


def given(
    epoch: str, start: int, end: int, ids: str, reset: str = "", opened_at: float = 200.0
) -> Connection:
    """`ids` between blanks; in the epoch k1 places are numbers, in k2 ten more."""
    told = ids.split()
    numbers = {row.id: row.seq for row in FEED}
    offset = 0 if epoch == "k1" else 10
    seqs = [numbers.get(id_, 99) + offset for id_ in told]
    return Connection(epoch, start, end, reset, seqs, told, opened_at=opened_at)


def right() -> list[Connection]:
    return [
        given("k1", 0, 2, "a b", opened_at=50.0),
        given("k1", 2, 4, "changed"),
        given("k1", 4, 4, ""),
        given("k2", 14, 16, "d", "epoch_changed"),
        given("k2", 16, 17, "e"),
    ]


def found(connections: list[Connection]) -> list[str]:
    return judge(FEED, [Log("desk", MINE, [HARBOUR, AIRPORT], connections)]).wrong


def test_a_log_that_is_right_is_not_blamed() -> None:
    verdict = judge(FEED, [Log("desk", MINE, [HARBOUR, AIRPORT], right())])
    assert (verdict.wrong, verdict.judged, verdict.offsets) == ([], 5, {"k1": 0, "k2": 10})


WRONG: dict[str, Callable[[list[Connection]], object]] = {
    "1 missing": lambda log: log.__setitem__(0, given("k1", 0, 2, "a", opened_at=50.0)),
    "missing at the end": lambda log: log.__setitem__(4, given("k2", 16, 17, "")),
    "twice": lambda log: log.__setitem__(0, given("k1", 0, 2, "a b b")),
    "in another order": lambda log: log.__setitem__(0, given("k1", 0, 2, "b a")),
    "of another tenant": lambda log: log.__setitem__(1, given("k1", 2, 4, "x changed")),
    "of another audience": lambda log: log.__setitem__(3, given("k2", 14, 16, "c d", "epoch_changed")),
    "from nowhere": lambda log: log.__setitem__(0, given("k1", 0, 2, "a b z")),
    "after its right had ended": lambda log: log.__setitem__(1, given("k1", 2, 5, "changed c")),
    "began too late": lambda log: log.__setitem__(4, given("k2", 17, 17, "")),
    "a reset for nothing": lambda log: log.__setitem__(1, given("k1", 2, 4, "changed", "too_old")),
    "no reset": lambda log: log.__setitem__(3, given("k2", 14, 16, "d")),
    "another place": lambda log: log[4].seqs.__setitem__(0, 18),
}


@pytest.mark.parametrize("what", WRONG)
def test_whatever_is_wrong_in_a_log_is_found(what: str) -> None:
    log = right()
    WRONG[what](log)
    assert found(log), what
