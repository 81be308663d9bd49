"""The supervisor: a reader that fails, ends or hangs never stops another, and health says what is wrong."""

import asyncio
import contextlib
from functools import partial

import pytest

from edge_agent.outbox import OutboxError
from edge_agent.reader import Capture, ReaderError
from edge_agent.supervisor import Supervisor
from edge_agent.unplugged import UnpluggedError
from plumbline.event import Fix

FIX = Capture("d", partial(Fix, lat=1.0, lon=2.0))


class Scripted:
    """A reader that does what a list of functions says, one a run; the last one again and again."""

    def __init__(self, *runs) -> None:
        self.runs = list(runs)
        self.started = 0
        self.reached = asyncio.Condition()

    async def run(self, emit):
        async with self.reached:
            self.started += 1
            self.reached.notify_all()
        await self.runs[min(self.started, len(self.runs)) - 1](emit)

    async def until(self, started):
        async with self.reached:
            await self.reached.wait_for(lambda: self.started >= started)


async def hang(emit):
    await asyncio.Event().wait()


async def fail(emit):
    raise ReaderError("scanner-1", "the port is gone", "the cable")


async def crash(emit):
    raise ZeroDivisionError("oops")


async def end(emit):
    return


async def cancel_itself(emit):
    raise asyncio.CancelledError


async def fail_in_a_task(emit):
    async with asyncio.TaskGroup() as group:
        group.create_task(fail(emit))


@contextlib.asynccontextmanager
async def supervised(emit=None, **readers):
    async def keep(capture):
        return

    supervisor = Supervisor(emit or keep, trip_after=3, open_s=0.001, first_s=0.001, cap_s=30)
    for name, reader in readers.items():
        supervisor.add(name, reader)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("bad", [fail, crash, end, cancel_itself, fail_in_a_task])
async def test_a_reader_that_fails_or_ends_is_run_again_and_the_others_go_on(bad):
    taken = asyncio.Queue()

    async def steady(emit):
        while True:
            await emit(FIX)
            await asyncio.sleep(0)

    failing = Scripted(bad)
    async with supervised(taken.put, failing=failing, hanging=Scripted(hang), steady=Scripted(steady)) as supervisor:
        await failing.until(6)
        while not taken.empty():
            taken.get_nowait()
        assert await taken.get() is FIX
        assert supervisor.statuses["steady"].text() == "ok"
        assert supervisor.statuses["hanging"].text() == "ok"
        assert supervisor.statuses["failing"].failures >= 5


async def test_the_breaker_opens_after_enough_failures_and_health_says_what_to_check():
    failing = Scripted(fail, fail, fail, hang)
    async with supervised(failing=failing) as supervisor:
        await failing.until(4)
        assert supervisor.statuses["failing"].text() == "failed 3 times: scanner-1: the port is gone; check the cable"


async def test_a_device_that_is_plugged_in_again_is_tried_at_once_though_its_breaker_is_open(tmp_path):
    port = tmp_path / "usb-scanner"

    async def unplugged(emit):
        raise UnpluggedError("scanner-1", "no such port", "its plug", str(port))

    async def keep(capture):
        return

    reader = Scripted(unplugged, unplugged, hang)
    supervisor = Supervisor(keep, trip_after=2, open_s=86_400, first_s=0.001)
    supervisor.add("scanner", reader)
    task = asyncio.create_task(supervisor.run())
    try:
        await reader.until(2)
        while supervisor.statuses["scanner"].state != "open":  # noqa: ASYNC110 # a status is no event
            await asyncio.sleep(0)
        port.touch()
        await asyncio.wait_for(reader.until(3), 30)  # a day earlier than the breaker would
        assert supervisor.statuses["scanner"].text() == "ok"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_device_that_is_there_and_fails_waits_like_any_other(tmp_path):
    async def fails(emit):
        raise UnpluggedError("scanner-1", "permission denied", "the group dialout", str(tmp_path))

    reader = Scripted(fails)
    async with supervised(reader=reader) as supervisor:
        await reader.until(6)
        assert supervisor.statuses["reader"].failures >= 5
    assert not UnpluggedError("d", "w", "c", "/dev/" + "x" * 5000).is_there()


async def test_the_failure_of_a_readers_own_task_is_told_like_its_own():
    failing = Scripted(fail_in_a_task, hang)
    async with supervised(failing=failing) as supervisor:
        await failing.until(2)
        assert supervisor.statuses["failing"].text() == "scanner-1: the port is gone; check the cable"


async def test_a_capture_closes_the_breaker():
    async def recover(emit):
        await emit(FIX)
        await asyncio.Event().wait()

    taken = asyncio.Queue()
    failing = Scripted(fail, fail, fail, fail, recover)
    async with supervised(taken.put, failing=failing) as supervisor:
        await taken.get()
        await asyncio.sleep(0)
        assert supervisor.statuses["failing"].text() == "ok"


async def test_the_outboxs_trouble_is_not_counted_against_the_device():
    async def full(capture):
        raise OutboxError("outbox.db: the disk is full; free some space")

    async def one(emit):
        await emit(FIX)

    reader = Scripted(one)
    async with supervised(full, reader=reader) as supervisor:
        await reader.until(6)
        assert supervisor.statuses["reader"].failures == 0
        assert "disk is full" in supervisor.statuses["reader"].what


async def test_reports_are_counted():
    async with supervised(reader=Scripted(hang)) as supervisor:
        supervisor.report("reader", "d", "not JSON")
        assert supervisor.statuses["reader"].reports == 1
