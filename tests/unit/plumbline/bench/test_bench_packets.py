"""Packets in a file are MQTT packets, and their index tells where each ends."""

import hypothesis.strategies as st
from hypothesis import given

from plumbline.bench.ingest.load import Message
from plumbline.bench.ingest.packets import Packets


def packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH, QoS 1 (MQTT 3.1.1, 3.3), short enough for a length of one or two bytes."""
    rest = len(topic).to_bytes(2) + topic.encode() + packet_id.to_bytes(2) + payload
    size = bytes([len(rest)]) if len(rest) < 128 else bytes([len(rest) % 128 | 128, len(rest) // 128])
    return b"\x32" + size + rest


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
