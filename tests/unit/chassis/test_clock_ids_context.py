"""Time is moved, ids sort, the origin of work is inherited and put back."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from chassis.clock import ManualClock, SystemClock
from chassis.context import Origin, current_origin, set_actor, use_origin
from chassis.ids import uuid7, uuid7_day


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(days=1))
    assert clock.now() == datetime(2030, 1, 2, tzinfo=UTC)


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().utcoffset() == timedelta()


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = [uuid7() for _ in range(1000)]
    assert made == sorted(made)
    assert {id_.version for id_ in made} == {7}


def test_the_day_of_an_id_is_its_utc_day() -> None:
    assert uuid7_day(uuid7()) == datetime.now(UTC).date()
    last = int(datetime(2029, 12, 31, 23, 59, 59, 999000, UTC).timestamp() * 1000)
    assert uuid7_day(UUID(int=(last << 80) | (7 << 76) | (2 << 62))) == date(2029, 12, 31)


def test_work_without_an_origin_is_the_systems() -> None:
    assert current_origin() == Origin(actor_type="system")


async def test_an_origin_holds_inside_and_in_tasks_and_ends() -> None:
    async def look() -> Origin:
        return current_origin()

    with use_origin(correlation_id="c", actor_id="a", actor_type="user") as origin:
        assert await asyncio.create_task(look()) == origin
        with use_origin(causation_id="inner"):
            assert current_origin() == Origin(causation_id="inner")
        assert current_origin() == origin
    assert current_origin() == Origin(actor_type="system")


def test_the_actor_is_named_once_it_is_known() -> None:
    with use_origin(correlation_id="c"):
        set_actor("m-1", "user")
        assert current_origin() == Origin("c", None, "m-1", "user")
    assert current_origin().actor_id is None
