"""What others must be told is told until they have heard, however often it fails; nobody waits for another's failure."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.db import DatabaseUnavailable
from services.registry.entitlements.pushes import ClaimsPusher
from services.registry.errors import AddressTaken
from services.registry.identity import IdentityUnavailable
from tests.integration.registry.life import Life

SECOND = timedelta(seconds=1)


class Listener:
    """An identity provider that may answer wrongly for some organisations."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.failing: dict[str, Exception] = {}

    async def set_attributes(self, org_id: str, attributes: dict[str, list[str]]) -> None:
        if org_id in self.failing:
            raise self.failing[org_id]
        assert attributes["tenant_id"] == [org_id.removeprefix("org-")]
        self.told.append(org_id)


def pusher_of(life: Life, listener: Listener) -> ClaimsPusher:
    return ClaimsPusher(life.database, listener, life.clock, every=1)  # type: ignore[arg-type]  # all it needs


async def waiting(life: Life, tenant_id: UUID) -> Any:
    """The row of what is still to be told, if there is one."""
    return await life.admin.fetchrow("select * from registry.claims_push where tenant_id = $1", tenant_id)


async def test_each_failure_makes_the_next_try_wait_longer(life: Life) -> None:
    tenant_id, listener = await life.new_trial(), Listener()
    listener.failing[f"org-{tenant_id}"] = IdentityUnavailable("not now")
    waited = []
    for _ in range(11):
        assert await pusher_of(life, listener).push_due() == 0
        row = await waiting(life, tenant_id)
        waited.append((row["due_at"] - life.clock.now()) / SECOND)
        life.clock.advance(row["due_at"] - life.clock.now())
    assert waited == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    listener.failing.clear()
    assert await pusher_of(life, listener).push_due() == 1
    assert await waiting(life, tenant_id) is None


async def test_a_provider_that_is_away_for_days_is_told_when_it_is_back(life: Life) -> None:
    tenant_id, listener = await life.new_trial(), Listener()
    await life.admin.execute("update registry.claims_push set attempts = 2000")
    listener.failing[f"org-{tenant_id}"] = IdentityUnavailable("not now")
    await pusher_of(life, listener).push_due()
    row = await waiting(life, tenant_id)
    assert (row["attempts"], row["due_at"] - life.clock.now()) == (2001, 300 * SECOND)
    listener.failing.clear()
    life.clock.advance(300 * SECOND)
    await pusher_of(life, listener).push_due()
    assert listener.told == [f"org-{tenant_id}"]


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), AddressTaken("a refusal")])
async def test_one_that_cannot_be_told_is_put_off_and_the_others_are_told(
    life: Life, error: Exception
) -> None:
    bad, *good = [await life.new_trial() for _ in range(3)]
    listener = Listener()
    listener.failing[f"org-{bad}"] = error
    await pusher_of(life, listener).push_due()
    assert sorted(listener.told) == sorted(f"org-{tenant_id}" for tenant_id in good)
    row = await waiting(life, bad)
    assert (row["attempts"], row["due_at"] - life.clock.now()) == (1, SECOND)
    assert str(error) in row["last_error"]


async def test_a_database_that_goes_away_is_no_fault_of_what_is_pushed(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id, listener = await life.new_trial(), Listener()
    monkeypatch.setattr(life.database, "worker", lambda: (_ for _ in ()).throw(DatabaseUnavailable("away")))
    with pytest.raises(DatabaseUnavailable):
        await pusher_of(life, listener).push_due()
    monkeypatch.undo()
    assert (await waiting(life, tenant_id))["attempts"] == 0
    assert await pusher_of(life, listener).push_due() == 1
