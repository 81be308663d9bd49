"""Time in which the process stood still is nobody's silence."""

import asyncio
import contextlib
import os
import time

import pytest

from plumbline.patience import Patience


def stand_still(seconds: float) -> None:
    """Hold the loop, as SIGSTOP holds the process."""
    time.sleep(seconds)


async def test_the_time_ends_where_nothing_comes() -> None:
    """As with `asyncio.timeout`."""
    limit = Patience(0.02)
    with pytest.raises(TimeoutError):
        async with limit:
            await asyncio.Event().wait()
    assert limit.expired()


async def test_no_time_at_all_still_takes_what_is_there() -> None:
    """A patience that is used up is no reason to leave an answer that lies ready."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb")
    )
    os.write(writing, b"42\n")
    async with Patience(0):
        assert await stream.readline() == b"42\n"
    with pytest.raises(TimeoutError):
        async with Patience(-1):
            await stream.readline()
    transport.close()
    os.close(writing)


async def test_an_answer_that_came_while_the_process_stood_still_is_taken() -> None:
    """The timer and the data are ready in the same turn: the data count."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb")
    )

    def asleep() -> None:
        stand_still(0.4)
        os.write(writing, b"42\n")

    asyncio.get_running_loop().call_later(0.15, asleep)
    async with Patience(0.2):
        assert await stream.readline() == b"42\n"
    transport.close()
    os.close(writing)


async def test_whoever_answers_after_a_standstill_has_the_whole_time_again() -> None:
    """What was asked had perhaps not left before it."""
    loop, answered = asyncio.get_running_loop(), asyncio.Event()

    def asleep() -> None:
        stand_still(1.0)
        loop.call_later(0.2, answered.set)

    loop.call_later(0.05, asleep)
    async with Patience(0.4):
        await answered.wait()


async def test_a_machine_that_stands_still_all_the_time_waits_no_longer_than_four_times() -> None:
    """Else nothing would ever end there."""
    loop, ran_s = asyncio.get_running_loop(), 0.0

    def asleep() -> None:
        nonlocal ran_s
        stand_still(0.2)
        ran_s += 0.1
        loop.call_later(0.1, asleep)

    loop.call_soon(asleep)
    with pytest.raises(TimeoutError):
        async with Patience(0.4):
            await asyncio.Event().wait()
    assert ran_s < 10


async def test_a_time_out_of_the_system_and_a_cancellation_pass() -> None:
    """Neither is the end of the patience."""
    limit = Patience(60)
    with pytest.raises(TimeoutError, match="the network"):
        async with limit:
            raise TimeoutError("the network")
    assert not limit.expired()
    waiting = asyncio.Event()

    async def wait() -> None:
        async with Patience(None):
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await waiting.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
