"""Our own MQTT against brokers that misbehave: a listener that says exactly what a test wants it to say."""

import asyncio
import contextlib
from typing import Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.address import Address
from plumbline.errors import MqttError, MqttRefusedError
from plumbline.listening import Entry, learn
from plumbline.mqtt import Connection, Will
from tests.standstill import stand_still
from tests.unit.plumbline.mqtt import broker_packets as broker


class Script:
    """A broker by hand: answers CONNECT with `greeting`; what comes after that is in `heard`."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self.heard = bytearray()
        self.changed = asyncio.Event()
        self.connected = asyncio.Event()
        self.gone = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = Address.parse(f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}")
        return self

    async def __aexit__(self, *_) -> None:
        self._server.close()
        if self.connected.is_set():
            self.writer.close()

    async def _serve(self, reader, writer):
        self.writer = writer
        self.connect = await reader.read(65_536)
        self.connected.set()
        writer.write(self._greeting)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.heard += data
                self.changed.set()
        self.gone.set()
        writer.close()

    def say(self, *packets: bytes) -> None:
        self.writer.write(b"".join(packets))

    async def hears(self, condition):
        async with asyncio.timeout(120):
            while not condition(bytes(self.heard)):
                self.changed.clear()
                await self.changed.wait()


def link(script, **options):
    return Connection(address=script.address, client_id="c", connect_timeout_s=60, **options)


async def test_answers_that_came_while_we_stood_still_are_heard(monkeypatch):
    async def answers(reader, writer):
        for packet in (broker.connack(), broker.suback(1, [0])):
            await reader.read(65_536)
            writer.write(packet)
            stand_still(monkeypatch, 3600)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answers, "127.0.0.1", 0) as server:
        address = Address.parse(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with Connection(address=address, client_id="c", connect_timeout_s=600) as client:
            await client.subscribe("t")


async def test_limits_are_told_to_the_broker():
    async with Script(broker.connack()) as script, link(script, inbound=7, session_expiry_s=600):
        told = script.connect[script.connect.index(b"MQTT") + 8 :]
        assert told.startswith(bytes.fromhex("0d 11 00000258 21 0007 27 02000000"))


async def test_the_brokers_window_is_kept_and_what_waits_goes_out_in_order():
    async with Script(broker.connack(told=b"\x21\x00\x02")) as script, link(script) as client:
        waiting = [client.publish_soon("t", b"%d" % n) for n in range(5)]
        await script.hears(lambda heard: len(heard) == 2 * 9)
        script.say(broker.puback(2))
        await waiting[1]
        await script.hears(lambda heard: len(heard) == 3 * 9)
        assert not waiting[0].done()
        waiting[3].cancel()  # who gave up before it was sent need not be sent
        script.say(broker.puback(1), broker.puback(3), broker.puback(77))
        await script.hears(lambda heard: heard.count(b"\0\1t") == 4)
        assert [heard[-1:] for heard in bytes(script.heard).split(b"\0\1t")[1:]]
        script.say(broker.puback(4))
        await waiting[4]
        assert bytes(script.heard).endswith(b"4")
        assert b"3" not in bytes(script.heard).split(b"\0\1t")[-1]


@pytest.mark.parametrize(
    ("told", "how", "said"),
    [
        (b"\x27\0\0\0\x64", {"payload": bytes(200)}, "the broker takes 100; send smaller messages"),
        (b"\x24\0", {}, "takes QoS 0 only"),
        (b"\x25\0", {"retain": True}, "retains nothing"),
    ],
)
async def test_what_the_broker_does_not_take_is_refused_and_the_connection_goes_on(told, how, said):
    async with Script(broker.connack(told=told)) as script, link(script) as client:
        with pytest.raises(MqttRefusedError, match=said):
            await client.publish("t", **({"payload": b"x"} | how))
        await client.publish("t", b"small", qos=0)
        await script.hears(lambda heard: heard.endswith(b"small"))


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (broker.connack(code=0x87, told=broker.REASON), r"refused us: Not authorized \(because\); check user, password"),
        (broker.connack(code=0x86), "refused us: Bad user name or password; check user, password"),
        (broker.connack(code=0x84), "refused us: Unsupported protocol version; set version to 3.1.1"),
        (broker.connack(code=0x89), "refused us: Server busy; check the broker's log"),
        (broker.connack(code=1, five=False), "refused us: reason code 0x01; check the broker's log"),
        (broker.publish("t", b"x"), "a PUBLISH before its CONNACK"),
        (broker.suback(1, [0]), "a SubAck before its CONNACK"),
        (broker.connack() * 2, "a second CONNACK"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be MQTT 5: .*; check that a broker listens on this port"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "cannot be MQTT 5"),
        (b"\x30\xff\xff\xff\x7f", "a PUBLISH of 268435460 bytes, and at most 33554432 are taken"),
    ],
)
async def test_a_greeting_that_is_none_is_named(greeting, said):
    async with Script(greeting) as script:
        with pytest.raises(MqttError, match=said):
            async with link(script) as client:
                await client.take(1)


async def test_the_brokers_refusals_before_mqtt_5_are_told_in_the_same_words():
    async with Script(broker.connack(five=False, code=5)) as script:
        with pytest.raises(MqttError, match="refused us: Not authorized; check user, password"):
            async with link(script, version="3.1.1"):
                pass


async def test_why_the_broker_ends_a_connection_reaches_everybody_who_waits():
    async with Script(broker.connack()) as script, link(script) as client:
        publishing = client.publish_soon("t", b"x")
        subscribing = asyncio.create_task(client.subscribe("t"))
        await script.hears(lambda heard: b"\x82" in heard)
        script.say(broker.publish("t", b"last"), broker.disconnect(0x8E, broker.REASON))
        said = r"connection lost: Session taken over \(because\); another client connected with the same client id"
        for waiting in (publishing, subscribing):
            with pytest.raises(MqttError, match=said):
                await waiting
        assert [message.payload for message in await client.take(5)] == [b"last"]
        with pytest.raises(MqttError, match=said):
            await client.take(5)
        with pytest.raises(MqttError, match=said):
            await client.publish("t", b"late")


async def test_what_is_no_mqtt_ends_the_connection_and_both_sides_are_told():
    async with Script(broker.connack()) as script, link(script) as client:
        script.say(broker.publish("t", b"before"), b"\x36\x02\0\0")
        assert [message.payload for message in await client.take(5)] == [b"before"]
        with pytest.raises(MqttError, match="the broker sent what cannot be MQTT 5: a PUBLISH"):
            await client.take(5)
        await script.gone.wait()
        assert bytes(script.heard) == b"\xe0\x01\x81"


async def test_a_broker_that_answers_no_pings_is_given_up_and_the_will_is_left_to_it():
    async with Script(broker.connack(told=b"\x13\x00\x01")) as script, link(script, will=Will("t", b"x")) as client:
        with pytest.raises(MqttError, match="connection lost: Keep alive timeout"):
            await client.take(1)
        await script.gone.wait()
        assert bytes(script.heard).startswith(b"\xc0\0")
        assert b"\xe0" not in bytes(script.heard)


async def test_a_broker_that_answers_pings_is_kept():
    async with Script(broker.connack(told=b"\x13\x00\x01")) as script, link(script) as client:
        for n in range(1, 5):
            await script.hears(lambda heard, n=n: heard.count(b"\xc0\0") >= n)
            script.say(b"\xd0\0")
        assert client._link.lost is None


async def test_an_answer_to_the_keep_alive_is_none_to_who_asked_after_it():
    async with Script(broker.connack(told=b"\x13\0\1")) as script, link(script) as client:
        await script.hears(lambda heard: heard == b"\xc0\0")
        asked = client.ping()
        await script.hears(lambda heard: heard.startswith(b"\xc0\0" * 2))
        script.say(b"\xd0\0", broker.publish("t", b"x", qos=0))
        await client.take(1)
        assert not asked.done()
        script.say(b"\xd0\0" * 9)
        await asked


class Announcing:
    """A dialect of which only the announcements count here."""

    announcements = ("told/#",)
    filters = ("said/#",)

    def __init__(self) -> None:
        self.heard = []

    def read(self, topic: str, payload: bytes) -> list:
        self.heard.append((topic, payload))
        return []


async def test_a_silence_of_somebody_who_stood_still_is_not_taken_for_the_end_of_the_announcements():
    dialect = Announcing()
    entry = Entry(name="x", dialect=dialect, accept_retained=False)
    kept = [broker.publish(f"told/{n}", b"x", qos=0, retain=True) for n in range(3)]
    async with Script(broker.connack()) as script, asyncio.TaskGroup() as group:
        learning = group.create_task(learn(script.address, "5", [entry], 1000))
        await script.hears(lambda heard: heard.endswith(b"told/#\0"))
        script.say(broker.suback(1, [0]))
        for packet in kept:  # the broker, or the way to it, goes on only now: each time longer than we are patient
            await script.hears(lambda heard: heard.endswith(b"\xc0\0"))
            script.heard.clear()
            script.say(packet, b"\xd0\0")
        await script.hears(lambda heard: heard.endswith(b"\xc0\0"))
        script.say(b"\xd0\0")
        await learning
    assert dialect.heard == [(f"told/{n}", b"x") for n in range(3)]


async def test_acknowledgements_go_out_in_one_write_and_quality_2_is_brought_to_its_end():
    sent = [broker.publish("t", b"", packet_id=n) for n in range(1, 201)]
    greeting = broker.connack() + b"".join(sent) + broker.publish("t", b"", qos=2, packet_id=300)
    async with Script(greeting) as script, link(script, inbound=300) as client:
        came = []
        while len(came) < 201:
            came += await client.take(1000)
        transport, written = client._link._transport, []
        write = transport.write
        transport.write = lambda data: (written.append(data), write(data))
        client.acknowledge(came[:150])
        for message in came[150:]:
            message.ack()
        await script.hears(lambda heard: len(heard) == 201 * 4)
        assert written == [b"".join(broker.puback(n) for n in range(1, 201)) + b"\x50\x02\x01\x2c"]
        script.say(broker.packet(0x62, b"\x01\x2c"))
        await script.hears(lambda heard: heard.endswith(b"\x70\x02\x01\x2c"))


async def test_nothing_is_read_while_too_much_is_unacknowledged_and_the_rest_comes_after():
    sent = [broker.publish("t", bytes(10_000), packet_id=n % 0xFFFF + 1, five=False) for n in range(3000)]
    async with Script(broker.connack(five=False)) as script, link(script, version="3.1.1", inbound=10) as client:
        script.say(*sent)
        held = await client.take(10_000)
        while len(held) < 10:
            held += await client.take(10_000)
        assert client._link._paused
        assert len(held) < 100  # 10, and what the socket gave at once
        client.acknowledge(held)
        count = len(held)
        while count < 3000:
            bulk = await client.take(10_000)
            client.acknowledge(bulk)
            count += len(bulk)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans(), st.sampled_from(["5", "3.1.1"]))
def test_whatever_a_broker_says_there_is_a_message_or_an_error_and_never_a_crash(noise, greeted, version):
    async def run():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        async with Script(broker.connack(five=version == "5") + noise) as script, asyncio.timeout(120):
            with pytest.raises(MqttError):  # noqa: PT012 - the noise may be messages first
                async with link(script, version=version) as client:
                    script.writer.write_eof()
                    while True:
                        await client.take(5)
        assert complaints == []

    asyncio.run(run() if greeted else never_welcome(noise, version))


async def never_welcome(noise, version):
    """Without a CONNACK the connection ends by an error, at the latest when the broker hangs up."""
    async with Script(noise) as script:
        connecting = asyncio.create_task(link(script, version=version).__aenter__())
        await script.connected.wait()
        script.writer.write_eof()
        with pytest.raises(MqttError):
            await connecting
