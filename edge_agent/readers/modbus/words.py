"""What exception codes mean to a site engineer (Modbus Application Protocol 1.1b3, section 7)."""

from collections.abc import Mapping
from typing import Final

#: Code → (its name, what to check).
_EXCEPTIONS: Final[Mapping[int, tuple[str, str]]] = {
    1: (
        "illegal function",
        "the table: the slave does not know this function; input and holding registers are easily mistaken",
    ),
    2: ("illegal data address", "the register map: the slave has no such register; count addresses from 0, or give number"),
    3: ("illegal data value", "max_registers: the slave may give fewer at once"),
    4: ("device failure", "the slave itself: it could not read its own value"),
    5: ("acknowledge", "nothing: the slave is busy and is asked again"),
    6: ("busy", "who else polls it, and every_s: it is asked more often than it can answer"),
    8: ("memory parity error", "the slave itself: its memory is damaged"),
    10: ("gateway path unavailable", "the gateway: it has no way to this unit number"),
    11: ("gateway target failed to respond", "the slave's power, its cable and its unit number: the gateway got no answer"),
}
#: The slave is there and refuses the addresses: asking for others may help.
ADDRESS_REFUSED: Final = frozenset({2, 3})
#: What was asked is wrong, and will be the next time.
MAP_REFUSED: Final = frozenset({1, 2, 3})
#: The slave is busy: nothing is wrong with what was asked.
BUSY: Final = frozenset({5, 6})
#: A gateway says that the slave behind it is silent.
SILENT: Final = frozenset({10, 11})


def exception(code: int) -> tuple[str, str]:
    """Name and what to check."""
    return _EXCEPTIONS.get(code, (f"exception {code}", "the maker's manual for this code"))
