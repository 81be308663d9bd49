"""MQTT over TLS and WebSockets against real listeners: who is trusted, who gets in, and what is said where it fails."""

import asyncio
import dataclasses
import types

import pytest

from edge_agent import config
from edge_agent.config import Linger, Server, UplinkSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink
from plumbline.address import Address
from plumbline.errors import MqttError
from plumbline.mqtt import Connection, Tls
from tests.batches import scan
from tests.certificates import Signer
from tests.integration.tiny_ingest import TinyIngest, until
from tests.servers import Mosquitto, answers, free_port, running, wait_until

pytestmark = pytest.mark.usefixtures("spoken_by")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A broker with a listener of each kind, and the certificates to talk to them."""
    folder = tmp_path_factory.mktemp("tls")
    signer = Signer(folder / "site")
    certificate, key = signer.sign("broker", alternative="IP:127.0.0.1")
    gateway, gateway_key = signer.sign("gw")
    stranger, stranger_key = Signer(folder / "other", "Other CA").sign("gw")
    server = Mosquitto(folder / "broker")
    ports = {name: free_port() for name in ("ws", "mqtts", "wss", "asking")}
    tls = f"cafile {signer.ca}\ncertfile {certificate}\nkeyfile {key}\n"
    settings = folder / "broker" / "mosquitto.conf"
    settings.write_text(
        settings.read_text()
        + f"listener {ports['ws']} 127.0.0.1\nprotocol websockets\n"
        + f"listener {ports['mqtts']} 127.0.0.1\n{tls}"
        + f"listener {ports['wss']} 127.0.0.1\nprotocol websockets\n{tls}"
        + f"listener {ports['asking']} 127.0.0.1\n{tls}require_certificate true\n"
    )
    with running(server):
        for name, port in ports.items():
            wait_until(lambda port=port: answers(port), f"the listener {name}")
        yield types.SimpleNamespace(
            server=server,
            folder=folder,
            ca=Tls(str(signer.ca)),
            named=Tls(str(signer.ca), str(gateway), str(gateway_key)),
            stranger=Tls(str(signer.ca), str(stranger), str(stranger_key)),
            ports=ports,
            urls={
                "mqtt": server.url,
                "ws": f"ws://127.0.0.1:{ports['ws']}",
                "mqtts": f"mqtts://127.0.0.1:{ports['mqtts']}",
                "wss": f"wss://127.0.0.1:{ports['wss']}/mqtt",
                "asking": f"mqtts://127.0.0.1:{ports['asking']}",
            },
        )


def connect(site, url, tls=None, **options):
    return Connection(address=Address.parse(url), client_id="tls-test", tls=tls, connect_timeout_s=30, **options)


async def taken(connection, count):
    came = []
    async for message in connection.messages():
        message.ack()
        came.append(message.payload)
        if len(came) == count:
            return came
    raise AssertionError


@pytest.mark.parametrize("way", ["mqtt", "ws", "mqtts", "wss", "asking"])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_messages_go_and_come_in_any_size_on_every_kind_of_listener(site, way, version):
    topic = f"{way}/{version}"
    small = [bytes([n]) * size for n, size in enumerate([0, 1, 125, 126, 4000, 4096, 9000])]
    large = [bytes([n]) * size for n, size in enumerate([65_535, 65_536, 300_000, 3_000_000])]
    async with connect(site, site.urls[way], site.named, version=version) as connection:
        await connection.subscribe(topic)
        for payload in small:
            connection.publish_soon(topic, payload)
        assert await taken(connection, len(small)) == small
    # Mosquitto 2.0 sends 4 kB each 100 ms to a WebSocket client: what is large is heard on the plain listener
    async with (
        connect(site, site.urls[way], site.named, version=version) as connection,
        Connection(address=Address.parse(site.server.url), client_id="hearing") as hearing,
    ):
        await hearing.subscribe(topic)
        for payload in large:
            connection.publish_soon(topic, payload)
        assert await taken(hearing, len(large)) == large


@pytest.mark.parametrize(
    ("way", "tls", "said"),
    [
        ("mqtts", lambda _: None, "certificate is not trusted: .*; give ca_file who signed it"),
        ("wss", lambda _: None, "certificate is not trusted"),
        (
            "mqtts",
            lambda site: dataclasses.replace(site.ca, ca_file="/nowhere/ca.pem"),
            "ca_file /nowhere/ca.pem: cannot be used",
        ),
        ("mqtts", lambda site: dataclasses.replace(site.ca, cert_file=__file__), "cert_file .*: cannot be used"),
        ("asking", lambda site: site.ca, "check cert_file"),
        ("asking", lambda site: site.stranger, "check cert_file"),
    ],
)
async def test_where_tls_fails_the_error_says_what_to_mend(site, way, tls, said):
    with pytest.raises(MqttError, match=said):
        async with connect(site, site.urls[way], tls(site)) as connection:
            await connection.publish("t", b"x")


async def test_a_name_that_does_not_stand_in_the_certificate_is_refused(site):
    with pytest.raises(MqttError, match=r"certificate is not trusted: .*use the name that stands in it"):
        async with connect(site, site.urls["mqtts"].replace("127.0.0.1", "localhost"), site.ca):
            pass


async def test_a_broker_without_tls_on_that_port_is_told_apart(site):
    with pytest.raises(MqttError, match=r"speaks TLS on this port|no answer"):
        async with connect(site, site.server.url.replace("mqtt:", "mqtts:"), site.ca):
            pass


@pytest.mark.parametrize("way", ["ws", "wss", "asking"])
async def test_the_uplink_brings_everything_over(site, tmp_path, way):
    settings = UplinkSettings(batch_events=10, linger_ms=Linger(business=0, telemetry=0))
    tls = site.named
    server = Server(brokers=(site.urls[way],), ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
    async with (
        Outbox(tmp_path / "outbox.db", site="s", gateway="g") as outbox,
        TinyIngest(site.server.url, f"ingest-{way}") as ingest,
    ):
        uplink = Uplink(outbox, server=server, settings=settings)
        task = asyncio.create_task(uplink.run())
        await outbox.append([scan(n, site="s", gateway="g") for n in range(1, 101)])
        await until(lambda: outbox.stream("business").pending == 0, "everything to be committed")
        assert set(ingest.received["business"]) == set(range(1, 101))
        uplink.stop()
        await task


def test_the_files_of_the_configuration_are_looked_for_beside_it(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(
        'site = "s"\ngateway = "g"\n[server]\nbrokers = ["mqtts://b"]\nca_file = "ca.pem"\ncert_file = "/etc/gw.pem"\n'
    )
    server = config.load(path).server
    assert (server.ca_file, server.cert_file, server.key_file) == (str(tmp_path / "ca.pem"), "/etc/gw.pem", None)
