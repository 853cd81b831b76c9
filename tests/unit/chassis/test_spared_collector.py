"""The garbage collector of a service that runs: what was there at its start is not looked at again."""

import gc

from chassis.runtime import COLLECTED_AFTER, spare_the_collector


def test_what_is_there_at_the_start_is_not_looked_at_again_and_later_garbage_is_collected() -> None:
    kept, threshold = {"there": ["from the start"]}, gc.get_threshold()
    try:
        spare_the_collector()
        assert gc.get_freeze_count() > 0
        assert not any(found is kept for found in gc.get_objects())
        assert gc.get_threshold() == COLLECTED_AFTER
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
