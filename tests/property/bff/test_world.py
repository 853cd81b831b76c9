"""Hundreds of thousands of deliveries by chance: nothing missing, nothing twice, nothing of others, on any process."""

import pytest

from tests.property.bff.world import World


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_each_connection_gets_exactly_its_own_in_order(seed: int) -> None:
    """Forged cursors, parking, drops, evictions, lost epochs, rings that forget, late attaches, changed audiences."""
    world = World(seed)
    world.play(60_000)
    assert world.delivered > 20_000
    assert all(world.seen.values()), world.seen


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_same_over_a_million_deliveries() -> None:
    delivered = seed = 0
    while delivered < 1_000_000:
        world, seed = World(1_000 + seed), seed + 1
        world.play(100_000)
        delivered += world.delivered
