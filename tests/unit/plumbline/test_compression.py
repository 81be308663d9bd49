"""Compressed batches: told from JSON by their bytes, bounded, and refused by name where they are damaged."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import codec, compression
from plumbline.errors import CodecError
from tests.unit.plumbline.test_codec import READING, batch_of, changed

LIMIT = 100_000
BATCH = batch_of(*(codec.encode(READING) if n == 1 else changed(seq=n) for n in range(1, 51)))


def reason_of(data):
    with pytest.raises(CodecError) as caught:
        codec.decode_batch(data)
    return caught.value.reason


@given(st.binary(max_size=5000))
def test_what_is_compressed_comes_back_whatever_it_was(data):
    small = compression.compressed(data)
    assert len(small) <= len(data)
    if small is not data:
        assert compression.expanded(small, LIMIT) == data


def test_a_batch_is_read_the_same_compressed_or_not():
    small = compression.compressed(BATCH)
    assert len(small) * 4 < len(BATCH)
    assert codec.decode_batch(small) == codec.decode_batch(BATCH)


def test_a_bad_event_in_a_compressed_batch_leaves_the_others():
    small = compression.compressed(
        batch_of(codec.encode(READING), changed(seq=2, kind="teleport"), changed(seq=3, text="x" * 500))
    )
    assert compression.is_compressed(small)
    decoded = codec.decode_batch(small)
    assert ([event.seq for event in decoded.events], [one.seq for one in decoded.refused]) == ([1, 3], [2])


def test_little_is_left_as_it_is():
    assert compression.compressed(codec.encode(READING)) == codec.encode(READING)


@pytest.mark.parametrize("level", range(10))
def test_json_is_never_taken_for_a_stream_and_a_stream_of_any_level_never_for_json(level):
    assert compression.is_compressed(zlib.compress(b"{}", level))
    assert not any(compression.is_compressed(text) for text in (b"", b"x", b"{", BATCH, b" {}", b"[]"))


def test_a_bomb_is_refused_in_the_memory_of_its_limit():
    bomb = zlib.compress(b"{" + b" " * 40_000_000, 9)
    tracemalloc.start()
    assert reason_of(bomb) == "too_large"
    assert tracemalloc.get_traced_memory()[1] < 4 * codec.MAX_BATCH_BYTES
    tracemalloc.stop()


def test_what_is_too_large_before_it_is_expanded_is_not_expanded():
    assert reason_of(b"\x78\x9c" + b"x" * codec.MAX_BATCH_BYTES) == "too_large"


@given(st.integers(2, len(compression.compressed(BATCH)) - 1))
def test_a_stream_that_was_cut_off_is_refused(length):
    assert reason_of(compression.compressed(BATCH)[:length]) == "not_json"


@given(st.integers(2, len(compression.compressed(BATCH)) - 1), st.integers(1, 255))
def test_a_stream_with_a_changed_byte_is_refused_by_name(at, flip):
    data = bytearray(compression.compressed(BATCH))
    data[at] ^= flip
    assert reason_of(bytes(data)) in {"not_json", "too_large"}


def test_something_behind_the_stream_is_refused():
    assert reason_of(compression.compressed(BATCH) + b"more") == "not_json"


@given(
    st.binary(max_size=3000), st.integers(0, 9), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=2)
)
def test_whoever_expands_a_stream_damaged_or_not_says_what_zlib_says(text, level, damages):
    data = bytearray(zlib.compress(text, level))
    for at, value in damages:
        data[at % len(data)] = value
    if not compression.is_compressed(bytes(data)):
        return
    try:
        said = zlib.decompress(bytes(data))
    except zlib.error:
        said = None
    try:
        assert compression.expanded(bytes(data), 100_000) == said
    except CodecError:
        assert said is None or len(said) > 100_000


@given(st.lists(st.binary(max_size=3) | st.just(compression.compressed(b"x" * 1000)), max_size=5))
def test_what_looks_plain_is_not_compressed(payloads):
    if compression.are_plain(payloads):
        assert not any(map(compression.is_compressed, payloads))
    assert compression.are_plain([b"{}", b"", b"["])
