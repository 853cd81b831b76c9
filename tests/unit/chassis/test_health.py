"""Probes always answer, whatever dependencies do."""

import asyncio

import pytest

from chassis import health
from chassis.health import Health, contract_versions


async def up() -> bool:
    return True


async def down() -> bool:
    return False


async def broken() -> bool:
    raise RuntimeError("no")


async def hanging() -> bool:
    await asyncio.Event().wait()
    return True


async def test_all_up_is_ready() -> None:
    ready, shown = await Health({"a": up, "b": up}, {"relay": lambda: {"lag": 1}}).look()
    assert ready
    assert shown["dependencies"]["a"]["up"] is True
    assert shown["parts"] == {"relay": {"lag": 1}}


@pytest.mark.parametrize("check", [down, broken, hanging])
async def test_one_that_is_down_breaks_or_hangs_is_not_ready(
    check: health.Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.02)
    ready, shown = await Health({"a": up, "b": check}).look()
    assert not ready
    assert (shown["dependencies"]["a"]["up"], shown["dependencies"]["b"]["up"]) == (True, False)


async def test_the_age_of_a_state_counts_from_its_change() -> None:
    state = {"up": True}

    async def check() -> bool:
        return state["up"]

    found = Health({"a": check})
    await found.look()
    before = found._since["a"]
    await found.look()
    assert found._since["a"] == before
    state["up"] = False
    await found.look()
    assert found._since["a"][1] >= before[1]
    assert found._since["a"][0] is False


async def test_a_draining_process_is_not_ready() -> None:
    found = Health({"a": up})
    found.is_draining = True
    assert (await found.look())[0] is False


def test_a_service_tells_the_versions_of_its_own_events() -> None:
    versions = contract_versions("registry")
    assert versions["registry.tenant.activated"] == [1]
    assert all(name.startswith("registry.") for name in versions)
