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
