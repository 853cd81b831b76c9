"""A poll whose feed begins anew while it is being answered: one answer speaks of one epoch."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from chassis.dpop import Proof
from services.bff.frames import Cursor
from services.bff.hub import Hub
from services.bff.polling import Asked, Polling
from services.bff.ring import Entry
from services.bff.streams import NotHere, Streams
from tests.integration.bff.guests import guest_of

TENANT = UUID(int=1)


def streams_of(hub: Hub, as_of: Any) -> Any:
    """As far as a poll asks them; what is looked up on the bus is the test's."""
    found: Any

    async def start_of(tenant_id: UUID, cursor: str) -> tuple[int, str | None]:
        return 0, None

    found = SimpleNamespace(
        hub=hub,
        is_draining=False,
        start_of=start_of,
        tails=SimpleNamespace(as_of=as_of),
        door=SimpleNamespace(is_open_for=lambda _: True),
    )
    found.check_same = lambda epoch: Streams.check_same(found, epoch)
    return found


async def test_numbers_of_another_epoch_are_not_told_with_events_of_this_one() -> None:
    """A client would take what comes next for a repetition."""
    hub = Hub("k1", 0, 10**6, 10**7, unsent_bytes=10**5, parked_seconds=30, beat_seconds=20)
    hub.take(TENANT, Entry(1, "all", 78, b"", place=1), 0.0)

    async def as_of(*_: object) -> dict[str, int]:
        hub.begin("k2", 0)
        return {"all": 116}

    asked = Asked(guest_of(TENANT, Proof("k", "j", 0)), Cursor("k1", 1), "", frozenset({"all"}), 10)
    with pytest.raises(NotHere):
        await Polling(streams_of(hub, as_of), 1).poll(asked, "k1-0", 0)
