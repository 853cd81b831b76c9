"""Many questions in few reads: none is answered from before it was asked, none suffers from another."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from chassis.errors import Transient
from chassis.together import AT_ONCE, MOST, Together


class Source:
    """Answers with what it holds when it is read; `may_answer` holds a read up."""

    def __init__(self) -> None:
        self.value = 0
        self.reads: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.failure: Exception | None = None

    async def read(self, questions: Sequence[int]) -> list[tuple[int, int]]:
        self.reads.append(list(questions))
        answers = [(question, self.value) for question in questions]
        await self.may_answer.wait()
        if self.failure is not None and (isinstance(self.failure, Transient) or 13 in questions):
            raise self.failure
        return answers


async def settled() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_comes_while_others_wait_is_asked_for_with_the_next_and_sees_what_changed_meanwhile() -> (
    None
):
    source = Source()
    together = Together(source.read)
    source.may_answer.clear()
    first = asyncio.create_task(together.ask(0))
    await settled()
    source.value = 1
    rest = [asyncio.create_task(together.ask(number)) for number in range(1, 50)]
    await settled()
    source.may_answer.set()
    assert await first == (0, 0)
    assert await asyncio.gather(*rest) == [(number, 1) for number in range(1, 50)]
    assert source.reads == [[0], list(range(1, 50))]


async def test_a_read_has_no_more_questions_than_it_may() -> None:
    source = Source()
    together = Together(source.read, most=4)
    answers = await asyncio.gather(*(together.ask(number) for number in range(10)))
    assert [question for question, _ in answers] == list(range(10))
    assert [len(read) for read in source.reads] == [4, 4, 2]


async def test_many_who_are_answered_by_one_read_go_on_a_few_per_turn_of_the_loop() -> None:
    source, gone, seen = Source(), list[int](), list[int]()
    together = Together(source.read)

    async def one(number: int) -> None:
        await together.ask(number)
        gone.append(number)

    source.may_answer.clear()
    async with asyncio.TaskGroup() as group:
        for number in range(1 + MOST):
            group.create_task(one(number))
        await settled()
        source.may_answer.set()
        while len(gone) < 1 + MOST:
            await asyncio.sleep(0)
            seen.append(len(gone))
    assert gone == list(range(1 + MOST))
    assert (
        max(after - before for before, after in pairwise(seen)) <= 1 + AT_ONCE
    )  # the first was asked for alone


async def test_what_is_wrong_with_one_question_is_its_own_and_what_all_need_is_everybodys() -> None:
    source = Source()
    together = Together(source.read)
    source.failure = ValueError("unlucky")
    found = await asyncio.gather(*(together.ask(number) for number in (12, 13, 14)), return_exceptions=True)
    assert [type(one) for one in found] == [tuple, ValueError, tuple]
    source.failure = Transient("away")
    before = len(source.reads)
    found = await asyncio.gather(*(together.ask(number) for number in (12, 13, 14)), return_exceptions=True)
    assert [type(one) for one in found] == [Transient] * 3
    assert len(source.reads) == before + 1
    source.failure = None
    assert await together.ask(13) == (13, 0)


async def test_who_goes_away_takes_nobody_along() -> None:
    source = Source()
    together = Together(source.read)
    source.may_answer.clear()
    asked = [asyncio.create_task(together.ask(number)) for number in range(3)]
    await settled()
    late = [asyncio.create_task(together.ask(number)) for number in range(3, 6)]
    await settled()
    for gone in (asked[0], late[1]):
        gone.cancel()
    await settled()
    source.may_answer.set()
    found = await asyncio.gather(*asked, *late, return_exceptions=True)
    assert [one for one in found if not isinstance(one, asyncio.CancelledError)] == [
        (number, 0) for number in (1, 2, 3, 5)
    ]
    assert source.reads == [[0, 1, 2], [3, 5]]


async def test_nobody_waits_for_ever_when_the_read_itself_is_cancelled() -> None:
    source = Source()
    together = Together(source.read)
    source.may_answer.clear()
    asked = asyncio.create_task(together.ask(1))
    late = asyncio.create_task(together.ask(2))
    await settled()
    behind = asyncio.create_task(together.ask(3))
    await settled()
    [reading] = [task for task in asyncio.all_tasks() if "_read_all" in repr(task)]
    reading.cancel()
    for task in (asked, late, behind):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
