"""Tracking publishes what a site expects: on a real Mosquitto, retained, again whenever it changes."""

import asyncio
import contextlib
import time

import msgspec
import pytest
import structlog

from ingest.registry.sites import Registry
from plumbline import manifest, topics
from plumbline.address import Address
from plumbline.compression import compressed
from plumbline.ids import new_epoch
from plumbline.manifest import Manifest
from plumbline.mqtt import Connection
from plumbline.site import Device
from tests import tracking_site as site
from tests.servers import Mosquitto, running
from tracking_service.document import OrderDocument
from tracking_service.intake import Intake
from tracking_service.manifest import content
from tracking_service.manifest_publisher import ManifestPublisher, pause_s
from tracking_service.orders import import_order

OTHER = "airport"


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def imported(engine, document) -> frozenset[str]:
    async with engine.begin() as connection:
        done = await import_order(connection, OrderDocument.model_validate(document), sites={}, zones={}, now=time.time_ns())
    return done.outcome.orders


async def taken_in(engine, *events) -> None:
    await site.post(engine, *events)
    intake = Intake(engine=engine, sites=site.SITES)
    while await intake.take():
        pass


@contextlib.asynccontextmanager
async def publishing(engine, url, sites=site.SITES):
    publisher = ManifestPublisher(engine=engine, sites=sites, broker=url)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def listening(url, name=site.SITE):
    async with Connection(address=Address.parse(url), client_id=f"gateway-{new_epoch()}") as connection:
        await connection.subscribe(topics.manifest(name))

        async def next_manifest(wanted=lambda _: True) -> Manifest:
            async for message in connection.messages():
                message.ack()
                found = manifest.decode(message.payload, site=name)
                if wanted(found):
                    return found
            raise AssertionError

        yield lambda wanted=lambda _: True: asyncio.wait_for(next_manifest(wanted), 60)


@pytest.fixture
def broker(tmp_path):
    with running(Mosquitto(tmp_path / "broker")) as server:
        yield server


def lines(found: Manifest):
    return {f"{order.number}/{line.line}": line for order in found.orders for line in order.lines}


async def test_a_manifest_says_what_is_expected_what_is_here_and_what_belongs_elsewhere(engine):
    document = site.order()
    document["lines"][1] |= {"certificate_required": True, "certificates": [{"batch": "LOT7", "document": "3.1 no. 88"}]}
    await imported(engine, document)
    await imported(
        engine,
        site.order(number="PO-9", site=OTHER, deliveries=[{"sscc": "095060001343000014", "line": "10", "quantity": 1}]),
    )
    twice = site.beam(1)
    loose = site.scan("any", [("01", site.GTIN), ("10", "LOT7")])
    pallet = site.scan("any", [("00", site.SSCC)])
    await taken_in(engine, twice, site.beam(1), loose, pallet, site.scan("nobody's"))
    worker = Device(id="li-na", title_en="Li Na", title_zh="李娜", kind="person", codes=("B-77",))
    file = site.SiteFile(**{f: getattr(site.site, f) for f in site.site.__struct_fields__} | {"devices": (worker,)})
    async with engine.connect() as connection:
        found = await content(connection, site.SITE, file)
    by_line = {line.line: line for line in found.orders[0].lines}
    assert [order.number for order in found.orders] == ["PO-1"]
    assert (by_line["10"].arrived, by_line["10"].pieces) == ("1", ("label:10/1",))
    assert (by_line["20"].arrived, by_line["20"].pieces, by_line["20"].certificates) == ("1", (), ("LOT7",))
    assert (by_line["30"].arrived, by_line["30"].pieces) == ("8", (f"sscc:{site.SSCC}",))
    assert found.counted == (loose.id[-12:],)
    assert [(unit.sscc, unit.line, unit.quantity) for unit in found.units] == [(site.SSCC, "30", "8")]
    assert [(one.site, one.orders, one.gtins, one.ssccs) for one in found.elsewhere] == [
        (OTHER, {"PO-9": ("10", "20", "30")}, (site.GTIN,), ("095060001343000014",))
    ]
    assert [(one.code, one.kind, one.title_zh) for one in found.known] == [("B-77", "person", "李娜")]


async def test_a_gateway_that_comes_hears_the_manifest_and_each_change_with_a_higher_version(engine, broker):
    await imported(engine, site.order())
    async with publishing(engine, broker.url) as publisher:
        async with listening(broker.url) as heard:
            first = await heard()
            assert set(lines(first)) == {"PO-1/10", "PO-1/20", "PO-1/30"}
            await taken_in(engine, site.beam(3))
            publisher.changed({"PO-1"})
            second = await heard(lambda found: lines(found)["PO-1/10"].arrived == "1")
            assert second.version > first.version
            assert second.epoch == first.epoch
        async with listening(broker.url) as heard:
            assert (await heard()).version == second.version


async def test_an_order_that_another_process_imports_is_noticed(engine, broker, monkeypatch):
    monkeypatch.setattr("tracking_service.manifest_publisher._LOOK_EVERY_S", 0.05)
    async with publishing(engine, broker.url), listening(broker.url) as heard:
        assert (await heard()).orders == ()
        await imported(engine, site.order())
        assert lines(await heard(lambda found: bool(found.orders)))


async def test_two_services_on_one_database_publish_side_by_side(engine, broker):
    await imported(engine, site.order())
    with structlog.testing.capture_logs() as logs:
        async with (
            publishing(engine, broker.url) as one,
            publishing(engine, broker.url) as other,
            listening(broker.url) as heard,
        ):
            for piece in range(4):
                await taken_in(engine, site.beam(piece))
                for publisher in (one, other):
                    publisher.changed({"PO-1"})
                await heard(
                    lambda found, there=str(piece + 1): lines(found).get("PO-1/10") and lines(found)["PO-1/10"].arrived == there
                )
    assert [entry["event"] for entry in logs if entry["log_level"] in ("warning", "error")] == []


async def test_an_older_word_of_the_other_service_does_not_stand(engine, broker):
    await imported(engine, site.order())
    async with publishing(engine, broker.url), listening(broker.url) as heard:
        first = await heard()
        stale = compressed(manifest.encode(msgspec.structs.replace(first, version=first.version - 1)))
        async with Connection(address=Address.parse(broker.url), client_id="other") as connection:
            await connection.publish(topics.manifest(site.SITE), stale, retain=True)
            assert (await heard(lambda found: found.version < first.version)).version == first.version - 1
            assert (await heard()).version == first.version


async def test_a_broker_that_lost_everything_is_told_again(engine, tmp_path):
    await imported(engine, site.order())
    first = Mosquitto(tmp_path / "first")
    with running(first):
        async with publishing(engine, first.url):
            async with listening(first.url) as heard:
                before = await heard()
            first.kill()
            with running(Mosquitto(tmp_path / "second", port=first.port)) as second:
                async with listening(second.url) as heard:
                    after = await heard()
    assert (after.epoch, after.version, after.orders) == (before.epoch, before.version, before.orders)


async def test_sites_are_published_apart(engine, broker):
    other = site.SiteFile(**{f: getattr(site.site, f) for f in site.site.__struct_fields__} | {"id": OTHER})
    await imported(engine, site.order())
    async with publishing(engine, broker.url, {**site.SITES, OTHER: other}):
        async with listening(broker.url) as heard:
            assert [one.number for one in (await heard()).orders] == ["PO-1"]
        async with listening(broker.url, OTHER) as heard:
            found = await heard()
            assert found.orders == ()
            assert [one.site for one in found.elsewhere] == [site.SITE]


async def test_what_is_added_to_the_site_files_is_published_without_a_restart(engine, broker, monkeypatch):
    monkeypatch.setattr("tracking_service.manifest_publisher._LOOK_EVERY_S", 0.05)
    sites = Registry(site.SITES)
    await imported(engine, site.order(number="PO-9", site=OTHER))
    async with publishing(engine, broker.url, sites), listening(broker.url, OTHER) as other, listening(broker.url) as mine:
        await mine()
        worker = Device(id="li-na", title_en="Li Na", title_zh="李娜", kind="person", codes=("B-77",))
        sites.replace(
            {
                site.SITE: msgspec.structs.replace(site.site, devices=(worker,)),
                OTHER: msgspec.structs.replace(site.site, id=OTHER),
            }
        )
        assert [order.number for order in (await other()).orders] == ["PO-9"]
        await mine(lambda found: [one.code for one in found.known] == ["B-77"])


async def test_a_database_set_back_does_not_set_the_version_back(engine, broker):
    """What the broker still holds is passed, even by a server whose clock is wrong."""
    await imported(engine, site.order())
    async with engine.connect() as connection:
        found = await content(connection, site.SITE, site.site)
    ahead = Manifest(site=site.SITE, epoch="old", version=2**50, digest="0" * 64, at=1, orders=found.orders)
    async with Connection(address=Address.parse(broker.url), client_id="before") as connection:
        await connection.publish(topics.manifest(site.SITE), manifest.encode(ahead), retain=True)
    async with listening(broker.url) as heard:
        assert (await heard()).version == 2**50
        async with publishing(engine, broker.url):
            assert (await heard(lambda found: found.version > 2**50)).epoch != "old"


@pytest.mark.parametrize(("size", "seconds"), [(0, 1), (20_000, 1), (200_000, 10), (4_000_000, 120)])
def test_the_next_manifest_leaves_the_link_time_for_the_last(size, seconds):
    assert pause_s(size) == seconds
