"""The messages of a lane in the database: each once, in order, forgotten after both classes have read them."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.util import await_only

from ingest.direct.hold import Hold, LaneLostError
from ingest.direct.messages import Messages
from ingest.direct.tables import direct_gap, direct_message
from ingest.tables import dead_letter
from plumbline.mqtt import Message
from tests.lost_answers import answer_lost

NOW = 1_790_000_000_000_000_000


@pytest.fixture
async def lane(engine):
    return await take(engine, "one")


async def take(engine, worker):
    hold = Hold(engine, "yard", "direct-x", worker, lapse_s=0)
    assert await hold.take()
    messages = Messages(engine, hold, "yard", "direct-x", f"of-{worker}", max_bytes=100, retained=False)
    await messages.open()
    return messages


def message(number, payload=b"ON", *, dup=False, qos=1, topic="t", retain=False):
    return Message(topic, payload, qos, retain, None, number if qos else 0, dup)


async def count(engine, table):
    async with engine.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(table))


async def test_messages_are_kept_once_and_in_order_with_times_of_their_own(engine, lane):
    taken = await lane.keep([message(1), message(2), message(0, qos=0)], NOW)
    assert (taken.messages, taken.redelivered, taken.qos0) == (3, 0, 1)
    kept = await lane.read(0, 10)
    assert [one.payload for one in kept] == [b"ON"] * 3
    assert kept[0].position < kept[1].position < kept[2].position
    assert kept[0].received_at == NOW < kept[1].received_at < kept[2].received_at


async def test_a_group_that_is_tried_again_after_its_commit_is_not_kept_twice(engine, lane):
    group = [message(1), message(0, qos=0)]
    await lane.keep(group, NOW)
    await lane.keep(group, NOW)
    assert await count(engine, direct_message) == 2
    await lane.keep(group, NOW + 1)
    assert await count(engine, direct_message) == 4


async def test_a_group_that_is_tried_again_while_its_commit_still_goes_on_is_not_kept_twice(engine, lane, monkeypatch):
    dialect, going_on = engine.sync_engine.dialect, asyncio.Event()
    commit = dialect.do_commit

    def slow(connection):
        monkeypatch.setattr(dialect, "do_commit", commit)
        await_only(going_on.wait())
        commit(connection)

    async def waits():
        if engine.dialect.name == "sqlite":
            return True
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    group = [message(1), message(0, qos=0)]
    monkeypatch.setattr(dialect, "do_commit", slow)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lane.keep(group, NOW))
        while dialect.do_commit is slow:  # noqa: ASYNC110 - the database decides
            await asyncio.sleep(0)
        tasks.create_task(lane.keep(group, NOW))  # as after a time-out: the server is still at it
        async with asyncio.timeout(120):
            while not await waits():  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)
        going_on.set()
    assert await count(engine, direct_message) == 2


async def test_only_what_the_broker_sends_again_under_the_same_number_is_known(engine, lane):
    await lane.keep([message(1, b"ON"), message(2, b"OFF")], NOW)
    again = [
        message(1, b"ON", dup=True),  # known
        message(1, b"OFF", dup=True),  # another one under its number
        message(3, b"ON", dup=True),  # never came
        message(2, b"OFF"),  # the same said again
    ]
    taken = await lane.keep(again, NOW + 1)
    assert (taken.messages, taken.redelivered) == (3, 1)


async def test_numbers_of_a_session_that_is_gone_mean_nothing(engine, lane):
    await lane.keep([message(1)], NOW)
    await lane.opened(NOW, NOW + 5, kept=True)
    assert (await lane.keep([message(1, dup=True)], NOW + 6)).redelivered == 1
    await lane.opened(NOW + 6, NOW + 9, kept=False)
    assert (await lane.keep([message(1, dup=True)], NOW + 10)).messages == 1
    assert await count(engine, direct_gap) == 2


async def test_a_time_without_a_subscription_that_was_recorded_unheard_counts_once(engine, lane):
    with answer_lost(engine) as lost, pytest.raises(TimeoutError):
        await lane.opened(NOW, NOW + 5, kept=True)
    assert lost
    await lane.opened(NOW, NOW + 5, kept=True)
    assert await count(engine, direct_gap) == 1


async def test_what_gateways_publish_is_passed_over_and_what_is_too_large_is_a_letter(engine, lane):
    taken = await lane.keep([message(1, topic="plumbline/v1/yard/gw/presence"), message(2, b"x" * 101)], NOW)
    assert taken.messages == 1
    assert await lane.read(0, 10) == []
    assert await count(engine, dead_letter) == 1


async def test_a_message_is_forgotten_once_both_classes_have_read_it(engine, lane):
    await lane.keep([message(i) for i in range(1, 4)], NOW)
    last = (await lane.read(0, 10))[-1].position
    for event_class, left in (("business", 3), ("telemetry", 0)):
        async with engine.begin() as connection:
            assert await lane.move(connection, event_class, 0, last)
        assert await count(engine, direct_message) == left
    async with engine.begin() as connection:
        assert not await lane.move(connection, "business", 0, last)
    assert await lane.place("business") == last


async def test_whoever_lost_the_lane_writes_nothing_any_more(engine, lane):
    other = await take(engine, "two")
    with pytest.raises(LaneLostError):
        await lane.keep([message(1)], NOW)
    with pytest.raises(LaneLostError):
        async with engine.begin() as connection:
            await lane.move(connection, "business", 0, 1)
    assert (await other.keep([message(1)], NOW)).messages == 1
