"""No two live workers have one name, and none is kept from working by a dead one."""

import os
import socket

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.patience import Stop
from ingest.tables import worker_lease
from ingest.workers import LAPSE_S, Lease, NameTakenError
from tests.lost_answers import answer_lost

SECOND = 10**9
DEAD_PID = 2**22 + 1  # above what Linux gives


class Clock:
    def __init__(self) -> None:
        self.now = 10**18

    def __call__(self) -> int:
        return self.now


async def other(engine, clock, name="w", **fields):
    """A worker of another process."""
    row = {
        "name": name,
        "token": "t",
        "process": "p",
        "host": "elsewhere",
        "pid": 7,
        "since": clock.now,
        "seen_at": clock.now,
    }
    async with engine.begin() as connection:
        await connection.execute(insert(worker_lease).values(row | fields))


async def names(engine):
    async with engine.connect() as connection:
        return sorted(await connection.scalars(select(worker_lease.c.name)))


async def test_workers_without_a_name_take_the_lowest_free_number_and_give_it_back(engine):
    leases = [Lease(engine, None) for _ in range(3)]
    for lease in leases:
        assert await lease.take(Stop())
    assert [lease.name for lease in leases] == ["1", "2", "3"]
    await leases[1].release()
    again = Lease(engine, None)
    await again.take(Stop())
    assert again.name == "2"
    for lease in (leases[0], leases[2], again):
        await lease.release()
    assert await names(engine) == []


async def test_a_name_that_is_in_use_here_is_refused_with_whose_it_is(engine):
    first = Lease(engine, "w")
    await first.take(Stop())
    with pytest.raises(
        NameTakenError, match=rf"'w' runs already on {socket.gethostname()} \(process {os.getpid()}\); give this"
    ):
        await Lease(engine, "w").take(Stop())
    await first.release()
    assert await Lease(engine, "w").take(Stop())


async def test_a_name_that_could_not_be_given_back_is_free_at_once_in_the_same_process(engine, monkeypatch):
    first = Lease(engine, "w")
    await first.take(Stop())
    with monkeypatch.context() as away:
        away.setattr(AsyncEngine, "begin", database_away)
        await first.release()
    assert await names(engine) == ["w"]
    assert await Lease(engine, "w").take(Stop())


@pytest.mark.parametrize("wanted", ["w", None])
async def test_a_name_whose_taking_was_committed_unheard_is_ours(engine, wanted):
    lease = Lease(engine, wanted)
    with answer_lost(engine) as lost, pytest.raises(TimeoutError):
        await lease.take(Stop())
    assert lost
    assert await lease.take(Stop())
    assert await names(engine) == [lease.name] == [wanted or "1"]
    await lease.release()
    assert await names(engine) == []


async def test_a_name_whose_taking_was_committed_unheard_before_the_end_is_given_back(engine):
    lease = Lease(engine, "w")
    with answer_lost(engine), pytest.raises(TimeoutError):
        await lease.take(Stop())
    await lease.release()
    assert await names(engine) == []


def database_away(_engine):
    raise OperationalError("begin", None, OSError("away"))


@pytest.mark.parametrize(
    "fields",
    [
        {"host": socket.gethostname(), "pid": DEAD_PID},
        {"host": socket.gethostname(), "pid": os.getpid()},  # a container that was started again
        {"seen_at": 10**18 - int((LAPSE_S + 1) * SECOND)},
    ],
    ids=["killed here", "same number in an earlier life", "silent for long"],
)
async def test_the_name_of_a_dead_worker_is_taken_at_once(engine, fields):
    clock = Clock()
    await other(engine, clock, **fields)
    lease = Lease(engine, "w", clock=clock)
    assert await lease.take(Stop())
    assert lease.name == "w"


async def test_a_name_whose_owner_lives_elsewhere_is_refused_once_it_is_seen_to_live(engine, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("ingest.workers._AGAIN_S", 0.0)
    await other(engine, clock)

    class Beating(Stop):
        async def pause(self, _seconds: float) -> bool:
            async with engine.begin() as connection:
                await connection.execute(update(worker_lease).values(seen_at=clock.now + 1))
            return False

    with pytest.raises(NameTakenError, match="runs already on elsewhere"):
        await Lease(engine, "w", clock=clock).take(Beating())


async def test_a_name_whose_owner_is_silent_elsewhere_is_waited_for_until_it_lapses(engine):
    clock = Clock()
    await other(engine, clock)

    class Passing(Stop):
        async def pause(self, _seconds: float) -> bool:
            clock.now += int(10 * SECOND)
            return False

    lease = Lease(engine, "w", clock=clock)
    assert await lease.take(Passing())
    assert clock.now == 10**18 + 40 * SECOND


async def test_told_to_stop_it_takes_no_name(engine):
    clock = Clock()
    await other(engine, clock)
    stop = Stop()
    stop.set()
    assert not await Lease(engine, "w", clock=clock).take(stop)


async def test_a_worker_whose_name_was_taken_while_it_slept_ends(engine):
    lease = Lease(engine, "w")
    await lease.take(Stop())
    async with engine.begin() as connection:
        await connection.execute(update(worker_lease).values(token="another"))

    class Once(Stop):
        async def pause(self, _seconds: float) -> bool:
            return False

    with pytest.raises(NameTakenError, match="another took its name; start it again"):
        await lease.keep(Once())
