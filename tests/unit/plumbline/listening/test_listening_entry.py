"""One entry of the MQTT reader: what a slow dialect does to the others, and to what nobody took."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from plumbline.dialects import Said, Trouble
from plumbline.event import Reading
from plumbline.listening import Entry

DEADLINE_S = 120.0


class Hanging:
    """A dialect whose script hangs until somebody lets it go on."""

    filters = ("a/+",)
    slow = True

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self.read_topics: list[str] = []
        self.unkept_topics: list[str] = []

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        self.entered.set()
        if not self.released.wait(DEADLINE_S):
            raise TimeoutError
        self.read_topics.append(topic)
        yield Said(topic, partial(Reading, measurement="x", values={"size": float(len(payload))}))

    def unkept(self, topic: str, payload: bytes) -> None:
        assert payload
        self.unkept_topics.append(topic)


async def test_a_script_that_hangs_does_not_stop_the_loop_and_keeps_the_order() -> None:
    dialect = Hanging()
    entry = Entry(name="hanging", dialect=dialect, accept_retained=False)
    done: list[str] = []

    async def hear(topic: str) -> None:
        await entry.hear(topic, b"1")
        done.append(topic)

    async with asyncio.TaskGroup() as hearing:
        for number in range(20):
            hearing.create_task(hear(f"a/{number}"))
        while not dialect.entered.is_set():  # noqa: ASYNC110 # a thread sets it, which no asyncio.Event takes
            await asyncio.sleep(0)  # the loop goes on
        dialect.released.set()
    assert done == dialect.read_topics == [f"a/{number}" for number in range(20)]


async def test_what_was_read_for_nobody_is_no_repetition_when_it_comes_again() -> None:
    dialect = Hanging()
    entry = Entry(name="hanging", dialect=dialect, accept_retained=False)
    running, waiting = (asyncio.create_task(entry.hear(topic, b"1")) for topic in ("a/running", "a/waiting"))
    while not dialect.entered.is_set():  # noqa: ASYNC110 # a thread sets it
        await asyncio.sleep(0)
    for task in (running, waiting):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    dialect.released.set()
    await entry.hear("a/after", b"1")
    assert dialect.read_topics == ["a/running", "a/after"]
    assert dialect.unkept_topics == ["a/running"]
    entry.unkept("a/after", b"1")
    await entry.hear("a/last", b"1")
    assert dialect.unkept_topics == ["a/running", "a/after"]
