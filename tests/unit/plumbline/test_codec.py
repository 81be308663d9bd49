"""What is encoded decodes equal, and what is not an event is refused by name: quickly and in bounded memory."""

import json
import tracemalloc

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plumbline import codec, delivery, event
from plumbline.errors import CodecError
from tests.unit.plumbline.strategies import events, names

READING = event.Reading(
    id="01a20129-00b2-7ba1-a2b6-c22787533509",
    site="s",
    gateway="g",
    device="d",
    at=1,
    clock=event.ClockReading(quality="free", boot="b", mono=1),
    epoch="e",
    seq=1,
    measurement="environment",
    values={"pm2_5": 1.5},
)


def changed(**fields):
    """The JSON of a good event with some fields replaced (None: deleted)."""
    table = json.loads(codec.encode(READING)) | fields
    return json.dumps({key: value for key, value in table.items() if value is not None}).encode()


def batch_of(*raw: bytes, **header):
    fields = {"site": "s", "gateway": "g", "epoch": "e", "event_class": "telemetry", "ranges": ((1, len(raw)),)} | header
    return codec.encode_batch(delivery.BatchHeader(**fields), raw)


def reason_of(data):
    with pytest.raises(CodecError) as caught:
        codec.decode_event(data)
    return caught.value.reason


@given(events)
def test_what_is_encoded_decodes_equal(original):
    assert codec.decode_event(codec.encode(original)) == original


@given(st.lists(events, min_size=1, max_size=5), st.integers(1, 2**40))
def test_a_batch_gives_back_its_events_in_order(originals, first):
    cls = originals[0].event_class
    mine = [
        msgspec.structs.replace(e, site="s", gateway="g", epoch="e", seq=first + i)
        for i, e in enumerate(e for e in originals if e.event_class == cls)
    ]
    data = batch_of(*map(codec.encode, mine), event_class=cls, ranges=((first, first + len(mine) - 1),))
    decoded = codec.decode_batch(data)
    assert decoded.events == mine
    assert decoded.refused == []
    assert decoded.header.stream == delivery.StreamKey("s", "g", "e", cls)


@given(
    st.binary(max_size=2000)
    | st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists).map(
        lambda v: json.dumps(v).encode()
    )
)
@example(b"[" * 60_000)
@example(b'{"a":' * 12_000)
@example(b'{"kind":"reading","v":' + b"9" * 5000 + b"}")
@example(b'{"kind":"scan","at":1e400}')
@example(b'{"kind":"reading","values":{"a":NaN}}')
@example(b'"\\ud800"')
@example(b"\xff\xfe{}")
def test_hostile_bytes_are_refused_and_nothing_else_happens(data):
    for decode in (codec.decode_event, codec.decode_batch, codec.decode_presence, codec.decode_watermark, codec.decode_replay):
        with pytest.raises(CodecError):
            decode(data)


def test_ten_megabytes_are_refused_without_reading_them():
    data = b'{"kind":"scan","text":"' + b"x" * 10_000_000 + b'"}'
    tracemalloc.start()
    assert reason_of(data) == "too_large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[]", "invalid"),
        (b"null", "invalid"),
        (changed(kind="teleport"), "unknown_kind"),
        (changed(v=2), "newer_version"),
        (changed(v=2, kind="teleport"), "newer_version"),
        (changed(v=0), "invalid"),
        (changed(id="not-a-uuid"), "invalid"),
        (changed(device="a/b"), "invalid"),
        (changed(device="a\x00b"), "invalid"),
        (changed(device="name\n"), "invalid"),
        (changed(at=-1), "invalid"),
        (changed(at=2**63), "invalid"),
        (changed(at=1.5), "invalid"),
        (changed(seq=0), "invalid"),
        (changed(values={}), "invalid"),
        (changed(values={"a": "1"}), "invalid"),
        (changed(values={str(i): 1.0 for i in range(65)}), "invalid"),
        (changed(clock=None), "invalid"),
    ],
)
def test_each_refusal_has_its_reason(data, reason):
    assert reason_of(data) == reason


def test_fields_that_a_later_release_added_are_ignored():
    assert codec.decode_event(changed(colour="blue")) == READING


def test_a_bad_event_in_a_batch_comes_back_with_its_number_and_the_others_are_read():
    good = [codec.encode(msgspec.structs.replace(READING, seq=seq)) for seq in (1, 3)]
    decoded = codec.decode_batch(batch_of(good[0], changed(seq=2, kind="teleport"), good[1]))
    assert [e.seq for e in decoded.events] == [1, 3]
    assert [(r.seq, r.error.reason) for r in decoded.refused] == [(2, "unknown_kind")]
    assert json.loads(decoded.refused[0].raw)["kind"] == "teleport"


def test_an_event_of_another_stream_is_refused_from_the_batch():
    decoded = codec.decode_batch(batch_of(codec.encode(READING), changed(seq=2, gateway="other")))
    assert [e.seq for e in decoded.events] == [1]
    assert [r.seq for r in decoded.refused] == [2]


def test_a_business_event_in_a_telemetry_batch_is_refused():
    scan = event.Scan(
        **{f: getattr(READING, f) for f in ("id", "site", "gateway", "device", "at", "clock", "epoch", "seq")},
        raw=b"1",
        text="1",
    )
    assert [r.error.reason for r in codec.decode_batch(batch_of(codec.encode(scan))).refused] == ["invalid"]


@pytest.mark.parametrize("ranges", [(), ((1, 2),), ((2, 1),), ((1, 1), (1, 1)), ((5, 5), (1, 1))])
def test_a_batch_whose_numbers_do_not_fit_its_events_is_refused(ranges):
    with pytest.raises(CodecError, match="ranges"):
        codec.decode_batch(batch_of(codec.encode(READING), ranges=ranges))


def test_a_range_of_a_trillion_numbers_costs_nothing():
    with pytest.raises(CodecError, match="ranges list"):
        codec.decode_batch(batch_of(codec.encode(READING), ranges=((1, 10**12),)))


@given(names, names, st.integers(0, 2**62))
def test_delivery_messages_decode_equal(site, gateway, upto):
    mark = delivery.Watermark(
        site=site, gateway=gateway, epoch="e", event_class="business", upto=upto, beyond=((upto + 2, upto + 3),)
    )
    assert codec.decode_watermark(codec.encode(mark)) == mark
    presence = delivery.Presence(site=site, gateway=gateway, online=True, at=upto, epoch="e", backlog=3)
    assert codec.decode_presence(codec.encode(presence)) == presence
    replay = delivery.ReplayRequest(epoch="e", event_class="telemetry", ranges=((1, 2),))
    assert codec.decode_replay(codec.encode(replay)) == replay
