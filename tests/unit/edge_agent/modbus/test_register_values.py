"""Registers become values: every type, every order, and what means 'not available'."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus import Point, RegisterError, point_of, value_of
from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.profile import ModbusShape, Register

#: Bytes on the line, by order: A is the highest of the value.
WIRE = {
    2: {"AB": "01", "BA": "10", "ABCD": "01", "CDAB": "01", "BADC": "10", "DCBA": "10"},
    4: {"ABCD": "0123", "DCBA": "3210", "CDAB": "2301", "BADC": "1032"},
    8: {
        "ABCD": "01234567", "DCBA": "76543210", "CDAB": "67452301", "BADC": "10325476",
        "ABCDEFGH": "01234567", "HGFEDCBA": "76543210", "GHEFCDAB": "67452301", "BADCFEHG": "10325476", "EFGHABCD": "45670123",
    },
}  # fmt: skip
ORDERS = [(size, order) for size, orders in WIRE.items() for order in orders]
FORMS = {2: ("uint16", ">H"), 4: ("uint32", ">I"), 8: ("uint64", ">Q")}


def point(**table: object) -> Point:
    return point_of(settings.convert({"address": 0, **table}, Register, "test"), ModbusShape())


def read(what: Point, data: bytes | list[int]) -> float | str | None:
    found = data if isinstance(data, list) else [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    return value_of(what, {what.table: dict(enumerate(found, what.address))})


@pytest.mark.parametrize(("size", "order"), ORDERS)
def test_each_order_puts_the_bytes_where_they_belong(size, order):
    kind, form = FORMS[size]
    value = bytes(range(1, size + 1))
    wire = bytes(value[int(i)] for i in WIRE[size][order])
    assert read(point(type=kind, order=order), wire) == struct.unpack(form, value)[0]


@given(st.sampled_from(["int16", "int32", "int64", "uint16", "uint32", "uint64"]), st.data())
def test_integers_come_back_exactly(kind, data):
    size = int(kind.strip("uint")) // 8
    raw = data.draw(st.binary(min_size=size, max_size=size))
    assert read(point(type=kind), raw) == int.from_bytes(raw, "big", signed=not kind.startswith("u"))


@given(st.sampled_from([("float16", ">e"), ("float32", ">f"), ("float64", ">d")]), st.data())
def test_floats_are_values_or_absent_or_refused_but_never_nan_or_infinite(kind, data):
    name, form = kind
    size = struct.calcsize(form)
    raw = data.draw(st.binary(min_size=size, max_size=size))
    expected = struct.unpack(form, raw)[0]
    if math.isinf(expected):
        with pytest.raises(RegisterError, match="infinity"):
            read(point(type=name), raw)
    else:
        assert read(point(type=name), raw) == (None if math.isnan(expected) else expected)


@pytest.mark.parametrize(
    ("table", "content", "value"),
    [
        ({"type": "uint8h"}, [0x180D], 24), ({"type": "uint8l"}, [0x180D], 13),
        ({"type": "int8h"}, [0xFD8D], -3), ({"type": "int8l"}, [0x988D], -115),
        ({"type": "uint8l", "order": "BA"}, [0x180D], 24),
        ({"bit": 3}, [0x0008], 1), ({"bit": 15}, [0x7FFF], 0), ({"type": "bit"}, [1], 1), ({"type": "bit", "bit": 4}, [0x10], 1),
        ({"bits": [4, 7]}, [0xABCD], 0xC), ({"bits": [0, 15]}, [0xFFFF], 0xFFFF), ({"type": "uint32", "bit": 31}, [0x8000, 0], 1),
        ({"type": "bcd"}, [0x1234], 1234), ({"type": "bcd", "length": 2}, [0x0098, 0x7654], 987654),
        ({"type": "bcd", "length": 2, "order": "CDAB"}, [0x7654, 0x0098], 987654),
        ({"type": "fixed", "order": "ABCD"}, [0xFFFF, 0xFFD6], -42), ({"type": "ufixed", "length": 1}, [0xFFD6], 0xFFD6),
        ({"type": "string", "length": 3}, [0x5344, 0x4D36, 0x3330], "SDM630"), ({"type": "string", "length": 2}, [0x4100, 0x4242], "A"),
        ({"type": "string", "length": 2, "order": "BADC"}, [0x5453, 0x4D44], "STDM"),
        ({"type": "string", "length": 2}, [0, 0], None), ({"type": "string", "length": 2}, [0x2020, 0x2020], None),
        ({"type": "string", "length": 2}, [0xFFFF, 0xFFFF], None),
        ({"type": "string", "length": 2}, [0x41E4, 0xB8AD], "A中"),
        ({"table": "coil"}, [1], 1), ({"table": "discrete", "length": 4}, [1, 0, 1, 0], 5),
        ({"absent": [0x8000], "type": "int16"}, [0x8000], None), ({"absent": [-32768], "type": "int16"}, [0x8000], None),
        ({"absent": [0xFFFF]}, [0xFFFF], None), ({"absent": [0x7FC00001], "type": "float32"}, [0x7FC0, 1], None),
        ({"absent": [0xFFFF], "type": "bcd"}, [0xFFFF], None), ({"absent": [0]}, [0], None),
        ({"absent": [0xFFFFFFFF], "type": "uint32", "order": "CDAB"}, [0xFFFF, 0xFFFF], None),
    ],
)  # fmt: skip
def test_values_of_each_type(table, content, value):
    assert read(point(**table), content) == value


@pytest.mark.parametrize("content", [[0x12AB], [0xFFFF], [0x000A]])
def test_what_is_not_decimal_is_no_bcd(content):
    with pytest.raises(RegisterError, match=r"holding 0 \(40001\): 0x.* holds no decimal digits; check"):
        read(point(type="bcd"), content)


@pytest.mark.parametrize(
    ("how", "factor", "value"),
    [
        ("exponent", -1, 230.1),
        ("exponent", 2, 230_100),
        ("exponent", 0, 2301),
        ("exponent", -32768, None),
        ("factor", 40, 92_040),
    ],
)
def test_a_scale_register_scales(how, factor, value):
    what = point(scaled_by={"address": 5, "type": "int16", "how": how, "absent": [0x8000]})
    assert value_of(what, {"holding": {0: 2301, 5: factor & 0xFFFF}}) == value
    assert value_of(what, {"holding": {0: 2301}}) is None


def test_a_scale_factor_out_of_the_standards_range_is_refused():
    what = point(scaled_by={"address": 5, "type": "int16"})
    with pytest.raises(RegisterError, match=r"holding 5 \(40006\): 11 is no exponent of 10"):
        value_of(what, {"holding": {0: 1, 5: 11}})


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["uint16", "int32", "float16", "float64", "bcd", "string", "uint8l", "fixed", "bit"])},
        optional={"length": st.sampled_from([1, 2, 4]), "order": st.sampled_from(["ABCD", "CDAB", "DCBA", "BADC"])},
    ),
    st.lists(st.integers(0, 65_535), max_size=4),
)
def test_whatever_registers_hold_there_is_a_value_none_or_a_register_error(table, content):
    try:
        what = point(**table)
    except SettingsError:
        return
    try:
        value = value_of(what, {"holding": dict(enumerate(content))})
    except RegisterError:
        return
    assert value is None or isinstance(value, str) or math.isfinite(value)
    assert value is None or len(content) >= what.count
