"""What a machine does, by its registers."""

import pytest

from edge_agent.modbus import point_of
from edge_agent.readers.modbus.declaration import StatePoints
from edge_agent.readers.modbus.states import state_of
from plumbline import settings
from plumbline.profile import ModbusShape
from plumbline.profile.modbus import ModbusState


def state(table: dict, *registers: int):
    shape = settings.convert(table, ModbusState, "test")
    points = StatePoints(
        shape=shape,
        register=None if shape.register is None else point_of(shape.register, ModbusShape()),
        code=None if shape.code is None else point_of(shape.code, ModbusShape()),
        rules=tuple(None if rule.register is None else point_of(rule.register, ModbusShape()) for rule in shape.rules),
    )
    return state_of(points, {"holding": dict(enumerate(registers))}, {})


@pytest.mark.parametrize(
    ("kind", "registers", "code"),
    [
        ("uint16", (65_535,), "65535"),
        ("uint32", (0x0012, 0xD687), "1234567"),
        ("uint64", (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), "18446744073709551615"),
        ("float32", (0x4049, 0x0000), "3.140625"),
        ("uint16", (0,), None),
    ],
)
def test_a_fault_code_keeps_every_digit(kind: str, registers: tuple[int, ...], code: str | None) -> None:
    table = {"register": {"address": 0}, "words": {"3": "fault"}, "code": {"address": 1, "type": kind}}
    assert state(table, 3, *registers) == ("fault", code)


def test_a_state_of_many_bits_is_compared_to_the_last_digit() -> None:
    register = {"address": 0, "type": "uint64"}
    words = {"18446744073709551615": "fault", "18446744073709551614": "idle"}
    assert state({"register": register, "words": words}, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE) == ("idle", None)
