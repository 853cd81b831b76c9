"""The small pure parts around the hub: the wheel, the limits, the even drain."""

import asyncio
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chassis.buckets import Buckets
from services.bff.limits import Admission, Step, share
from services.bff.turnstile import A_FEW, SHARE, SLICE_SECONDS, Turnstile
from services.bff.wheel import Wheel


@given(st.integers(0, 10_000))
def test_the_wheel_hands_everything_out_once_and_in_time(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  # a test's chance
    wheel: Wheel[int] = Wheel(width=0.25, slots=16)
    now, due, slots = chance.uniform(0, 1e6), dict[int, float](), dict[int, int]()
    for number in range(300):
        due[number] = now + chance.uniform(0, 3.5)
        slots[number] = wheel.put(number, due[number], now)
        if chance.random() < 0.2:
            gone = chance.choice(list(due))
            wheel.remove(gone, slots[gone])
            del due[gone]
        now += chance.choice([0, 0.01, 0.3, 5.0])
        for item in wheel.due(now):
            assert due.pop(item) <= now
        assert all(at + 0.5 >= now for at in due.values())


def test_what_is_further_away_than_a_turn_comes_early_and_can_be_put_in_again() -> None:
    wheel: Wheel[str] = Wheel(width=1, slots=8)
    wheel.put("far", float("inf"), 0.0)
    assert [now for now in range(20) for _ in wheel.due(now)] == [7]


def test_no_more_open_at_once_than_the_rate_lets_in() -> None:
    admission = Admission(1000, Buckets(rate=10, burst=5, most=1))
    assert sum(admission.refusal(0, 0.0) is None for _ in range(100)) == 5
    assert sum(admission.refusal(0, now / 1000) is None for now in range(1, 2001)) in {19, 20}
    assert sum(admission.refusal(0, 1000.0) is None for _ in range(100)) == 5


def test_streams_that_are_being_opened_count_as_open() -> None:
    admission = Admission(3, Buckets(1000, 1000, 1))
    assert admission.refusal(2, 0.0) is None
    admission.moved(Step.AWAY, Step.KNOCKING)
    assert admission.refusal(2, 0.0) is not None
    admission.moved(Step.KNOCKING, Step.ANSWERED)
    assert admission.refusal(2, 0.0) is not None
    admission.moved(Step.ANSWERED, Step.AWAY)
    assert admission.refusal(2, 0.0) is None


def test_few_wait_for_their_answer_at_once_however_many_are_being_served() -> None:
    admission = Admission(1000, Buckets(1000, 1000, 1), most_knocking=2)
    for _ in range(2):
        admission.moved(Step.AWAY, Step.KNOCKING)
    assert admission.refusal(0, 0.0) is not None
    admission.moved(Step.KNOCKING, Step.ANSWERED)  # its replay may last
    assert admission.refusal(0, 0.0) is None
    admission.moved(Step.ANSWERED, Step.AWAY)
    admission.moved(Step.KNOCKING, Step.AWAY)
    assert (admission.opening, admission.knocking) == (0, 0)


class Crowd:
    """Callers who are let go on, each of whom takes so many seconds of a clock that only they move."""

    def __init__(self, takes: float, *, is_pressed: bool = False) -> None:
        self.gone: list[int] = []
        self._takes = takes
        self._now = 0.0
        self.turnstile = Turnstile(lambda: is_pressed, lambda: self._now)

    async def one(self, number: int) -> None:
        await self.turnstile.passed()
        self._now += self._takes
        self.gone.append(number)

    async def all_of(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(len(self.gone), len(self.gone) + count):
                group.create_task(self.one(number))


async def test_a_crowd_goes_through_in_order_and_as_many_per_turn_as_take_a_slice() -> None:
    crowd, seen = Crowd(SLICE_SECONDS / 3), list[int]()
    await crowd.all_of(200)  # what one takes is learnt
    async with asyncio.TaskGroup() as group:
        group.create_task(crowd.all_of(60))
        while len(crowd.gone) < 260:
            await asyncio.sleep(0)
            seen.append(len(crowd.gone))
    assert crowd.gone == list(range(260))
    assert max(after - before for before, after in pairwise(seen)) == 3
    await crowd.all_of(1)
    assert crowd.gone[-1] == 260


async def test_however_little_one_takes_only_a_few_go_on_per_turn() -> None:
    crowd, seen = Crowd(0.0), list[int]()
    await crowd.all_of(200)
    async with asyncio.TaskGroup() as group:
        group.create_task(crowd.all_of(200))
        while len(crowd.gone) < 400:
            await asyncio.sleep(0)
            seen.append(len(crowd.gone))
    assert max(after - before for before, after in pairwise(seen)) == A_FEW


async def test_while_others_have_much_to_do_a_crowd_takes_its_share_of_the_time() -> None:
    crowd, loop = Crowd(SLICE_SECONDS, is_pressed=True), asyncio.get_running_loop()
    began = loop.time()
    await crowd.all_of(11)
    worked = 10 * SLICE_SECONDS
    assert loop.time() - began >= 0.9 * worked * (1 / SHARE - 1)


@given(st.integers(0, 20_000), st.integers(1, 60))
def test_a_drain_is_even_and_leaves_nobody(count: int, seconds: int) -> None:
    left, gone = float(seconds), []
    while left > 0:
        gone.append(share(count, 0.25, left))
        count -= gone[-1]
        left -= 0.25
    assert count == 0
    assert max(gone) - min(gone[:-1] or gone) <= 1 or max(gone) <= 1
