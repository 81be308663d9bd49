"""Our decoder of Sparkplug B against the protobuf library."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects.document import FieldError
from plumbline.dialects.sparkplug_payload import payload, typed
from tests.unit.plumbline.dialects.sparkplug_schema import VALUES, Payload, encoded

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
VALUE = {
    "int_value": U32,
    "long_value": U64,
    "float_value": st.floats(width=32),
    "double_value": st.floats(),
    "boolean_value": st.booleans(),
    "string_value": st.text(max_size=50),
    "bytes_value": st.binary(max_size=20),
}
METRIC = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=50),
        "alias": U64,
        "timestamp": U64,
        "datatype": U32,
        "is_historical": st.booleans(),
        "is_null": st.booleans(),
        "unit": st.sampled_from(["kW", "°C"]),
        "quality": st.sampled_from([0, 192, 500]),
    },
)
METRICS = st.tuples(
    METRIC, st.none() | st.sampled_from(list(VALUE)).flatmap(lambda key: st.tuples(st.just(key), VALUE[key]))
).map(lambda pair: pair[0] | ({} if pair[1] is None else {pair[1][0]: pair[1][1]}))


def same(one: object, other: object) -> bool:
    return one == other or (isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other))


def compare(data: bytes) -> None:
    """What we decode is what the library decodes."""
    ours, theirs = payload(data), Payload.FromString(data)
    assert ours.timestamp_ms == (theirs.timestamp if theirs.HasField("timestamp") else None)
    assert ours.seq == (theirs.seq if theirs.HasField("seq") else None)
    assert len(ours.metrics) == len(theirs.metrics)
    for mine, metric in zip(ours.metrics, theirs.metrics, strict=True):
        for key, name in (("name", "name"), ("alias", "alias"), ("timestamp_ms", "timestamp"), ("datatype", "datatype")):
            assert getattr(mine, key) == (getattr(metric, name) if metric.HasField(name) else None)
        assert mine.is_null == metric.is_null
        which = metric.WhichOneof("value")
        if which in {None, "bytes_value", "dataset_value", "template_value"}:
            assert mine.value is None
            assert (mine.compound is None) == (which is None)
        else:
            assert mine.compound is None
            assert same(mine.value, getattr(metric, which))


@given(st.lists(METRICS, max_size=5), st.none() | U64, st.none() | st.integers(0, 255))
def test_what_an_edge_node_sends_is_read_as_the_library_reads_it(metrics, timestamp, seq):
    data = encoded(*metrics, timestamp=timestamp, seq=seq)
    compare(data)
    for ours, given_ in zip(payload(data).metrics, metrics, strict=True):
        assert (ours.unit, ours.quality) == (given_.get("unit"), given_.get("quality"))


@given(st.lists(METRICS, max_size=3), st.data())
def test_bytes_that_were_changed_on_the_way_are_refused_or_read_as_the_library_reads_them(metrics, data):
    whole = bytearray(encoded(*metrics, timestamp=5, seq=1))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with suppress(FieldError):
        payload(damaged)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_payload_or_refused(data):
    with suppress(FieldError):
        payload(data)


def test_every_sort_of_value_is_told_apart():
    given_ = {
        "int_value": 7,
        "long_value": 2**40,
        "float_value": 1.5,
        "double_value": 2.5,
        "boolean_value": True,
        "string_value": "x",
        "bytes_value": b"x",
        "dataset_value": {"num_of_columns": 1},
        "template_value": {"version": "1"},
    }
    assert list(given_) == VALUES
    found = payload(encoded(*({"name": key, key: value} for key, value in given_.items()))).metrics
    assert [one.value for one in found] == [7, 2**40, 1.5, 2.5, True, "x", None, None, None]
    assert [one.compound for one in found[6:]] == ["bytes", "a DataSet", "a template"]


@pytest.mark.parametrize(
    ("value", "datatype", "expected"),
    [
        (0xFF, 1, -1),
        (0xFFFF_FFFF, 1, -1),
        (0xFFFE, 2, -2),
        (0xFFFF_FFFF, 3, -1),
        (2**64 - 5, 4, -5),
        (300, 5, 44),
        (65_535, 6, 65_535),
        (2**32 - 1, 7, 2**32 - 1),
        (2**64 - 1, 8, 2**64 - 1),
        (1.5, 9, 1.5),
        (1, 11, True),
        (True, 11, True),
        (7, None, 7),
    ],
)
def test_integers_get_the_sign_of_their_datatype(value, datatype, expected):
    assert typed(value, datatype) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08", "ends too soon"),
        (b"\x12\x05ab", "ends too soon"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "more than ten bytes"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "impossible number"),
        (b"\x12\x04\x0a\x02\xff\xfe", "not UTF-8"),
        (encoded({"name": "x" * 600}), "a metric's name has 600 bytes"),
        (b"\x12\x00" * 10_001, "more than 10000 metrics"),
    ],
)
def test_what_is_no_payload_is_refused_with_a_reason(data, message):
    with pytest.raises(FieldError, match=message):
        payload(data)
