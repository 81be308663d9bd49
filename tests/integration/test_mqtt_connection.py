"""The contract of the MQTT face against a real Mosquitto, whoever speaks the protocol behind it."""

import asyncio
import gc
import signal
import sys
import threading
from pathlib import Path

import pytest

from plumbline.address import Address
from plumbline.errors import MqttError, MqttRefusedError, SettingsError
from plumbline.mqtt import Connection, Will, keep_connected
from plumbline.mqtt.inbox import FULL_BYTES
from tests.servers import Mosquitto, free_port, running

pytestmark = pytest.mark.usefixtures("spoken_by")

VERSIONS = ("5", "3.1.1")


def connect(server, name, **options):
    return Connection(address=Address.parse(server.url), client_id=name, **options)


async def taken(connection, count):
    """The next `count` messages, as bulks bring them."""
    came = []
    while len(came) < count:
        came += await connection.take(count - len(came))
    return came


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_published_message_arrives_and_is_acknowledged(mosquitto, unique_name, version):
    topic = unique_name("topic")
    async with (
        connect(mosquitto, unique_name("a"), version=version) as sub,
        connect(mosquitto, unique_name("b"), version=version) as pub,
    ):
        await sub.subscribe(topic)
        await pub.publish(topic, b"hello")
        async for message in sub.messages():
            message.ack()
            assert (message.topic, message.payload, message.qos) == (topic, b"hello", 1)
            break


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_the_broker_kept_is_here_once_it_answered_a_ping(mosquitto, unique_name, version):
    topic = unique_name("topic")
    async with connect(mosquitto, unique_name("b"), version=version) as pub:
        for n in range(50):
            await pub.publish(f"{topic}/{n}", b"x", retain=True)
        async with connect(mosquitto, unique_name("a"), version=version) as sub:
            await sub.subscribe(f"{topic}/#", qos=0)
            await sub.ping()
            assert sub.waiting == 50
            await asyncio.gather(*(sub.ping() for _ in range(5)))
        with pytest.raises(MqttError, match=r"closed|connection lost"):
            await sub.ping()


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_unacknowledged_message_comes_again_on_the_next_connection(mosquitto, unique_name, version):
    topic, name = unique_name("topic"), unique_name("client")
    async with connect(mosquitto, name, version=version, session_expiry_s=600) as first:
        await first.subscribe(topic)
        await first.publish(topic, b"keep me")
        async for message in first.messages():
            number = message.packet_id
            assert not message.dup
            break
    async with connect(mosquitto, name, version=version, session_expiry_s=600) as second:
        async for message in second.messages():
            assert message.payload == b"keep me"
            assert (message.dup, message.packet_id) == (True, number)
            message.ack()
            break


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_subscription_is_answered_behind_a_session_full_of_messages(tmp_path: Path, version):
    server = Mosquitto(tmp_path / "broker")
    settings = tmp_path / "broker" / "mosquitto.conf"
    settings.write_text(settings.read_text() + "max_inflight_messages 256\n")
    with running(server):
        async with connect(server, "sub", version=version, session_expiry_s=600) as sub:
            await sub.subscribe("t")
        async with connect(server, "pub") as pub:
            await asyncio.gather(*(pub.publish("t", b"%d" % i) for i in range(600)))
        async with connect(server, "sub", version=version, session_expiry_s=600, inbound=8, connect_timeout_s=60) as sub:
            await sub.subscribe("t")
            seen = set()
            async for message in sub.messages():
                message.ack()
                seen.add(message.payload)
                if len(seen) == 600:
                    break


async def test_the_broker_holds_back_what_exceeds_the_inbound_limit(mosquitto, unique_name):
    topic = unique_name("topic")
    async with connect(mosquitto, unique_name("s"), inbound=5) as sub, connect(mosquitto, unique_name("p")) as pub:
        await sub.subscribe(topic)
        await asyncio.gather(*(pub.publish(topic, b"%d" % i) for i in range(50)))
        stream = sub.messages()
        held = [await anext(stream) for _ in range(5)]
        assert not sub._link.inbox.waiting
        sub.acknowledge(held)
        rest = 0
        async for message in stream:
            message.ack()
            rest += 1
            if rest == 45:
                break


@pytest.mark.parametrize("version", VERSIONS)
async def test_large_messages_that_nobody_takes_are_left_to_the_broker(mosquitto, unique_name, version):
    topic, size, count = unique_name("topic"), 500_000, 60
    async with (
        connect(mosquitto, unique_name("s"), version=version, inbound=1000) as sub,
        connect(mosquitto, unique_name("p")) as pub,
    ):
        await sub.subscribe(topic)
        await asyncio.gather(*(pub.publish(topic, bytes(size)) for _ in range(count)))
        inbox = sub._link.inbox
        while not inbox.full:  # noqa: ASYNC110 - what is waited for is the broker's doing
            await asyncio.sleep(0.01)
        assert len(inbox.waiting) * size <= FULL_BYTES + 1_000_000
        came = 0
        while came < count:
            bulk = await sub.take(count)
            sub.acknowledge(bulk)
            came += len(bulk)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_waits_is_taken_in_order_and_acknowledged_at_once(mosquitto, unique_name, version):
    topic, name = unique_name("topic"), unique_name("client")
    async with connect(mosquitto, name, version=version, session_expiry_s=600, inbound=300) as sub:
        assert not sub.session_present
        await sub.subscribe(topic)
        async with connect(mosquitto, unique_name("pub"), version=version) as pub:
            await asyncio.gather(*(pub.publish(topic, b"%d" % i) for i in range(200)))
        came = []
        while len(came) < 200:
            bulk = await sub.take(70)
            assert 1 <= len(bulk) <= 70
            came += bulk
            sub.acknowledge(bulk)
        assert [int(message.payload) for message in came] == list(range(200))
    async with connect(mosquitto, name, version=version, session_expiry_s=600) as sub:
        assert sub.session_present
        await sub.publish(topic, b"the next")
        assert [message.payload for message in await sub.take(10)] == [b"the next"]


async def test_a_session_that_is_to_be_forgotten_ends_with_its_connection(mosquitto, unique_name):
    name = unique_name("client")
    for forget in (False, True):
        async with connect(mosquitto, name, session_expiry_s=600) as sub:
            await sub.subscribe(unique_name("topic"))
            if forget:
                assert sub.session_present
                sub.forget()
    async with connect(mosquitto, name, session_expiry_s=600) as sub:
        assert not sub.session_present


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_an_earlier_connection_brought_or_was_acknowledged_before_is_passed_over(mosquitto, unique_name, version):
    topic, name = unique_name("topic"), unique_name("client")
    async with connect(mosquitto, unique_name("pub")) as pub:
        async with connect(mosquitto, name, version=version, session_expiry_s=600) as first:
            await first.subscribe(topic)
            await asyncio.gather(*(pub.publish(topic, b"%d" % i) for i in range(5)))
            old = await taken(first, 5)
        async with connect(mosquitto, name, version=version, session_expiry_s=600) as second:
            again = await taken(second, 5)
            second.acknowledge(old)
            for message in old:
                message.ack()
            second.acknowledge(again[:2] + again[:2])
            again[0].ack()
            await second.subscribe(topic)  # its answer tells that everything before has reached the broker
    async with connect(mosquitto, name, version=version, session_expiry_s=600) as third:
        assert [message.payload for message in await taken(third, 3)] == [b"2", b"3", b"4"]


async def test_what_arrived_is_taken_before_the_end_is_told(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        async with connect(server, "client") as client:
            await client.subscribe("t")
            for i in range(3):
                await client.publish("t", b"%d" % i)
            await client.subscribe("t")  # its answer comes behind them
            server.kill()
            with pytest.raises(MqttError, match="connection lost"):
                await client.publish("t", b"late")
            assert [message.payload for message in await taken(client, 3)] == [b"0", b"1", b"2"]
            with pytest.raises(MqttError, match="connection lost"):
                await client.take(10)


async def test_the_will_is_said_when_the_connection_breaks_and_not_on_goodbye(mosquitto, unique_name):
    topic = unique_name("presence")
    async with connect(mosquitto, unique_name("watcher")) as watcher:
        await watcher.subscribe(topic)
        async with connect(mosquitto, unique_name("polite"), will=Will(topic, b"polite", retain=False)):
            pass
        rude = connect(mosquitto, unique_name("rude"), will=Will(topic, b"rude", retain=False))
        await rude.__aenter__()
        await rude.abort()
        async for message in watcher.messages():
            assert message.payload == b"rude"
            break


async def test_a_killed_broker_ends_messages_and_pending_publishes_with_an_error(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        async with connect(server, "client") as client:
            await client.subscribe("t")
            server.kill()
            with pytest.raises(MqttError, match="connection lost"):
                async for _ in client.messages():
                    pass
            with pytest.raises(MqttError):
                await client.publish("t", b"late")


async def test_a_host_that_accepts_and_says_nothing_is_named():
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(0), "127.0.0.1", 0)
    address = Address.parse(f"mqtt://127.0.0.1:{silent.sockets[0].getsockname()[1]}")
    with pytest.raises(MqttError, match=r"no answer in 0\.2 s; check host, port and firewall"):
        async with Connection(address=address, client_id="x", connect_timeout_s=0.2):
            pass
    silent.close()


async def test_nobody_waits_for_a_broker_that_froze_once_the_connection_is_closed(tmp_path: Path):
    with running(Mosquitto(tmp_path / "broker")) as server:
        async with connect(server, "client") as client:
            server.process.send_signal(signal.SIGSTOP)
            pending = client.publish_soon("t", b"x" * 1_000_000)
        server.process.send_signal(signal.SIGCONT)
        with pytest.raises(MqttError):
            await pending
        with pytest.raises(MqttError):
            await anext(client.messages())


async def test_keep_connected_comes_back_after_the_broker_did(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    server.start()
    failures: list[str] = []
    sessions = 0

    async def session(client: Connection) -> None:
        nonlocal sessions
        sessions += 1
        if sessions == 1:
            server.kill()
            async for _ in client.messages():
                pass

    def on_failure(error: MqttError, wait_s: float) -> None:
        failures.append(str(error))
        if server.process is None:
            server.start()

    await keep_connected(lambda: connect(server, "client"), session, on_failure=on_failure, first_s=0.01, cap_s=0.05)
    server.stop()
    assert sessions == 2
    assert failures


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "a\0b", "x" * 70_000, "\ud800"])
async def test_a_topic_that_is_none_is_refused_and_the_connection_goes_on(mosquitto, unique_name, topic):
    async with connect(mosquitto, unique_name("client")) as client:
        with pytest.raises(MqttRefusedError, match="could not publish to"):
            await client.publish(topic, b"x")
        await client.publish("fine", b"x")


@pytest.mark.parametrize("wanted", ["", "a/#/b", "a+/b", "b/a#", "a\0b", "x" * 70_000])
async def test_a_filter_that_is_none_is_refused_and_the_connection_goes_on(mosquitto, unique_name, wanted):
    async with connect(mosquitto, unique_name("client")) as client:
        with pytest.raises(MqttRefusedError, match="could not subscribe to"):
            await client.subscribe(wanted)
        await client.subscribe("fine")


@pytest.mark.parametrize("version", VERSIONS)
async def test_quality_of_service_is_the_lesser_of_publisher_and_subscriber_and_retained_messages_say_so(
    mosquitto, unique_name, version
):
    topic = unique_name("topic")
    async with connect(mosquitto, unique_name("client"), version=version) as client:
        await client.publish(topic, b"retained", retain=True)
        await client.publish(topic, b"", qos=0)
        await client.subscribe(topic)
        await client.publish(topic, b"plain", qos=0)
        retained, plain = await taken(client, 2)
        assert (retained.payload, retained.qos, retained.retain) == (b"retained", 1, True)
        assert (plain.payload, plain.qos, plain.retain) == (b"plain", 0, False)
        client.acknowledge([retained, plain])
        await client.subscribe(topic, qos=0)
        (again,) = await taken(client, 1)
        assert (again.payload, again.qos) == (b"retained", 0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_who_is_not_let_in_is_told_what_to_check(tmp_path: Path, version):
    server = Mosquitto(tmp_path / "broker")
    settings = tmp_path / "broker" / "mosquitto.conf"
    settings.write_text(settings.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    with running(server), pytest.raises(MqttError, match=r"refused us: .*; check user, password and the broker's access rules"):
        async with connect(server, "client", version=version):
            pass


async def test_a_second_connection_of_the_same_name_ends_the_first_and_it_is_told(mosquitto, unique_name):
    name = unique_name("client")
    async with connect(mosquitto, name) as first:
        async with connect(mosquitto, name):
            with pytest.raises(MqttError, match="connection lost"):
                await first.take(1)
        with pytest.raises(MqttError, match="connection lost"):
            await first.subscribe("t")


async def test_a_message_that_the_access_rules_forbid_fails_with_advice(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    rules = tmp_path / "acl"
    rules.write_text("topic read secret\n")
    settings = tmp_path / "broker" / "mosquitto.conf"
    settings.write_text(settings.read_text() + f"acl_file {rules}\n")
    with running(server):
        async with connect(server, "client") as client:
            with pytest.raises(MqttError, match="refused a message: Not authorized; check the broker's access rules"):
                await client.publish("secret", b"x")


async def test_an_unreachable_broker_is_named_with_what_to_check():
    address = Address.parse(f"mqtt://127.0.0.1:{free_port()}")
    with pytest.raises(MqttError, match=r"127\.0\.0\.1:\d+: Connection refused; check that the broker runs"):
        async with Connection(address=address, client_id="x"):
            pass


@pytest.mark.parametrize("url", ["", "localhost", "http://x", "mqtt://", "mqtt://h:99999", "mqtt://[::1"])
def test_an_address_that_is_no_broker_url_is_refused_with_an_example(url):
    with pytest.raises(SettingsError, match="mqtt://127"):
        Address.parse(url)


def test_a_password_never_shows_in_messages():
    address = Address.parse("mqtts://gw-1:s%40cret@broker.example:8884")
    assert (address.username, address.password, address.port) == ("gw-1", "s@cret", 8884)
    assert "cret" not in str(address)


def test_a_connection_that_is_collected_after_its_loop_says_nothing_more(mosquitto, unique_name):
    async def leave_rudely():
        client = connect(mosquitto, unique_name("client"))
        await client.__aenter__()
        await client.abort()  # as after a failure: the socket is closed, paho does not know
        return client

    client = asyncio.run(leave_rudely())
    complaints = []
    sys.unraisablehook, before = complaints.append, sys.unraisablehook
    try:
        del client
        collector = threading.Thread(target=gc.collect)  # where garbage is collected is chance
        collector.start()
        collector.join()
    finally:
        sys.unraisablehook = before
    assert complaints == []
