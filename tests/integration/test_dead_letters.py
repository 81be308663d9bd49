"""Poison of every kind between good messages: the good ones arrive, the poison is kept, and comes in once its cause is mended."""

import asyncio
import contextlib
import time
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from ingest import IngestService, deadletters
from ingest.ledger.report import report
from ingest.patience import Patience
from ingest.registry.reload import Watcher
from ingest.series import open_store
from ingest.tables import dead_letter
from plumbline import codec, topics
from plumbline.address import Address
from plumbline.inbox import inbox
from plumbline.mqtt import Connection
from plumbline.series import Point
from tests.batches import NOON, SECOND, batch, fix, reading, scan
from tests.servers import Mosquitto, running

SITE = """id = "{id}"
title_en = "Yard"
title_zh = "工地"
timezone = "Asia/Shanghai"
lat = 31.2
lon = 121.4
unknown_devices = "{unknown}"
"""
DEVICE = '[[devices]]\nid = "{id}"\ntitle_en = "x"\ntitle_zh = "x"\nkind = "machine"\n'
KNOWN = "".join(DEVICE.format(id=name) for name in ("scanner", "node", "crane"))
YARD = SITE.format(id="yard", unknown="set_aside") + "[budgets]\nmeasurements = 2\n" + KNOWN
HOUR = 3600 * SECOND


@pytest.fixture
def broker(tmp_path: Path):
    with running(Mosquitto(tmp_path / "broker")) as server:
        yield server


@pytest.fixture
async def store(influxdb, influx_database):
    store = await open_store(f"influx:{influxdb.url}/{influx_database}")
    yield store
    await store.aclose()


async def until(condition, what):
    """Wait for what happens in servers."""
    try:
        async with asyncio.timeout(120):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited for {what}") from None


@contextlib.asynccontextmanager
async def serving(broker, engine, store, folder):
    watcher = Watcher([folder], every_s=0.05)
    service = IngestService(
        broker=broker.url,
        engine=engine,
        store=store,
        sites=watcher.registry,
        watcher=watcher,
        worker="w",
        metrics_port=0,
        patience=Patience(first_s=0.01, cap_s=0.05),
        clock=lambda: NOON + HOUR,
    )
    task = asyncio.create_task(service.run())

    async def receives():  # else the broker drops what is sent now, and the numbers come in another order
        if not service.port:
            return False
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{service.port}/ready")).is_success

    try:
        await until(receives, "the service to receive")
        yield service
    finally:
        service.stop()
        await asyncio.wait_for(task, 120)


async def send(broker, messages, engine, streams):
    """As gateways do: all again until the ledger has every number."""

    async def settled():
        async with Connection(address=Address.parse(broker.url), client_id="gateways", inbound=1000) as link:
            for topic, payload in messages:
                await link.publish(topic, payload)
        found = {(s.site, s.event_class): s.watermark for s in await report(engine)}
        return all(found.get(place, 0) >= upto for place, upto in streams.items())

    await until(settled, f"the ledger to have {streams}")


def spoilt(message, *changes):
    topic, payload = message
    for old, new in changes:
        assert old in payload
        payload = payload.replace(old, new)
    return topic, payload


def changed(event, **fields):
    return msgspec.structs.replace(event, **fields)


def business():
    """Ten numbers of the class business: five good, five not."""
    return [
        batch([scan(1), changed(scan(2), device="scaner"), scan(3)]),
        spoilt(batch([scan(4), scan(5)]), (b'"text":"x5"', b'"text":5')),
        spoilt(
            batch([scan(6), scan(7)]),
            (b'"kind":"scan","id":"%b"' % scan(7).id.encode(), b'"kind":"glance","id":"%b"' % scan(7).id.encode()),
        ),
        batch([changed(scan(8), at=NOON + 40 * 24 * HOUR), scan(9)]),
        spoilt(batch([scan(10)]), (b'"seq":10', b'"seq":10,"v":9')),
    ]


def telemetry():
    """Eight numbers of the class telemetry: five good, one that is refused by the store and two by us."""
    return [
        batch([fix(1), reading(2), changed(reading(3), measurement="heat")]),
        batch([reading(4), changed(reading(5), measurement="clash")]),
        batch([changed(reading(6), measurement="third"), fix(7), changed(reading(8), values={"pm2_5": 8.0})]),
    ]


WHOLE = [
    (topics.events("yard", "gw", "business"), b"\xff\x00nonsense"),
    (topics.events("yard", "other", "business"), batch([scan(1)])[1]),
    (topics.events("yard", "gw", "telemetry"), b'"' + b"x" * (codec.MAX_BATCH_BYTES + 1)),
    batch([scan(20_000_000_000_000, at=NOON)]),
]


async def reasons(engine, **choice):
    found: dict[str, int] = {}
    for pile in await deadletters.overview(engine, **choice):
        found[pile.reason] = found.get(pile.reason, 0) + pile.letters
    return found


async def test_poison_of_every_reason_is_kept_and_comes_in_exactly_once_when_its_cause_is_mended(  # noqa: PLR0917 - fixtures
    broker, engine, store, influxdb, influx_database, tmp_path
):
    folder = tmp_path / "sites"
    folder.mkdir()
    (folder / "yard.toml").write_text(YARD)
    clash = msgspec.structs.replace(scan(1), device="node")
    await store.write([_text_point("clash", clash)])
    messages = [*business(), *WHOLE, *telemetry(), *business(), batch([scan(1, site="moon"), scan(2, site="moon")])]
    async with serving(broker, engine, store, folder):
        await send(broker, messages, engine, {("yard", "business"): 10, ("yard", "telemetry"): 8, ("moon", "business"): 2})
        expected = {"unknown_device": 1, "invalid": 1, "unknown_kind": 1, "clock_ahead": 1, "newer_version": 1}
        expected |= {"reserved_name": 1, "point_refused": 1, "over_budget": 1, "unknown_site": 2}
        expected |= {"not_json": 1, "misplaced": 1, "too_large": 1, "leap": 1}

        async def all_kept():
            return await reasons(engine) == expected

        await until(all_kept, f"{expected}")  # whole messages count in no stream: some may still be on their way
        counts = {(s.site, s.event_class): (s.received, s.dead, s.missing) for s in await report(engine)}
        assert counts == {("yard", "business"): (5, 5, 0), ("yard", "telemetry"): (6, 2, 0), ("moon", "business"): (0, 2, 0)}
        payloads = {row["reason"]: row["payload"] for row in await letters(engine)}
        assert codec.decode_event(payloads["unknown_device"]).device == "scaner"
        assert payloads["not_json"] == b"\xff\x00nonsense"
        assert len(payloads["too_large"]) == 256 * 1024

        # every cause that can be mended is mended
        (folder / "moon.toml").write_text(SITE.format(id="moon", unknown="take"))
        (folder / "yard.toml").write_text(YARD.replace("= 2\n", "= 9\n") + DEVICE.format(id="scaner"))
        drop = {"db": influx_database, "q": "DROP MEASUREMENT clash"}
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(f"{influxdb.url}/query", data=drop)).raise_for_status()
        for row in await letters(engine):
            mended = {
                "invalid": lambda one: one.replace(b'"text":5', b'"text":"x5"'),
                "newer_version": lambda one: one.replace(b',"v":9', b""),
                "clock_ahead": lambda one: codec.encode(changed(codec.decode_event(one), at=NOON + 8 * SECOND)),
                "reserved_name": lambda one: one.replace(b'"heat"', b'"environment"'),
            }.get(row["reason"])
            if mended is not None:
                await deadletters.correct(engine, row["id"], mended(row["payload"]), now=1)

        async def moon_is_in():
            return "unknown_site" not in await reasons(engine)

        await until(moon_is_in, "the late site's letters")  # unasked; and the registry is the new one by now
        assert await deadletters.drop(engine, reason="leap") == 1  # nobody vouches for its numbers
        for _ in range(2):
            numbers = await deadletters.asked(engine, now=time.time_ns())

            async def done(numbers=numbers):
                return not (await deadletters.progress(engine, numbers)).waiting

            await until(done, "the replay")
        assert await reasons(engine) == {"unknown_kind": 1, "not_json": 1, "misplaced": 1, "too_large": 1}
        streams = {(s.site, s.event_class): s for s in await report(engine)}
        assert (streams["yard", "telemetry"].received, streams["yard", "telemetry"].dead) == (8, 0)
        assert (streams["moon", "business"].received, streams["moon", "business"].dead) == (2, 0)
        yard = streams["yard", "business"]
        assert (yard.received, yard.dead, yard.watermark, yard.missing) == (9, 1, 10, 0)

        async def projected():
            found = await store.latest("yard", "scan", 0)
            return {row.device for row in found} == {"scanner", "scaner"}

        await until(projected, "the points")
    async with engine.connect() as connection:
        by_site = dict(
            (
                await connection.execute(
                    select(inbox.c.site, func.count()).where(inbox.c.kind == "scan").group_by(inbox.c.site)
                )
            ).all()
        )
    assert by_site["moon"] == 2
    assert by_site["yard"] == yard.received
    assert {row.fields["pm2_5"] for row in await store.latest("yard", "clash", 0)} == {17.0}
    assert {row.fields["pm2_5"] for row in await store.latest("yard", "third", 0)} == {18.0}


async def test_readiness_and_metrics_tell_of_a_mistake_in_a_site_file_and_the_work_goes_on(broker, engine, store, tmp_path):
    folder = tmp_path / "sites"
    folder.mkdir()
    (folder / "yard.toml").write_text(YARD)
    async with serving(broker, engine, store, folder) as service, httpx.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{service.port}"

        async def said(mistake):
            return mistake == bool((await client.get(f"{url}/ready")).json()["site_files"]["mistake"])

        await until(lambda: said(False), "an answer")
        (folder / "yard.toml").write_text(YARD.replace("Asia", "Atlantis"))
        await until(lambda: said(True), "the mistake")
        ready = await client.get(f"{url}/ready")
        assert "yard.toml: timezone: 'Atlantis/Shanghai' is not an IANA zone" in ready.json()["site_files"]["mistake"]
        assert "plumbline_ingest_site_files_wrong 1.0" in (await client.get(f"{url}/metrics")).text
        await send(broker, [batch([scan(1)])], engine, {("yard", "business"): 1})
        assert (await report(engine))[0].received == 1
        (folder / "yard.toml").write_text(YARD)
        await until(lambda: said(False), "the end of it")


async def letters(engine):
    async with engine.connect() as connection:
        return (await connection.execute(select(dead_letter).where(dead_letter.c.replayed_at.is_(None)))).mappings().all()


def _text_point(measurement, event):
    return Point(measurement, {"site": "yard", "device": event.device}, {"pm2_5": "a text"}, event.at)
