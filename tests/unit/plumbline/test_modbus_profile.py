"""What may be declared about a Modbus device, and what is refused with which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.profile import ModbusShape, ModbusState, Register
from plumbline.profile.modbus import check_order, numbered


@pytest.mark.parametrize(
    ("number", "table", "address"),
    [
        (40001, "holding", 0), (49999, "holding", 9998), (400001, "holding", 0), (465536, "holding", 65_535),
        (30001, "input", 0), ("365536", "input", 65_535), (10005, "discrete", 4), ("100001", "discrete", 0),
        ("00001", "coil", 0), (1, "coil", 0), ("010001", "coil", 10_000), (9999, "coil", 9998),
    ],
)  # fmt: skip
def test_numbers_of_manuals_become_tables_and_addresses(number, table, address):
    assert numbered(number) == (table, address)


@pytest.mark.parametrize("number", [0, -1, 20001, 50001, 40000, 465537, 4000001, "", "4x001", "４0001", "٤0001", "1", "40 001"])
def test_what_is_no_number_of_a_register_is_refused(number):
    with pytest.raises(ValueError, match=r"number: .* is none"):
        numbered(number)


@given(st.one_of(st.integers(), st.text(max_size=8)))
def test_any_number_is_a_place_or_refused(number):
    try:
        table, address = numbered(number)
    except ValueError:
        return
    assert table in {"coil", "discrete", "input", "holding"}
    assert 0 <= address <= 65_535


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "address: give either address"),
        ({"address": 1, "number": 40001}, "address: give either"),
        ({"address": 65_536}, "address: "),
        ({"address": 65_535, "type": "uint32"}, "reach past 65535"),
        ({"number": 40001, "table": "input"}, "number: 40001 is of the table 'holding'"),
        ({"address": 0, "type": "uint24"}, "type: "),
        ({"address": 0, "type": "string"}, "length: is missing"),
        ({"address": 0, "type": "bcd", "length": 3}, "length: bcd takes 1, 2 or 4 registers, found 3"),
        ({"address": 0, "type": "int32", "length": 4}, "length: int32 takes 2 registers"),
        ({"address": 0, "order": "ABDC"}, "order: 'ABDC' is none for 2 bytes"),
        ({"address": 0, "type": "int32", "order": "ABCE"}, "order: 'ABCE' is none for 4 bytes"),
        ({"address": 0, "type": "float64", "order": "AB"}, "order: 'AB' is none for 8 bytes"),
        ({"address": 0, "type": "float32", "order": "abcd"}, "order: 'abcd'"),
        ({"address": 0, "bit": 16}, "bits: 16 to 16 is no range of a uint16"),
        ({"address": 0, "bits": [5, 2]}, "bits: 5 to 2"),
        ({"address": 0, "bits": [0, 1], "bit": 1}, "bits: give either"),
        ({"address": 0, "type": "float32", "bit": 1}, "bit: a float32 has none"),
        ({"address": 0, "type": "uint8h", "bit": 8}, "bits: 8 to 8 is no range of a uint8h"),
        ({"address": 0, "table": "coil", "type": "float32"}, "type: a coil"),
        ({"number": 1, "length": 17}, "type: a coil"),
        ({"address": 0, "scaled_by": {"address": 1, "how": "log"}}, "scaled_by.how: "),
        ({"address": 0, "adress": 1}, "adress: is not a setting here"),
    ],
)
def test_a_register_that_contradicts_itself_is_refused_by_its_key(table, said):
    with pytest.raises(SettingsError) as failed:
        settings.convert(table, Register, "test")
    assert said in str(failed.value)


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA", "ABCDEFGH", "HGFEDCBA", "GHEFCDAB", "BADCFEHG", "EFGHABCD"])
def test_orders_of_eight_bytes(order):
    check_order(order, 8)


@pytest.mark.parametrize(
    ("table", "registers"),
    [
        ({"type": "fixed", "order": "AB"}, 1), ({"type": "ufixed", "order": "DCBA"}, 2), ({"type": "fixed", "order": "HGFEDCBA"}, 4),
        ({"type": "fixed"}, 1), ({"type": "fixed", "length": 2}, 2), ({"type": "bcd", "length": 4}, 4), ({"type": "float16"}, 1),
        ({"type": "string", "length": 16}, 16), ({"type": "uint64"}, 4), ({"type": "int8l"}, 1), ({"table": "coil", "length": 8}, 8),
    ],
)  # fmt: skip
def test_a_type_takes_so_many_registers(table, registers):
    assert settings.convert({"address": 0, **table}, Register, "test").registers == registers


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "register: give either register with words, or rules"),
        ({"register": {"address": 0}}, "words: is missing"),
        ({"register": {"address": 0}, "words": {"1": "busy"}}, "words"),
        ({"register": {"address": 0, "type": "string", "length": 2}, "words": {"A": "off"}}, "not from a string"),
        ({"rules": [{"state": "off"}]}, "metric: give either metric or register"),
        ({"rules": [{"state": "off", "metric": "x", "register": {"address": 0}}]}, "metric: give either"),
    ],
)
def test_a_state_that_could_never_be_is_refused(table, said):
    with pytest.raises(SettingsError) as failed:
        settings.convert(table, ModbusState, "test")
    assert said in str(failed.value)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"order": "AB"}, "order: 'AB' is none for every size"),
        ({"holes": [{"first": 5, "last": 4}]}, "last: 4 is before first, 5"),
        ({"absent": {"uint99": [1]}}, "absent"),
        ({"max_registers": 126}, "max_registers"),
    ],
)
def test_a_shape_with_a_mistake_is_refused(table, said):
    with pytest.raises(SettingsError) as failed:
        settings.convert(table, ModbusShape, "test")
    assert said in str(failed.value)
