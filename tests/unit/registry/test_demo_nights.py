"""The hour at which the demo tenant is put back: once in every night, also in those in which clocks are changed."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from services.registry.demo.model import ZONE, fixtures, night_after, reset_of, restored


@pytest.mark.parametrize(
    ("night", "at"),
    [
        (date(2026, 3, 28), datetime(2026, 3, 28, 2, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (date(2026, 3, 30), datetime(2026, 3, 30, 1, tzinfo=UTC)),
        (date(2026, 10, 24), datetime(2026, 10, 24, 1, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 2, tzinfo=UTC)),
        (date(2026, 10, 26), datetime(2026, 10, 26, 2, tzinfo=UTC)),
    ],
)
def test_three_oclock_in_berlin_exists_in_the_nights_of_march_and_october(night: date, at: datetime) -> None:
    assert reset_of(night) == at
    assert reset_of(night).astimezone(ZONE).hour == 3


def test_each_night_of_four_years_has_one_reset_and_no_hour_has_two() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    nights: list[date] = []
    for _ in range(4 * 365 * 24):
        following = night_after(now)
        assert now < reset_of(following) <= now + timedelta(hours=25)
        if not nights or nights[-1] != following:
            nights.append(following)
        now += timedelta(hours=1)
    assert [later - earlier for earlier, later in itertools.pairwise(nights)] == [timedelta(days=1)] * (
        len(nights) - 1
    )


def test_at_three_oclock_sharp_the_next_night_is_tomorrows() -> None:
    at = reset_of(date(2026, 3, 29))
    assert night_after(at - timedelta(microseconds=1)) == date(2026, 3, 29)
    assert night_after(at) == date(2026, 3, 30)


def test_a_checksum_tells_each_difference_and_no_order() -> None:
    rows = [{"product_key": key, "source": "plan", "enabled": True} for key in ("a", "b")]
    people = [
        {
            "email": mail,
            "name": "n",
            "locale": "en",
            "org_roles": ["X", "Y"],
            "backoffice_roles": [],
            "properties": [],
        }
        for mail in ("a@b.example", "c@d.example")
    ]
    places = [{"code": code, "name": "n", "time_zone": "UTC"} for code in ("a", "b")]
    projects = [{"project_id": "default", "archived_at": None}]
    found = restored(people, rows, places, projects)
    assert restored(people[::-1], rows[::-1], places[::-1], projects) == found
    assert restored([{**people[0], "org_roles": ["Y", "X"]}, people[1]], rows, places, projects) == found
    for changed in ({"name": "m"}, {"org_roles": ["X"]}, {"properties": ["p"]}, {"locale": "fr"}):
        other = restored([{**people[0], **changed}, people[1]], rows, places, projects)
        assert other.checksum != found.checksum
    for others in (
        restored(people, [{**rows[0], "source": "override"}, rows[1]], places, projects),
        restored(people, rows, [{**places[0], "name": "m"}, places[1]], projects),
        restored(people, rows, places, [{"project_id": "default", "archived_at": 1}]),
    ):
        assert others.checksum != found.checksum
    assert fixtures(["a"]).counts == {"members": 5, "products": 1, "properties": 2, "projects": 1}
