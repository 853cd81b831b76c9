"""Limits of a session and writes of its heartbeats, for any rhythm of heartbeats."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.bff.sessions.model import Limits, Session, is_worth_a_write

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
LIMITS = Limits(timedelta(hours=12), timedelta(minutes=30), timedelta(seconds=30))
PAUSES = st.lists(st.floats(0.001, 2400), min_size=1, max_size=200)
QUEUES = st.lists(st.integers(0, 2), min_size=1, max_size=200)


def session(last_seen_at: datetime) -> Session:
    return Session(
        session_id=UUID(int=1),
        device_id=UUID(int=2),
        member_id="m",
        property="h",
        opened_at=BEGAN,
        expires_at=BEGAN + LIMITS.absolute,
        last_seen_at=last_seen_at,
        closed_at=None,
        close_reason=None,
    )


@given(pauses=PAUSES, queues=QUEUES)
def test_a_device_is_written_down_once_a_second_at_most_and_never_forgotten(
    pauses: list[float], queues: list[int]
) -> None:
    now, written = BEGAN, [BEGAN]
    known: dict[str, Any] = {
        "opened_at": BEGAN,
        "last_seen_at": BEGAN,
        "app_version": "1",
        "queue_depth": None,
    }
    for pause, queue in zip(pauses, queues, strict=False):
        now += timedelta(seconds=pause)
        told = {"app_version": "1", "queue_depth": queue}
        if is_worth_a_write(known, told, LIMITS, now):
            known |= {**told, "last_seen_at": now}
            written.append(now)
        assert now - known["last_seen_at"] < LIMITS.interval / 2
        is_said = known["queue_depth"] == queue or now - known["last_seen_at"] < timedelta(seconds=1)
        assert is_said, "news waits a second at most, for the heartbeat after it"
    after_the_first = written[1:]
    gaps = [later - earlier for earlier, later in pairwise(after_the_first)]
    assert all(gap >= timedelta(seconds=1) for gap in gaps)


@given(pauses=PAUSES)
def test_a_session_ends_at_its_first_limit_and_not_before(pauses: list[float]) -> None:
    now = last_seen = BEGAN
    for pause in pauses:
        now += timedelta(seconds=pause)
        ended = session(last_seen).end(LIMITS, now)
        is_idle, is_expired = now - last_seen >= LIMITS.idle, now - BEGAN >= LIMITS.absolute
        assert (ended is not None) == (is_idle or is_expired)
        if ended is not None:
            reason, at = ended
            assert at <= now
            assert at == min(last_seen + LIMITS.idle, BEGAN + LIMITS.absolute)
            assert reason == ("expired" if at == BEGAN + LIMITS.absolute else "idle")
            return
        last_seen = now
