"""An agent whose clock wakes up in 1970: by a receiver on its line, or by a time server, everything is dated right in the end."""

import asyncio
import contextlib
import os
import time

import pytest

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.examination import examine
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink
from plumbline import clock_set, topics
from plumbline.clock import EventClock, boot_id
from plumbline.discipline import EARLIEST_NS
from plumbline.event import CLASSES, Fix, Health
from plumbline.mqtt import Connection
from tests.integration.tiny_ingest import TinyIngest, until
from tests.unit.edge_agent.outbox_events import event

S = 10**9

SETTINGS = """
site = "s"
gateway = "g"
[server]
brokers = ["{url}"]
[uplink]
linger_ms = {{ business = 0, telemetry = 0 }}
[health]
every_s = 0.2
[[reader]]
type = "nmea"
name = "crane"
port = "{port}"
interval_s = 0
"""


@contextlib.contextmanager
def terminal():
    """A serial line: our end, and the name of the reader's."""
    ours, theirs = os.openpty()
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def cycle(utc_s):
    """The sentences of one cycle of a receiver."""
    moment = time.gmtime(utc_s)
    clock = time.strftime("%H%M%S", moment) + f".{int(utc_s * 100) % 100:02d}"
    bodies = (
        f"GPGGA,{clock},3114.000,N,12130.000,E,1,09,0.9,10.0,M,8.0,M,,",
        f"GPRMC,{clock},A,3114.000,N,12130.000,E,0.0,0.0,{time.strftime('%d%m%y', moment)},,,A",
    )
    lines = []
    for body in bodies:
        checksum = 0
        for byte in body.encode():
            checksum ^= byte
        lines.append(f"${body}*{checksum:02X}\r\n")
    return "".join(lines).encode()


@contextlib.asynccontextmanager
async def receiver(line, utc_s=time.time):
    """A receiver that has a fix, five times a second."""

    async def speak():
        while True:
            os.write(line, cycle(utc_s()))
            await asyncio.sleep(0.2)  # the receiver's own cycle

    task = asyncio.create_task(speak())
    yield
    task.cancel()


@contextlib.asynccontextmanager
async def running(path, clock):
    stop = asyncio.Event()
    agent = Agent(config.load(path), clock=clock)
    task = asyncio.create_task(agent.run(stop))
    try:
        yield agent
    finally:
        stop.set()
        await asyncio.wait_for(task, 120)


def configured(tmp_path, url, port):
    path = tmp_path / "gateway.toml"
    path.write_text(SETTINGS.format(url=url, port=port))
    return path


async def test_a_gateway_in_1970_without_a_time_server_takes_the_time_from_its_receiver(mosquitto, tmp_path):
    began_ns = time.time_ns()
    clock = EventClock(wall_ns=lambda: 5 * S, quality=lambda: "free")
    with terminal() as (line, port):
        async with (
            TinyIngest(mosquitto.url, "clocked-ingest") as ingest,
            running(configured(tmp_path, mosquitto.url, port), clock),
        ):
            await until(lambda: ingest.health, "a first word")
            first = ingest.health[0]
            assert (first.clock.quality, first.clock.unset) == ("free", True)
            assert first.at >= EARLIEST_NS
            async with receiver(line):
                await until(lambda: ingest.health[-1].texts["clock"] == "gps", "the receiver's time")
                await until(lambda: ingest.health[-1].clock.quality == "gps", "a stamp by it")
            last = ingest.health[-1]
            assert abs(last.at - time.time_ns()) < 10 * S
            assert last.values["clock_gps_offset_s"] == pytest.approx((5 * S - last.at) / S, abs=5)
            kept = {event.id: event for event in ingest.copies}.values()
            assert any(isinstance(event, Fix) and event.clock.quality == "gps" for event in kept)
            numbers = sorted(event.seq for event in kept)
            assert numbers == list(range(1, len(numbers) + 1))
            async with Connection(address=ingest.address, client_id="clocked-office") as office:
                await office.subscribe(topics.clock("s", "g"))
                message = await anext(aiter(office.messages()))
            (boot,) = clock_set.decode(message.payload).boots
            assert (boot.boot, boot.quality) == (boot_id(), "gps")
            right = first.clock.mono + boot.offset_ns
            assert began_ns - 2 * S <= right <= last.at


async def test_events_leave_when_they_need_not_wait_for_the_time_any_more(mosquitto, tmp_path):
    held = {"business": 3600.0, "telemetry": 3600.0}
    settings = config.UplinkSettings(linger_ms=config.Linger(business=0, telemetry=0))
    async with TinyIngest(mosquitto.url, "held-ingest") as ingest, Outbox(tmp_path / "o.db", site="s", gateway="g") as outbox:
        uplink = Uplink(outbox, server=config.Server(brokers=(mosquitto.url,)), settings=settings, hold_s=held.__getitem__)
        task = asyncio.create_task(uplink.run())
        await outbox.append([event(n, name) for n in range(3) for name in CLASSES])
        await until(lambda: uplink.connected, "the connection")
        held["telemetry"] = 0.0
        await until(lambda: len(ingest.received["telemetry"]) == 3, "telemetry")
        assert not ingest.received["business"]
        held["business"] = 0.0
        await until(lambda: len(ingest.received["business"]) == 3, "business")
        uplink.stop()
        await task


async def test_what_waited_while_the_broker_was_away_leaves_with_the_right_time(mosquitto, tmp_path):
    synced = []
    clock = EventClock(
        wall_ns=lambda: time.time_ns() if synced else 5 * S, quality=lambda: "ntp" if synced else "free", boot="this"
    )
    with terminal() as (_, port):
        path = configured(tmp_path, mosquitto.url, port)
        away = tmp_path / "away.toml"
        away.write_text(path.read_text().replace(mosquitto.url, "mqtt://127.0.0.1:9"))
        async with running(away, clock) as agent:
            opened = agent.outbox
            await until(lambda: hasattr(opened, "_file") and opened.stream("telemetry").last >= 3, "events of 1970")
        before = agent.outbox.stream("telemetry").last
        synced.append(True)
        async with TinyIngest(mosquitto.url, "waited-ingest") as ingest, running(path, clock) as agent:
            await until(lambda: len(ingest.received["telemetry"]) > before, "everything")
            kept = {event.seq: event for event in ingest.copies if isinstance(event, Health)}
            corrected = {seq: event for seq, event in kept.items() if event.clock.original is not None}
            assert set(range(1, before + 1)) <= corrected.keys()
            for event in corrected.values():
                assert event.clock.quality == "ntp"
                assert event.clock.original < time.time_ns() - 86_400 * S
                assert abs(event.at - time.time_ns()) < 120 * S
            times = [kept[seq].at for seq in sorted(kept)]
            assert times == sorted(set(times))


async def test_the_check_says_when_the_clock_lies_before_a_time_that_has_passed(tmp_path, monkeypatch):
    path = tmp_path / "gateway.toml"
    path.write_text('site = "s"\ngateway = "g"\n[server]\nbrokers = ["mqtt://127.0.0.1:9"]\n')
    monkeypatch.setattr("plumbline.clock.system_quality", lambda: "free")

    async def found():
        async for one in examine(config.load(path), patience_s=0.1):
            if one.what == "clock":
                return one
        return None

    assert "nobody vouches for it" in (await found()).text
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clock.json").write_text('{"passed_ns": 4000000000000000000, "known": true}')
    finding = await found()
    assert finding.verdict == "warning"
    assert "is not set: 2096" in finding.text
