"""Who holds a lane: takeover without a common clock, and nothing committed by whoever lost it."""

import pytest

from ingest.direct.hold import Hold, LaneLostError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def hold(engine, worker, clock=None):
    return Hold(engine, "yard", "direct-x", worker, lapse_s=10, mono_s=clock or Clock())


async def test_one_worker_holds_it_and_another_takes_over_once_it_is_silent(engine):
    clock = Clock()
    one, two = hold(engine, "one"), hold(engine, "two", clock)
    assert await one.take()
    assert not await two.take()
    for clock.now in (6.0, 12.0, 18.0):  # it beats
        await one.beat(None)
        assert not await two.take()
    clock.now = 27.0
    assert not await two.take()
    clock.now = 28.0
    assert await two.take()
    with pytest.raises(LaneLostError, match="yard/direct-x"):
        await one.beat(None)
    with pytest.raises(LaneLostError):
        async with engine.begin() as connection:
            await one.fence(connection)
    await two.beat(5)
    assert await two.heard_until() == 5


async def test_what_was_given_back_is_free_at_once(engine):
    one, two = hold(engine, "one"), hold(engine, "two")
    assert await one.take()
    await one.release()
    assert await two.take()
    await one.release()  # of no consequence: it is not its any more
    assert not await hold(engine, "three").take()


async def test_a_worker_that_starts_again_has_its_own_back_at_once(engine):
    assert await hold(engine, "one").take()
    again = hold(engine, "one")
    assert await again.take()
    await again.beat(None)
