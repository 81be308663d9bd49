"""Bytes from a broker: cut anywhere, wrong anywhere, they give the same messages or one error that says what."""

import tracemalloc
from collections import deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plumbline.mqtt import properties, wire
from plumbline.mqtt.decoder import ConnAck, Decoder, Disconnect, PingResp, PubAck, PubRel, SubAck
from plumbline.mqtt.wire import MalformedError
from tests.unit.plumbline.mqtt import broker_packets as broker

LARGEST = 100_000

topics = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=40)
told = st.lists(st.sampled_from([broker.USER, broker.SUBSCRIPTION]), max_size=30).map(b"".join)
messages = st.fixed_dictionaries(
    {
        "topic": topics | st.sampled_from(["site/a", "site/b"]),
        "payload": st.binary(max_size=400),
        "qos": st.integers(0, 2),
        "retain": st.booleans(),
        "dup": st.booleans(),
        "packet_id": st.integers(1, 0xFFFF),
        "told": told,
    }
)


def read(data, *, five=True, cuts=(), largest=LARGEST):
    decoder, came, packets = Decoder(five=five, largest=largest), deque(), []
    begin = 0
    for cut in [*sorted(cuts), len(data)]:
        packets += decoder.feed(data[begin:cut], came)
        begin = max(begin, cut)
    return list(came), packets


@given(st.lists(messages, max_size=8), st.booleans(), st.data())
def test_messages_are_read_as_they_were_sent_wherever_the_stream_is_cut(sent, five, data):
    stream = b"\xd0\x00".join(broker.publish(**one, five=five) for one in sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    came, pings = read(stream, five=five, cuts=cuts)
    assert len(pings) == max(0, len(sent) - 1)
    assert [(m.topic, m.payload, m.qos, m.retain, m.dup, m.packet_id) for m in came] == [
        (one["topic"], one["payload"], one["qos"], one["retain"], one["dup"], one["packet_id"] if one["qos"] else 0)
        for one in sent
    ]


@given(messages, st.booleans())
def test_what_we_publish_is_what_the_standard_wants(one, five):
    ours = wire.publish(
        wire.topic_name(one["topic"]),
        one["payload"],
        qos=one["qos"],
        retain=one["retain"],
        packet_id=one["packet_id"],
        five=five,
    )
    assert ours == broker.publish(**one | {"dup": False, "told": b""}, five=five)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_a_large_message_is_read_from_many_small_parts(size):
    stream = broker.publish("t", bytes(size)) + broker.publish("u", b"next", packet_id=2)
    came, _ = read(stream, cuts=range(0, len(stream), 65_536), largest=3_000_000)
    assert [len(message.payload) for message in came] == [size, 4]


def test_every_other_packet_is_read():
    stream = (
        broker.connack(present=True, told=b"\x21\x00\x14" + b"\x13\x00\x0a" + broker.USER * 2 + broker.REASON)
        + broker.puback(1)
        + broker.puback(2, code=0x10)
        + broker.puback(3, code=0x87, told=broker.REASON)
        + broker.suback(4, [0, 1, 0x87], told=broker.REASON)
        + broker.packet(0x62, b"\0\5")
        + b"\xd0\0"
        + broker.disconnect(0x8E, broker.REASON)
    )
    for cuts in ((), range(len(stream))):
        _, (connack, *answers) = read(stream, cuts=cuts)
        assert isinstance(connack, ConnAck)
        assert (connack.session_present, connack.code, connack.told.reason) == (True, 0, "because")
        assert connack.told.numbers == {properties.RECEIVE_MAXIMUM: 20, properties.SERVER_KEEP_ALIVE: 10}
        assert answers == [
            PubAck(1),
            PubAck(2, 0x10),
            PubAck(3, 0x87, "because"),
            SubAck(4, b"\0\1\x87", "because"),
            PubRel(5),
            PingResp(),
            Disconnect(0x8E, "because"),
        ]


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"\x32\xff\xff\xff\xff\x01", "more than four bytes"),
        (b"\x32\xff\xff\xff\x7f", "a PUBLISH of 268435460 bytes, and at most 100000 are taken"),
        (b"\x20\xff\xff\x10", "a CONNACK of 278527 bytes, and at most 262144"),
        (b"\x32\x00", "a PUBLISH that is cut"),
        (b"\x32\x03\x00\x05a", "a PUBLISH that is cut"),
        (b"\x32\x04\x00\x01ab" + bytes(40), "a PUBLISH that is cut"),
        (broker.publish("t", b"", packet_id=0), "packet identifier 0"),
        (broker.publish("t", b"", qos=3), "QoS 3"),
        (broker.publish("", b""), "empty or a filter"),
        (broker.publish("a/#", b""), "empty or a filter"),
        (broker.publish("a\0", b""), "a zero in it"),
        (broker.packet(0x30, b"\0\1\xff\0"), "not UTF-8"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "begins with 0x48"),
        (b"\x00\x00", "begins with 0x00"),
        (b"\x21\x02\x00\x00", "begins with 0x21"),
        (b"\x10\x00", "a packet CONNECT, which nothing asked for"),
        (b"\xf0\x00", "a packet AUTH, which nothing"),
        (b"\xb0\x02\0\1", "a packet UNSUBACK, which nothing"),
        (b"\x20\x01\x00", "a CONNACK that is none"),
        (broker.connack(told=b"\x21\x00"), "property 0x21 that is cut"),
        (broker.connack(told=b"\x21\0\1\x21\0\1"), "property 0x21 twice"),
        (broker.connack(told=b"\x7f"), "property 0x7F"),
        (broker.connack(told=b"\x1f\0\5ab"), "a value that is cut"),
        (broker.connack(told=b"\x1f\0\1\xff"), "not UTF-8"),
        (broker.packet(0x20, b"\0\0\5"), "properties that are cut"),
        (broker.packet(0x90, b"\0\1\0"), "a SUBACK that is cut"),
        (broker.packet(0x40, b"\1"), "a PUBACK that is none"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "begins with 0x53"),
    ],
)
def test_what_is_wrong_is_named_and_what_came_before_it_is_kept(stream, said):
    for cuts in ((), range(len(stream) + 20)):
        decoder, came = Decoder(five=True, largest=LARGEST), deque()
        with pytest.raises(MalformedError, match=said):  # noqa: PT012 - some are only seen as wrong once more has come
            decoder.feed(broker.publish("t", b"before"), came)
            whole = stream + b"\xd0\x00" * 40
            for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
                decoder.feed(whole[begin:end], came)
        assert [message.payload for message in came] == [b"before"]


valid = st.sampled_from(
    [
        broker.connack(told=broker.USER + broker.REASON),
        broker.publish("a/b", b"payload", told=broker.USER),
        broker.publish("a/b", b"payload", qos=0),
        broker.puback(7, code=0x87, told=broker.REASON),
        broker.suback(7, [1], told=broker.USER),
        broker.disconnect(0x8E, broker.REASON),
        b"\xd0\x00",
    ]
)


@st.composite
def spoilt(draw):
    stream = bytearray(b"".join(draw(st.lists(valid, min_size=1, max_size=6))))
    for _ in range(draw(st.integers(0, 4))):
        stream[draw(st.integers(0, len(stream) - 1))] = draw(st.integers(0, 255))
    return bytes(stream)


@given(st.one_of(st.binary(max_size=300), spoilt()), st.booleans(), st.lists(st.integers(0, 300), max_size=6))
@example(b"\x32\x02\xff\xff", True, [])
@example(b"\x30\x05\x00\x01a\xff\xff", True, [])
def test_any_bytes_give_messages_or_one_error_and_the_same_in_one_part_or_many(stream, five, cuts):
    def outcome(cuts):
        decoder, came, packets = Decoder(five=five, largest=LARGEST), deque(), []
        try:
            begin = 0
            for cut in [*sorted(cuts), len(stream)]:
                packets += decoder.feed(stream[begin:cut], came)
                begin = max(begin, cut)
        except MalformedError as error:
            return repr(came), str(error)
        return repr(came), packets

    assert outcome(cuts) == outcome(()) == outcome(range(len(stream)))


class Forgetful(dict[bytes, str]):
    """Remembers no topic, so that each message goes the long way."""

    def __setitem__(self, _name: bytes, _topic: str) -> None:
        pass


@given(spoilt(), st.booleans())
def test_a_topic_that_was_there_before_makes_no_difference(stream, five):
    outcomes = []
    for topics in ({}, Forgetful()):
        decoder, came = Decoder(five=five, largest=LARGEST), deque()
        decoder._topics = topics
        decoder.feed(broker.publish("a/b", b"", five=five), came)
        try:
            said = decoder.feed(stream, came)
        except MalformedError as error:
            said = [str(error), error.code]
        outcomes.append((said, decoder._rest, [(m.topic, m.payload, m.qos, m.retain, m.dup, m.packet_id) for m in came]))
    assert outcomes[0] == outcomes[1]


def test_a_huge_length_costs_no_memory_and_many_parts_of_a_large_packet_no_copies_of_it():
    tracemalloc.start()
    with pytest.raises(MalformedError):
        read(b"\x30\xff\xff\xff\x7f" + bytes(1000))
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    stream = broker.publish("t", bytes(8_000_000))
    came, _ = read(stream, cuts=range(0, len(stream), 1000), largest=10_000_000)  # a copy for each part would take minutes
    assert len(came) == 1


def test_topics_that_never_repeat_are_not_remembered_without_end():
    decoder = Decoder(five=True, largest=LARGEST)
    for n in range(10_000):
        came = deque()
        decoder.feed(broker.publish(f"t/{n}", b""), came)
        assert came[0].topic == f"t/{n}"
    assert len(decoder._topics) <= 4096
