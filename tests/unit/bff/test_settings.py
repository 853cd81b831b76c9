"""Settings of the bff that contradict each other are refused by name."""

import pytest
from pydantic import ValidationError

from services.bff.settings import Settings


@pytest.mark.parametrize(("heartbeat", "is_refused"), [(30.0, True), (20.0, False)])
def test_a_session_is_heard_of_before_it_is_idle(heartbeat: float, is_refused: bool) -> None:
    with pytest.raises(ValidationError) as refused:  # much else is missing here
        Settings(session_idle_seconds=60, heartbeat_seconds=heartbeat)
    faults = {fault["loc"][0]: fault["msg"] for fault in refused.value.errors()}
    told = faults.get("heartbeat_seconds", "")
    assert told == ("Value error, more than a third of SESSION_IDLE_SECONDS" if is_refused else "")


GOOD_KEY = "log.example+00000000+AAAA"


@pytest.mark.parametrize(
    ("mode", "url", "key", "is_refused"),
    [
        ("production", "https://locks.example/api", GOOD_KEY, False),
        ("production", "http://locks.example", GOOD_KEY, True),
        ("local", "http://127.0.0.1:1", GOOD_KEY, False),
        ("local", "http://127.0.0.1:1", "", True),
        ("local", "", "", False),
        ("local", "ftp://locks.example", GOOD_KEY, True),
        ("local", "https://me:secret@locks.example", GOOD_KEY, True),
        ("local", "https://locks.example/?to=elsewhere", GOOD_KEY, True),
        ("local", "file:///etc/passwd", GOOD_KEY, True),
    ],
)
def test_the_vendor_of_the_locks_has_a_plain_address_and_receipts_a_key(
    mode: str, url: str, key: str, is_refused: bool
) -> None:
    with pytest.raises(ValidationError) as refused:  # much else is missing here
        Settings(TENANTRY_MODE=mode, lock_vendor_url=url, audit_verifier_key=key)
    assert ("lock_vendor_url" in {fault["loc"][0] for fault in refused.value.errors()}) == is_refused
