"""What we send, against the standard's examples and another project's reader."""

import asyncio

import pytest
from amqtt.adapters import BufferReader
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.subscribe import SubscribePacket
from hypothesis import given
from hypothesis import strategies as st

from plumbline.mqtt import properties, wire
from plumbline.mqtt.message import Will
from plumbline.mqtt.wire import MalformedError

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=30)


def connect(**other):
    return wire.connect(
        **{
            "five": True,
            "client_id": "c",
            "clean": True,
            "keepalive_s": 10,
            "will": None,
            "username": None,
            "password": None,
            "session_expiry_s": 0,
            "receive_maximum": 5,
            "largest": 1000,
        }
        | other
    )


@given(st.integers(0, wire.LARGEST))
def test_lengths_come_back(value):
    data = wire.varint(value)
    assert properties.length(data, 0, len(data)) == (value, len(data))
    assert properties.length(data[:-1], 0, len(data) - 1)[0] == -1


def test_the_bytes_are_those_of_the_standard():
    five = connect(will=Will("w", b"x", retain=True), username="u", password="p", session_expiry_s=600)
    assert five == bytes.fromhex(
        "10 28 0004 4d515454 05 ee 000a 0d 11 00000258 21 0005 27 000003e8 0001 63 00 0001 77 0001 78 0001 75 0001 70"
    )
    assert wire.subscribe(wire.topic_filter("a/#"), qos=1, packet_id=10, five=True) == bytes.fromhex(
        "82 09 000a 00 0003 612f23 01"
    )
    assert wire.acknowledgements([wire.PUBACK | 1, wire.PUBREC | 0xFFFF]) == bytes.fromhex("4002 0001 5002 ffff")
    assert wire.pubcomp(2) == bytes.fromhex("7002 0002")
    assert (wire.disconnect(0, five=True), wire.disconnect(0x81, five=True)) == (b"\xe0\x00", b"\xe0\x01\x81")
    assert wire.disconnect(0x81, five=False) == b"\xe0\x00"
    assert wire.disconnect(0, five=True, forget=True) == bytes.fromhex("e007 00 05 11 00000000")
    assert wire.disconnect(0, five=False, forget=True) == b"\xe0\x00"


@given(
    st.fixed_dictionaries(
        {
            "client_id": words,
            "clean": st.booleans(),
            "keepalive_s": st.integers(0, 0xFFFF),
            "will": st.none() | st.builds(Will, words, st.binary(max_size=50), st.booleans()),
            "username": st.none() | words,
            "password": st.none() | words,
        }
    )
)
def test_another_projects_reader_understands_how_we_connect(said):
    read = asyncio.run(ConnectPacket.from_stream(BufferReader(connect(five=False, **said))))
    assert (read.client_id, read.clean_session_flag, read.keep_alive) == (said["client_id"], said["clean"], said["keepalive_s"])
    username, will = said["username"], said["will"]
    assert (read.username, read.password) == (username, None if username is None else said["password"])
    if will is not None:
        assert (read.will_topic, bytes(read.will_message)) == (will.topic, will.payload)
        assert (read.will_retain_flag, read.will_qos) == (will.retain, 1)


@given(words, st.integers(0, 1), st.integers(1, 0xFFFF))
def test_another_projects_reader_understands_how_we_subscribe(topic, qos, packet_id):
    data = wire.subscribe(wire.topic_filter(topic), qos=qos, packet_id=packet_id, five=False)
    read = asyncio.run(SubscribePacket.from_stream(BufferReader(data)))
    assert (read.variable_header.packet_id, read.payload.topics) == (packet_id, [(topic, qos)])


@pytest.mark.parametrize("good", ["a", "#", "+", "a/#", "+/+/#", "/", "$share/g/a/+", "ä/ö"])
def test_good_filters_are_taken(good):
    assert wire.topic_filter(good) == len(good.encode()).to_bytes(2, "big") + good.encode()


def test_what_no_packet_can_hold_is_named():
    with pytest.raises(MalformedError, match="a value of 70000 bytes"):
        connect(client_id="x" * 70_000)
    with pytest.raises(MalformedError, match="a zero in it"):
        connect(username="a\0b")
    with pytest.raises(MalformedError, match="at most 268435455"):
        wire.varint(wire.LARGEST + 1)
