"""A number is not a time, a word is no yes, and a yes is no number."""

from datetime import UTC, date, datetime

import pytest
from pydantic import BaseModel, ValidationError

from chassis.fields import Day, Flag, Instant, Number, Whole


class Form(BaseModel):
    at: Instant | None = None
    on: Day | None = None
    is_on: Flag = False
    size: Whole | None = None
    share: Number | None = None


@pytest.mark.parametrize("field", ["at", "on"])
@pytest.mark.parametrize("value", [0, 0.5, "0.5", "1700000000", True, "now", ""])
def test_what_is_no_rfc_3339_time_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        Form.model_validate({field: value})


@pytest.mark.parametrize("value", [0, 1, "yes", "true"])
def test_only_true_and_false_are_yes_and_no(value: object) -> None:
    with pytest.raises(ValidationError):
        Form.model_validate({"is_on": value})


@pytest.mark.parametrize("field", ["size", "share"])
@pytest.mark.parametrize("value", [True, False, "1", "", [1]])
def test_only_numbers_are_numbers(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Form.model_validate({field: value})


def test_numbers_are_taken() -> None:
    assert Form.model_validate({"size": 3, "share": 3}) == Form(size=3, share=3.0)
    with pytest.raises(ValidationError):
        Form.model_validate({"size": 3.5})


def test_times_with_their_zone_and_days_are_taken() -> None:
    form = Form.model_validate({"at": "2027-01-31T10:00:00+01:00", "on": "2027-01-31", "is_on": True})
    assert form.at == datetime(2027, 1, 31, 9, tzinfo=UTC)
    assert form.on == date(2027, 1, 31)
    with pytest.raises(ValidationError):
        Form.model_validate({"at": "2027-01-31T10:00:00"})
