"""Packets in a file are MQTT packets, and their index tells where each ends."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from plumbline.bench.ingest.load import Message
from plumbline.bench.ingest.packets import Packets, connect, packet, remaining_length


@pytest.mark.parametrize(
    ("size", "told"),  # MQTT 3.1.1, table 2.4
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16_383, "ff7f"),
        (16_384, "808001"),
        (2_097_151, "ffff7f"),
        (2_097_152, "80808001"),
    ],
)
def test_the_remaining_length_is_told_as_the_standard_has_it(size, told):
    assert remaining_length(size).hex() == told


def test_a_publish_has_topic_id_and_payload():
    assert packet("a/b", b"xyz", 258) == bytes([0x32, 10, 0, 3]) + b"a/b" + bytes([1, 2]) + b"xyz"


def test_a_connect_asks_for_mqtt_3_1_1_and_a_clean_session():
    assert connect("me") == bytes([0x10, 14, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 0, 0, 2]) + b"me"


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=30))
def test_what_was_written_is_read_again_packet_by_packet(tmp_path_factory, payloads):
    path = tmp_path_factory.mktemp("packets") / "publish"
    Packets.write(path, (Message("t", payload, 1) for payload in payloads))
    packets = Packets.read(path)
    content = packets.content()
    starts = [0, *packets.ends[:-1]]
    assert [content[a:b] for a, b in zip(starts, packets.ends, strict=True)] == [
        packet("t", payload, number) for number, payload in enumerate(payloads, 1)
    ]


def test_ids_begin_again_after_65535(tmp_path):
    packets = Packets.write(tmp_path / "publish", (Message("t", b"", 1) for _ in range(65_537)))
    ids = [int.from_bytes(packets.content()[end - 2 : end]) for end in packets.ends]
    assert ids[:2] == [1, 2]
    assert ids[65_534:] == [65_535, 1, 2]


def test_how_far_may_be_sent_is_nothing_at_first_and_shared(tmp_path):
    packets = Packets.write(tmp_path / "publish", [Message("t", b"", 1)])
    mine, theirs = packets.told(), Packets.read(tmp_path / "publish").told()
    assert mine[:8] == bytes(8)
    mine[:8] = (7).to_bytes(8, "little")
    assert int.from_bytes(theirs[:8], "little") == 7
