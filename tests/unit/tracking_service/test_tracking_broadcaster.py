"""A slow screen starts over; the others do not notice."""

import pytest

from tracking_service.broadcaster import Broadcaster, Message, Overflowed


async def test_messages_come_in_order_and_only_those_of_the_site():
    broadcaster = Broadcaster()
    with broadcaster.connected("a") as client:
        broadcaster.send("a", Message("heat", "1"))
        broadcaster.send("b", Message("heat", "2"))
        broadcaster.send("a", Message("heat", "3"))
        assert [(await client.next(1)).data for _ in range(2)] == ["1", "3"]


async def test_a_screen_that_is_too_slow_is_told_to_start_over_and_then_goes_on():
    broadcaster = Broadcaster(limit=3)
    with broadcaster.connected("a") as slow, broadcaster.connected("a") as quick:
        for number in range(5):
            broadcaster.send("a", Message("heat", str(number)))
            assert (await quick.next(1)).data == str(number)
        assert await slow.next(1) == Overflowed()
        broadcaster.send("a", Message("heat", "new"))
        assert (await slow.next(1)).data == "new"


async def test_a_quiet_stream_times_out_for_its_heartbeat_and_a_closed_one_ends():
    broadcaster = Broadcaster()
    with broadcaster.connected("a") as client:
        with pytest.raises(TimeoutError):
            await client.next(0)
        broadcaster.close()
        assert await client.next(1) is None


def test_screens_are_counted():
    broadcaster = Broadcaster(most=1)
    with broadcaster.connected("a"):
        assert broadcaster.full
        assert broadcaster.sites == {"a"}
    assert not broadcaster.full
    assert broadcaster.sites == set()
