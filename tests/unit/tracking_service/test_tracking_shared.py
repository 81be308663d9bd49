"""Many who ask at once get one answer, and nobody gets one whose making began before the question."""

import asyncio

import pytest

from tracking_service.api.shared import Shared


async def test_all_who_ask_while_one_answer_is_made_share_the_next():
    made, begun, go_on = [], asyncio.Event(), asyncio.Event()

    async def make(key):
        made.append(key)
        number = len(made)
        begun.set()
        await go_on.wait()
        return number

    shared = Shared(make)
    first = asyncio.create_task(shared.ask("site"))
    await begun.wait()
    crowd = [asyncio.create_task(shared.ask("site")) for _ in range(300)]
    await asyncio.sleep(0)
    go_on.set()
    assert await first == 1
    assert set(await asyncio.gather(*crowd)) == {2}
    assert await shared.ask("other") == 3


async def test_an_asker_that_leaves_takes_the_answer_from_nobody():
    go_on = asyncio.Event()

    async def make(key):
        await go_on.wait()
        return key

    shared = Shared(make)
    leaves, stays = asyncio.create_task(shared.ask("a")), asyncio.create_task(shared.ask("a"))
    await asyncio.sleep(0)
    leaves.cancel()
    go_on.set()
    assert await stays == "a"


async def test_a_failure_goes_to_those_who_wait_and_the_next_question_is_tried_again():
    answers = iter([ValueError("down"), "up"])

    async def make(key):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared = Shared(make)
    with pytest.raises(ValueError, match="down"):
        await shared.ask("a")
    assert await shared.ask("a") == "up"
