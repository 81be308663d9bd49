"""Several brokers, canaries, and an ingest that misbehaves: real Mosquittos and a tiny ingest."""

import asyncio
import random
import signal

import pytest
from msgspec import structs

from edge_agent.config import Linger, UplinkSettings
from edge_agent.outbox import Outbox
from plumbline import topics
from plumbline.event import CLASSES
from tests.batches import reading, scan
from tests.integration.test_uplink import FAST, sending_to
from tests.integration.tiny_ingest import TinyIngest, until
from tests.servers import Mosquitto, free_port, running
from tests.weak_link import WeakLink

CANARY = UplinkSettings(
    batch_events=10, linger_ms=Linger(business=0, telemetry=0), resend_after_s=0.5, canary_every_s=0.1, canary_patience_s=1.0
)
#: For tests in which no canary is lost: one that is late on a busy machine makes no new connection.
PATIENT = structs.replace(CANARY, canary_patience_s=60.0)


def scans(first, last):
    return [scan(n, site="s", gateway="g") for n in range(first, last + 1)]


def outbox_at(tmp_path):
    return Outbox(tmp_path / "outbox.db", site="s", gateway="g")


def left(outbox):
    return sum(outbox.stream(name).pending for name in CLASSES)


async def test_a_refusing_broker_costs_no_time_and_the_preferred_one_is_gone_home_to(tmp_path):
    preferred, lesser = Mosquitto(tmp_path / "one", free_port()), Mosquitto(tmp_path / "two")
    with running(lesser):
        async with (
            outbox_at(tmp_path) as outbox,
            TinyIngest(lesser.url, "ingest") as ingest,
            sending_to(outbox, (preferred.url, lesser.url), PATIENT, home_every_s=0.5) as uplink,
        ):
            await outbox.append(scans(1, 5))
            await until(lambda: left(outbox) == 0, "the events, over the lesser broker")
            assert uplink.rank == 1
            assert "the 2. of the list" in uplink.text()
            before = dict(ingest.received["business"])
            with running(preferred):
                async with TinyIngest(preferred.url, "ingest") as home:
                    await until(lambda: uplink.rank == 0, "the way home")
                    await outbox.append(scans(6, 9))
                    await until(lambda: left(outbox) == 0, "the events, over the preferred broker")
                    assert set(before) | set(home.received["business"]) == set(range(1, 10))
                    connections = uplink.connections
            await until(lambda: uplink.rank == 1, "the lesser broker again")
            await outbox.append(scans(10, 12))
            await until(lambda: left(outbox) == 0, "what came when the preferred one was lost")
            assert uplink.connections > connections


async def test_a_broker_that_accepts_and_says_nothing_is_passed_over(tmp_path):
    silent = await asyncio.start_server(lambda _in, _out: asyncio.sleep(60), "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    with running(Mosquitto(tmp_path / "broker")) as broker:
        async with (
            outbox_at(tmp_path) as outbox,
            TinyIngest(broker.url, "ingest"),
            sending_to(outbox, (url, broker.url), FAST) as uplink,
        ):
            await outbox.append(scans(1, 5))
            await until(lambda: left(outbox) == 0, "the events")
            assert uplink.rank == 1
    silent.close()


def with_rules(folder, rules):
    """A broker whose access rules a test may change (SIGHUP reads them again)."""
    server = Mosquitto(folder)
    path = folder / "acl"
    path.write_text(rules)
    settings = folder / "mosquitto.conf"
    settings.write_text(settings.read_text() + f"acl_file {path}\n")
    return server, path


ALL = "topic readwrite #\n"
NO_CANARY = f"topic deny {topics.canary('s', 'g')}\n{ALL}"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_subscription_that_dies_under_a_living_connection_is_noticed_and_made_anew(tmp_path, version):
    server, rules = with_rules(tmp_path / "broker", ALL)
    with running(server):
        async with (
            outbox_at(tmp_path) as outbox,
            TinyIngest(server.url, "ingest"),
            sending_to(outbox, (server.url,), CANARY, version=version) as uplink,
        ):
            await until(lambda: uplink._place is not None and uplink._place.proven, "the first canary")
            connections = uplink.connections
            rules.write_text(f"topic write {topics.canary('s', 'g')}\ntopic write #\n")
            server.process.send_signal(signal.SIGHUP)
            await until(lambda: uplink.canaries_lost > 0, "a canary to be missed")
            rules.write_text(ALL)
            server.process.send_signal(signal.SIGHUP)
            await until(lambda: uplink.connections > connections, "a new connection")
            await outbox.append(scans(1, 5))
            await until(lambda: left(outbox) == 0, "the events")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_access_rules_that_know_no_canary_cost_the_proof_and_nothing_else(tmp_path, version):
    server, _ = with_rules(tmp_path / "broker", NO_CANARY)
    with running(server):
        async with (
            outbox_at(tmp_path) as outbox,
            TinyIngest(server.url, "ingest"),
            sending_to(outbox, (server.url,), CANARY, version=version) as uplink,
        ):
            await outbox.append(scans(1, 5))
            await until(lambda: left(outbox) == 0, "the events")
            await until(lambda: "without proof of the subscription" in uplink.text(), "what health says")
            connections = uplink.connections
            await outbox.append(scans(6, 50))
            await until(lambda: left(outbox) == 0, "more events")
            assert uplink.connections == connections <= 2


async def test_batches_that_the_access_rules_forbid_are_sent_again_and_block_nothing_for_good(tmp_path):
    server, rules = with_rules(tmp_path / "broker", f"topic deny {topics.events('s', 'g', 'telemetry')}\n{ALL}")
    with running(server):
        async with outbox_at(tmp_path) as outbox, TinyIngest(server.url, "ingest"):
            await outbox.append([*scans(1, 3), *(reading(n, site="s", gateway="g") for n in range(1, 2001))])
            async with sending_to(outbox, (server.url,), FAST) as uplink:  # no canary that is late makes a new connection
                await until(lambda: outbox.stream("business").pending == 0, "the scans")
                await until(lambda: uplink.resent > 2, "the readings to be tried again")
                assert outbox.stream("telemetry").pending == 2000
                rules.write_text(ALL)
                server.process.send_signal(signal.SIGHUP)
                await until(lambda: left(outbox) == 0, "the readings")
                assert uplink.connections == 1


class Moody(TinyIngest):
    """Loses batches, takes some twice, forgets to answer, and answers late with what was true before."""

    def __init__(self, url, seed) -> None:
        super().__init__(url, "moody")
        self.random = random.Random(seed)
        self.calm = False
        self.stale = []

    def takes(self, _batch):
        return self.calm or self.random.random() > 0.2

    def commit(self, event_class, numbers=None):
        mood = 1.0 if self.calm else self.random.random()
        if numbers is None and mood < 0.25:
            self.stale.append((event_class, list(self.received[event_class])))
            return
        super().commit(event_class, numbers)
        if mood < 0.4 and self.stale:  # an old watermark, behind a newer one
            super().commit(*self.stale.pop(self.random.randrange(len(self.stale))))
        if mood > 0.9 and not self.calm and self.received[event_class]:
            newest = max(self.received[event_class])
            self.ask(event_class, (self.random.randint(1, newest), newest + 5))


@pytest.mark.parametrize("seed", range(1, 5))
async def test_everything_arrives_under_its_number_whatever_ingest_and_the_link_do(tmp_path, seed):
    chance = random.Random(seed)
    settings = UplinkSettings(
        batch_events=20,
        linger_ms=Linger(business=0, telemetry=0),
        window=3,
        resend_after_s=0.2,
        canary_every_s=0.2,
        drain_bytes_per_s=chance.choice([0, 30_000]),
        compression=chance.choice(["auto", "off"]),
    )
    given = {name: [] for name in CLASSES}
    with running(Mosquitto(tmp_path / "broker")) as broker:
        async with WeakLink(broker.port) as link, Moody(broker.url, seed) as ingest:
            for _ in range(3):
                async with outbox_at(tmp_path) as outbox:
                    await outbox.append(add(given, chance.randint(0, 200)))
                    async with sending_to(outbox, (link.url,), settings, keepalive_s=5):
                        for _ in range(10):
                            await outbox.append(add(given, chance.randint(1, 60)))
                            await until(lambda: outbox.stream("telemetry").pending < 400, "some to be committed")
                            if chance.random() < 0.15:
                                link.reset_after = chance.randint(0, 20_000)
                            if chance.random() < 0.1:
                                link.reset()
                        ingest.calm = chance.random() < 0.5
            ingest.calm = True
            async with outbox_at(tmp_path) as outbox, sending_to(outbox, (link.url,), settings):
                await until(lambda: left(outbox) == 0, "the rest")
            for name in CLASSES:
                assert ingest.received[name] == dict(enumerate(given[name], 1))


def add(given, count):
    """Make events, and remember their ids in the order of their numbers."""
    events = []
    for _ in range(count):
        total = sum(map(len, given.values())) + 1
        event = (scan if total % 7 == 0 else reading)(total, site="s", gateway="g")
        given[event.event_class].append(event.id)
        events.append(event)
    return events
