"""The uplink against a real Mosquitto and a tiny ingest: what leaves the outbox, when, and how often."""

import asyncio
import contextlib
import types
from collections import Counter

import pytest
from msgspec import structs

from edge_agent.channel import Channel
from edge_agent.config import Linger, Server, UplinkSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink, session
from plumbline import ranges
from plumbline.address import Address
from plumbline.errors import CodecError
from plumbline.event import CLASSES, ClockReading, Fix, Scan
from plumbline.ids import new_event_id
from plumbline.mqtt import Connection
from tests.integration.tiny_ingest import TinyIngest, until
from tests.servers import Mosquitto, running

FAST = UplinkSettings(batch_events=10, linger_ms=Linger(business=0, telemetry=0), window=4, resend_after_s=0.3)

#: For tests that look at every copy: what is late on a busy machine is not sent twice.
PATIENT = structs.replace(FAST, resend_after_s=60.0)


def header(n):
    return {
        "id": new_event_id(),
        "site": "s",
        "gateway": "g",
        "device": "d",
        "at": n,
        "clock": ClockReading(quality="ntp", boot="b", mono=n),
        "epoch": "-",
        "seq": 1,
    }


def scan(n):
    return Scan(**header(n), raw=b"%d" % n, text=str(n))


def fix(n):
    return Fix(**header(n), lat=31.2, lon=121.5)


@contextlib.asynccontextmanager
async def sending_to(outbox, urls, settings=FAST, channel=None, **server):
    uplink = Uplink(outbox, server=Server(brokers=urls, **server), settings=settings, channel=channel)
    task = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        uplink.stop()
        done, _ = await asyncio.wait([task], timeout=10)
        task.cancel()
        for ended in done:
            ended.result()


def sending(outbox, url, settings=FAST, channel=None, **server):
    return sending_to(outbox, (url,), settings, channel, **server)


@contextlib.asynccontextmanager
async def watching(url, topic):
    """Somebody else on the broker, who listens to one topic."""
    async with Connection(address=Address.parse(url), client_id=new_event_id()) as connection:
        await connection.subscribe(topic)
        seen = types.SimpleNamespace(connection=connection, payloads=[])

        async def listen() -> None:
            async for message in connection.messages():
                message.ack()
                seen.payloads.append(message.payload)

        task = asyncio.create_task(listen())
        yield seen
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def broker(tmp_path):
    with running(Mosquitto(tmp_path / "broker")) as server:
        yield server


def outbox_at(tmp_path, **options):
    return Outbox(tmp_path / "outbox.db", site="s", gateway="g", **options)


def left(outbox):
    return sum(outbox.stream(name).pending for name in CLASSES)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_every_event_arrives_in_order_and_leaves_when_it_is_committed(broker, tmp_path, version):
    async with (
        outbox_at(tmp_path) as outbox,
        TinyIngest(broker.url, "ingest") as ingest,
        sending(outbox, broker.url, version=version) as uplink,
    ):
        await until(lambda: uplink.connected, "the connection")
        scans = [scan(n) for n in range(1, 61)]
        for n in range(0, 60, 7):
            await outbox.append([*scans[n : n + 7], fix(n + 1)])
        await until(lambda: left(outbox) == 0, "everything to be committed")
        assert ingest.received["business"] == {n: event.id for n, event in enumerate(scans, 1)}
        assert list(ingest.received["telemetry"]) == list(range(1, 10))
        firsts = list(dict.fromkeys(event.seq for event in ingest.copies if event.event_class == "business"))
        assert firsts == sorted(firsts)


async def test_a_broker_that_acknowledges_frees_nothing(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url) as uplink:
        await until(lambda: uplink.connected, "the connection")
        ingest.silent = True
        await outbox.append([scan(n) for n in range(1, 101)])
        await until(lambda: len(ingest.received["business"]) == 40, "the window to fill")
        await until(lambda: len(ingest.copies) >= 60, "its first batch to be sent again")
        copies = Counter(event.seq for event in ingest.copies)
        assert {seq for seq, count in copies.items() if count > 1} == set(range(1, 11)), "one batch asks for all"
        assert uplink.ingest_silent_s > 0
        assert "ingest silent since" in uplink.text()
        assert set(ingest.received["business"]) == set(range(1, 41)), "more than the window was sent without being committed"
        assert outbox.stream("business").pending == 100
        ingest.silent = False
        ingest.commit("business")
        await until(lambda: left(outbox) == 0, "everything to be committed")


async def test_a_lost_watermark_is_made_good_by_sending_again_with_the_same_id_and_number(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
        ingest.silent = True
        await outbox.append([scan(1), scan(2)])
        await until(lambda: len(ingest.received["business"]) == 2, "the first copy")
        ingest.silent = False  # that answer was lost; the next copy is answered
        await until(lambda: left(outbox) == 0, "the events to be committed")
        assert len({event.id for event in ingest.copies}) == 2
        assert len(ingest.copies) >= 4


async def test_only_what_is_missing_is_sent_again(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
        ingest.silent = True
        await outbox.append([scan(n) for n in range(1, 11)])
        await until(lambda: len(ingest.received["business"]) == 10, "the first copies")
        ingest.commit("business", [1, 2, 3, 6, 7])
        await until(lambda: outbox.stream("business").pending == 5, "the partial watermark")
        # copies that were under way when the watermark came may still hold them all; afterwards only the missing ones come
        await until(lambda: [event.seq for event in ingest.copies[-10:]] == [4, 5, 8, 9, 10] * 2, "the missing ones, twice")
        ingest.silent = False
        ingest.commit("business", range(1, 11))
        await until(lambda: left(outbox) == 0, "the rest")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_broker_killed_in_the_middle_loses_nothing(broker, tmp_path, version):
    async with (
        outbox_at(tmp_path) as outbox,
        TinyIngest(broker.url, "ingest") as ingest,
        sending(outbox, broker.url, version=version),
    ):
        for round_ in range(3):
            await outbox.append([scan(round_ * 100 + n) for n in range(100)])
            await until(lambda n=round_: len(ingest.received["business"]) > n * 100, "some to arrive")
            broker.kill()
            await outbox.append([fix(n + 1) for n in range(50)])
            await asyncio.to_thread(broker.start)
        await until(lambda: left(outbox) == 0, "everything to be committed")
        assert set(ingest.received["business"]) == set(range(1, 301))
        assert set(ingest.received["telemetry"]) == set(range(1, 151))


async def test_an_outbox_that_is_opened_again_sends_what_was_not_committed(broker, tmp_path):
    async with TinyIngest(broker.url, "ingest") as ingest:
        async with outbox_at(tmp_path) as outbox, sending(outbox, broker.url):
            await outbox.append([scan(n) for n in range(1, 6)])
            await until(lambda: left(outbox) == 0, "the first five")
            ingest.silent = True
            await outbox.append([scan(n) for n in range(6, 11)])
        ingest.silent = False
        async with outbox_at(tmp_path) as outbox, sending(outbox, broker.url):
            assert outbox.stream("business").pending == 5
            await until(lambda: left(outbox) == 0, "the rest")
        assert set(ingest.received["business"]) == set(range(1, 11))


async def test_what_a_server_lost_is_sent_again_on_request(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url, PATIENT):
        await outbox.append([scan(n) for n in range(1, 41)])
        await until(lambda: left(outbox) == 0, "everything to be committed")
        before, ids = len(ingest.copies), dict(ingest.received["business"])
        ingest.ask("business", (3, 5), (20, 31), (90, 95))
        await until(lambda: len(ingest.copies) >= before + 15, "the replay")
        again = ingest.copies[before:]
        assert [event.seq for event in again] == [3, 4, 5, *range(20, 32)]
        assert all(ids[event.seq] == event.id for event in again)


async def test_what_the_history_no_longer_holds_is_told_as_lost_when_it_is_asked_for(broker, tmp_path):
    async with (
        outbox_at(tmp_path, history_bytes=1) as outbox,
        TinyIngest(broker.url, "ingest") as ingest,
        sending(outbox, broker.url, PATIENT),
    ):
        await outbox.append([scan(n) for n in range(1, 41)])
        await until(lambda: left(outbox) == 0, "everything to be committed")
        copies = len(ingest.copies)
        ingest.ask("business", (3, 5), (20, 31), (90, 95))
        await until(lambda: ingest.lost["business"], "the gateway's word")
        assert ingest.lost["business"] == ((3, 5), (20, 31))
        assert len(ingest.copies) == copies


async def test_what_is_on_its_way_is_neither_repeated_nor_called_lost_when_it_is_asked_for(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
        await outbox.append([scan(1)])
        await until(lambda: left(outbox) == 0, "the first")
        ingest.takes = lambda batch: not batch.header.ranges or batch.header.ranges[0][0] < 2
        await outbox.append([scan(2)])
        ingest.ask("business", (1, 2**63 - 1))
        await until(lambda: len(ingest.copies) >= 2, "the first again")
        ingest.takes = lambda _batch: True
        await until(lambda: left(outbox) == 0, "the second")
        assert ingest.lost["business"] == ()
        assert [event.seq for event in ingest.copies[:2]] == [1, 1]


async def test_a_watermark_of_another_epoch_frees_nothing(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
        ingest.silent = True
        await outbox.append([scan(1)])
        await until(lambda: len(ingest.copies) >= 1, "the event")
        ours, ingest.epoch = ingest.epoch, "20200101T000000Z-00000000"
        ingest.commit("business")
        await until(lambda: len(ingest.copies) >= 3, "it to be sent again")
        assert outbox.stream("business").pending == 1
        ingest.epoch = ours
        ingest.commit("business")
        await until(lambda: left(outbox) == 0, "the right watermark")


async def test_numbers_from_an_older_copy_of_the_disk_are_never_given_twice(broker, tmp_path):
    async with TinyIngest(broker.url, "ingest") as ingest:
        async with outbox_at(tmp_path) as outbox, sending(outbox, broker.url):
            await outbox.append([scan(1)])
            await until(lambda: left(outbox) == 0, "the first")
        copy = (tmp_path / "outbox.db").read_bytes()
        async with outbox_at(tmp_path) as outbox, sending(outbox, broker.url):
            await outbox.append([scan(n) for n in range(2, 5)])
            await until(lambda: left(outbox) == 0, "the next three")
        (tmp_path / "outbox.db").write_bytes(copy)
        old, fresh = ingest.epoch, scan(9)
        async with outbox_at(tmp_path) as outbox:
            assert outbox.epoch == old
            await outbox.append([fresh])
            async with sending(outbox, broker.url):
                await until(lambda: outbox.epoch != old and left(outbox) == 0, "the event to be committed in a new epoch")
        assert list(ingest.received["business"].values()) == [fresh.id]
        ingest.clashes.clear()  # it went out under the old number before the retained watermark had told


async def test_presence_tells_birth_goodbye_and_death(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest:
        async with sending(outbox, broker.url):
            await until(lambda: ingest.presence, "the birth")
            assert (ingest.presence[-1].online, ingest.presence[-1].epoch) == (True, outbox.epoch)
        await until(lambda: not ingest.presence[-1].online, "the goodbye")
        async with sending(outbox, broker.url) as uplink:
            await until(lambda: ingest.presence[-1].online, "the second birth")
            births = len(ingest.presence)
            await uplink._session._connection.abort()
            await until(lambda: not all(said.online for said in ingest.presence[births:]), "the will")


async def test_the_next_broker_is_tried_when_the_first_is_away(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest"):
        uplink = Uplink(outbox, server=Server(brokers=("mqtt://127.0.0.1:1", broker.url)), settings=FAST)
        task = asyncio.create_task(uplink.run())
        await outbox.append([scan(1)])
        await until(lambda: left(outbox) == 0, "the event to be committed")
        uplink.stop()
        await task


async def test_ingest_is_told_what_was_thinned_so_that_nothing_counts_as_missing(broker, tmp_path):
    async with outbox_at(tmp_path, max_bytes=200_000) as outbox:
        for n in range(20):  # an outage
            await outbox.append([fix(n * 100 + i + 1) for i in range(100)])
        thinned = outbox.stream("telemetry").thinned
        assert thinned
        async with TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
            await until(lambda: left(outbox) == 0 and not outbox.stream("telemetry").thinned, "everything to be settled")
            assert ranges.difference(((1, 2000),), ingest.thinned["telemetry"]) == ranges.of(ingest.received["telemetry"])
            assert ingest.thinned["telemetry"] == thinned
            await outbox.append([fix(2001)])
            await until(lambda: 2001 in ingest.received["telemetry"], "what came afterwards")


async def test_what_was_thinned_while_all_else_is_committed_is_told_by_itself(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest:
        ingest.silent = True
        async with sending(outbox, broker.url):
            await outbox.append([fix(n) for n in range(1, 513)])
            await until(lambda: ingest.received["telemetry"], "the first of it")
            outbox._max_bytes = 1
            await outbox.append([scan(1)])
            outbox._max_bytes = 2**40
            assert outbox.stream("telemetry").thinned
            ingest.silent = False
            ingest.commit("telemetry")
            await until(lambda: left(outbox) == 0 and not outbox.stream("telemetry").thinned, "everything to be settled")


async def test_what_is_posted_is_retained_again_after_the_broker_forgot_it_and_what_is_said_is_heard(broker, tmp_path):
    channel, heard = Channel(), []

    def hear(payload: bytes) -> None:
        if payload == b"nonsense":
            raise CodecError("invalid", "it is nonsense")
        heard.append(payload)

    channel.listen("plumbline/v1/s/manifest", hear)
    channel.post("plumbline/v1/s/g/reported", b"before")
    async with outbox_at(tmp_path) as outbox, watching(broker.url, "plumbline/v1/s/g/reported") as watcher:
        async with sending(outbox, broker.url, channel=channel) as uplink:
            await until(lambda: watcher.payloads == [b"before"], "what was posted before")
            channel.post("plumbline/v1/s/g/reported", b"now")
            await until(lambda: watcher.payloads[-1] == b"now", "what was posted since")
            for payload in (b"1", b"nonsense", b"2"):
                await watcher.connection.publish("plumbline/v1/s/manifest", payload, retain=True)
            await until(lambda: heard == [b"1", b"2"], "what the server says")
            broker.kill()
            await until(lambda: not uplink.connected, "the loss of the broker")
        (tmp_path / "broker" / "mosquitto.db").unlink(missing_ok=True)
        broker.start()
        async with sending(outbox, broker.url, channel=channel), watching(broker.url, "plumbline/v1/s/g/reported") as again:
            await until(lambda: again.payloads and again.payloads[-1] == b"now", "what was posted, again")


async def test_when_ingest_comes_back_the_newest_events_go_first_though_the_connection_never_broke(
    broker, tmp_path, monkeypatch
):
    for name, seconds in {"STALE_S": 0.5, "_AFTER_SILENCE_S": 0.8, "_TOO_SLOW_S": 0.2, "_MARK_S": 0.02}.items():
        monkeypatch.setattr(f"edge_agent.uplink.lanes.{name}", seconds)
    settings = UplinkSettings(**{name: getattr(FAST, name) for name in FAST.__struct_fields__} | {"drain_bytes_per_s": 2000})
    async with (
        outbox_at(tmp_path) as outbox,
        TinyIngest(broker.url, "ingest") as ingest,
        sending(outbox, broker.url, settings) as uplink,
    ):
        await until(lambda: uplink.connected, "the connection")
        ingest.silent = True
        for n in range(30):
            await outbox.append([fix(n * 100 + i + 1) for i in range(100)])
            await asyncio.sleep(0.02)  # so that there is something older than the rest
        await until(lambda: uplink.ingest_silent_s > 0.8, "ingest to be missed")
        ingest.silent = False
        await outbox.append([fix(3001)])
        await until(lambda: 3001 in ingest.received["telemetry"], "the newest event")
        assert len(ingest.received["telemetry"]) < 2000, "the backlog went first"
        assert len(uplink._lanes["telemetry"].owed) == 1


async def test_a_business_backlog_is_sent_before_one_of_telemetry_and_tears_one_hole_a_class(broker, tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([fix(n + 1) for n in range(3000)])
        await outbox.append([scan(n + 1) for n in range(500)])
        async with TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
            await until(lambda: outbox.stream("business").pending == 0, "the scans to be committed")
            assert outbox.stream("telemetry").pending > 1000
            await outbox.append([fix(3001), scan(501)])
            await until(lambda: 3001 in ingest.received["telemetry"], "the live reading")
            await until(lambda: left(outbox) == 0, "the rest")
        assert ingest.most_beyond <= 2


async def test_thinned_numbers_are_told_with_the_backlog_around_them_so_that_ingest_never_keeps_many_holes(broker, tmp_path):
    async with outbox_at(tmp_path, max_bytes=1_000_000) as outbox:
        for n in range(200):
            await outbox.append([fix(n * 100 + i + 1) for i in range(100)])
        assert len(outbox.stream("telemetry").thinned) > 4
        async with TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url) as uplink:
            await until(lambda: uplink.connected, "the connection")
            await outbox.append([fix(20_001)])
            await until(lambda: left(outbox) == 0 and not outbox.stream("telemetry").thinned, "everything to be settled")
            held = ranges.union(ranges.of(ingest.received["telemetry"]), ingest.thinned["telemetry"])
            assert held == ((1, 20_001),)
        assert ingest.most_beyond <= 4


async def test_a_server_that_lost_its_database_is_filled_again_unasked(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "_LESS_S", 0.0)
    async with outbox_at(tmp_path) as outbox, TinyIngest(broker.url, "ingest") as ingest, sending(outbox, broker.url):
        ids = [scan(n) for n in range(1, 41)]
        await outbox.append(ids)
        await until(lambda: left(outbox) == 0, "everything to be committed")
        ingest.received = {name: {} for name in CLASSES}
        for n in (41, 42):
            await outbox.append([scan(n)])
            await until(lambda n=n: n in ingest.received["business"], "a new event")
        await until(lambda: set(ingest.received["business"]) == set(range(1, 43)), "what was lost")
        assert {ingest.received["business"][n] for n in range(1, 41)} == {one.id for one in ids}
