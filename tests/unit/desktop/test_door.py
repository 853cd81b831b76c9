"""What an answer that is no success means for the desktop."""

import httpx
import pytest

from desktop.door import USUAL_WAIT_SECONDS, refusal_of
from desktop.errors import NotNow, Offline, Refused

PROBLEM = {"code": "SYNC.PAUSED", "detail": "work offline"}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "after"),
    [
        ("7", 7.0),
        ("0", 1.0),
        (None, USUAL_WAIT_SECONDS),
        ("Sun, 01 Mar 2026 08:00:00 GMT", USUAL_WAIT_SECONDS),
    ],
)
def test_not_now_is_being_offline_until_the_time_that_was_told(
    status: int, told: str | None, after: float
) -> None:
    headers = {} if told is None else {"Retry-After": told}
    found = refusal_of(httpx.Response(status, json=PROBLEM, headers=headers))
    assert isinstance(found, NotNow)
    assert isinstance(found, Offline)
    assert (found.status, found.code, found.after) == (status, "SYNC.PAUSED", after)
    assert str(found) == f"{status} SYNC.PAUSED: work offline"


@pytest.mark.parametrize("status", [402, 403, 409, 500])
def test_any_other_no_is_a_refusal(status: int) -> None:
    found = refusal_of(httpx.Response(status, json=PROBLEM))
    assert isinstance(found, Refused)
    assert (found.status, found.code) == (status, "SYNC.PAUSED")


def test_a_busy_proxy_that_knows_no_problems_is_not_now_either() -> None:
    found = refusal_of(httpx.Response(503, text="<html>"))
    assert isinstance(found, NotNow)
    assert found.code == "NOT_A_PROBLEM"
