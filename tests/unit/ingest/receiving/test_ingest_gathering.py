"""What waits is bounded, keeps its order, and lingers only for company."""

import asyncio
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.receiving.gathering import Gathering, Grouping, Opened, weight
from ingest.receiving.handover import Handover
from ingest.receiving.parcel import Parcel
from plumbline.mqtt import Message


def message(number: int, size: int = 10) -> Message:
    return Message(f"t/{number}", b"{" * size, 1, retain=False)


def opened(messages, events=1):
    """The messages as parcels that hold so many events each."""
    return [Parcel(m.topic, m.payload, 0, m.ack, events=[None] * events) for m in messages]


async def put(gathering, messages, now=0.0):
    await gathering.put(messages, now, size=weight(messages))


async def gather(gathering, group, events=1):
    while portion := gathering.portion(group):
        group.add(portion, opened(portion, events))
    return group


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(20, 200),
)
async def test_every_message_goes_on_once_in_its_order_and_no_group_is_larger_than_it_may_be(
    sizes, most, most_events, most_bytes
):
    grouping = Grouping(messages=most, events=most_events, size_bytes=most_bytes)
    gathering = Gathering(grouping, lambda: None)
    feeding = asyncio.create_task(feed(gathering, sizes))
    seen = []
    while len(seen) < len(sizes):
        group = await gather(gathering, Opened(), events=1)
        assert len(group.messages) <= most
        assert sum(len(m.payload) for m in group.messages[:-1]) < most_bytes
        assert group.events <= most_events
        seen += [m.topic for m in group.messages]
        await asyncio.sleep(0)
    await feeding
    assert seen == [f"t/{number}" for number in range(len(sizes))]
    assert len(gathering) == 0


async def feed(gathering, sizes):
    numbered = list(enumerate(sizes))
    while numbered:
        count = len(numbered) % 4 + 1
        await put(gathering, [message(number, size) for number, size in numbered[:count]])
        numbered = numbered[count:]


async def test_whoever_brings_more_than_fits_waits_until_it_was_taken():
    gathering = Gathering(Grouping(messages=3), lambda: None)
    bringing = asyncio.create_task(put(gathering, [message(i) for i in range(5)]))
    await asyncio.sleep(0)
    assert not bringing.done()
    group = Opened()
    assert len(gathering.portion(group)) == 3
    await asyncio.sleep(0)
    assert not bringing.done()
    assert len(gathering.portion(Opened())) == 2
    await bringing


async def test_compressed_messages_are_opened_few_at_a_time_since_nobody_knows_what_is_in_them():
    gathering = Gathering(Grouping(), lambda: None)
    small = zlib.compress(b"x" * 100_000)
    bombs = [Message("t", small, 1, retain=False) for _ in range(100)]
    await put(gathering, bombs)
    group = Opened()
    first = gathering.portion(group)
    assert 1 <= len(first) <= 8
    group.add(first, opened(first, events=10_000))
    assert gathering.portion(group) == []


@pytest.mark.parametrize(("every_s", "some"), [(1.0, False), (0.1, False), (0.02, False), (0.001, True), (0.0001, True)])
async def test_company_is_expected_where_messages_follow_each_other_closely(every_s, some):
    gathering = Gathering(Grouping(messages=10_000, linger_s=0.02, company=4), lambda: None)
    now = 0.0
    for number in range(200):
        await put(gathering, [message(number)], now)
        now += every_s
    assert (gathering.expected(now) >= 4) is some
    assert gathering.expected(now + 1.0) < 1


async def test_a_handover_holds_nothing_and_tells_its_end():
    wanted = []
    handover = Handover(lambda: wanted.append(1))
    giving = asyncio.create_task(handover.give("a"))
    await asyncio.sleep(0)
    assert not giving.done()
    assert not handover.wanted
    assert await handover.take() == "a"
    assert await giving
    taking = asyncio.create_task(handover.take())
    await asyncio.sleep(0)
    assert handover.wanted
    assert await handover.give(None)
    assert await taking is None
    assert len(wanted) == 2


async def test_who_gives_to_somebody_that_went_away_is_told():
    handover = Handover()
    giving = asyncio.create_task(handover.give("a"))
    await asyncio.sleep(0)
    handover.close()
    assert not await giving
    assert not await handover.give("b")
