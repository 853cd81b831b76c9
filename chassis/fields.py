"""Fields of bodies and parameters that say what they mean: a number is not a time, a word is no yes, a yes no number."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, StrictBool

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def refuse_numbers(value: Any) -> Any:
    """pydantic reads numbers, and texts of digits, as seconds since 1970; RFC 3339 does not."""
    if value is None or not isinstance(value, int | float | str):
        return value
    if not isinstance(value, str) or ISO.match(value) is None:
        raise ValueError("write it as in RFC 3339, for example 2027-01-31T09:00:00Z or 2027-01-31")
    return value


def refuse_other_than_numbers(value: Any) -> Any:
    """pydantic reads true as 1, and texts of digits; JSON has numbers."""
    if value is not None and type(value) not in {int, float}:
        raise ValueError("send a number")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(refuse_numbers)]
Day = Annotated[date, BeforeValidator(refuse_numbers)]
Flag = StrictBool
Whole = Annotated[int, BeforeValidator(refuse_other_than_numbers)]
"""For bodies; in a query every value is a text."""
Number = Annotated[float, BeforeValidator(refuse_other_than_numbers)]
