"""One event whose bytes were damaged where it was kept holds back none of the others of its batch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import codec
from plumbline.compression import compressed
from plumbline.errors import CodecError
from tests.batches import batch, fix, reading, scan


def torn(events, index, damage):
    """A batch in which the bytes of one event are what `damage` makes of them, as they would come from a disk."""
    _, whole = batch(events)
    good = codec.encode(events[index])
    return whole.replace(good, damage(good))


DAMAGES = {
    "a bit": lambda raw: raw[:20] + bytes([raw[20] ^ 0x80]) + raw[21:],
    "a hole of zeros": lambda raw: raw[:30] + bytes(40) + raw[70:],
    "a quote": lambda raw: raw.replace(b'"device"', b'"device', 1),
    "cut in the middle": lambda raw: raw[: len(raw) // 2],
    "a tower of brackets": lambda raw: raw.replace(b'"epoch"', b'"x":' + b"[" * 5000 + b',"epoch"', 1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("pack", [bytes, compressed])
def test_the_others_come_through_and_the_damaged_one_comes_back_with_its_number(damage, index, pack):
    events = [scan(1), scan(2), scan(3), scan(5)]
    read = codec.decode_batch(pack(torn(events, index, damage)))
    assert read.events == [event for event in events if event.seq != events[index].seq]
    [(seq, raw, error)] = read.refused
    assert seq == events[index].seq
    assert raw.startswith(b'{"kind":')
    assert error.reason in {"not_json", "invalid"}


@pytest.mark.parametrize("damage", list(DAMAGES.values())[:4], ids=list(DAMAGES)[:4])
def test_a_batch_of_one_damaged_event_has_a_number_all_the_same(damage):
    [(seq, _, _)] = codec.decode_batch(torn([reading(7)], 0, damage)).refused
    assert seq == 7


@given(st.integers(0, 3), st.binary(max_size=60), st.integers(0, 300), st.integers(0, 60))
def test_whatever_is_written_over_an_event_no_event_gets_the_number_of_another(index, noise, at, gone):
    events = [fix(1), reading(2), fix(3), reading(9)]
    damaged = torn(events, index, lambda raw: raw[: at % len(raw)] + noise + raw[at % len(raw) + gone :])
    try:
        read = codec.decode_batch(damaged)
    except CodecError:
        return
    numbers = sorted([event.seq for event in read.events] + [refused.seq for refused in read.refused])
    assert numbers == [1, 2, 3, 9]
    others = {event.seq: event for event in events if event.seq != events[index].seq}
    assert {event.seq: event for event in read.events if event.seq in others}.items() <= others.items()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda whole: whole[:40],
        lambda whole: whole.replace(b'"ranges":[[1,2]]', b'"ranges":[[1,3]]') + b"!",
        lambda whole: whole.replace(b'"events":[', b'"v":99,"events":[') + b"!",
        lambda whole: whole.replace(b'"ranges"', b'"rages"') + b"!",
    ],
    ids=["no header", "another count", "a newer version", "no ranges"],
)
def test_where_numbers_cannot_be_told_the_message_is_refused_as_a_whole(wrong):
    _, whole = batch([scan(1), scan(2)])
    with pytest.raises(CodecError):
        codec.decode_batch(wrong(whole))
