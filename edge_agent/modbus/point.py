"""A place in a device: which table, from which address, how many registers, and how their bytes are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from plumbline.profile.modbus import ModbusShape, Register, RegisterType, ScaleRegister, Table, numbered

_BASES: Final[Mapping[Table, int]] = {"coil": 0, "discrete": 1, "input": 3, "holding": 4}
#: Table → address → content (registers 0 to 65535, bits 0 and 1) of what was read.
Contents = Mapping[Table, Mapping[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A declared register with its device's defaults filled in."""

    table: Table
    address: int
    count: int
    type: RegisterType
    order: str
    bits: tuple[int, int] | None = None
    absent: tuple[int, ...] = ()
    scale: "Point | None" = None
    scale_how: Literal["exponent", "factor"] = "exponent"

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.count

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return place_of(self.table, self.address, self.count)

    @property
    def needs(self) -> tuple["Point", ...]:
        """What must be read for its value: itself, and the register that scales it."""
        return (self,) if self.scale is None else (self, self.scale)

    def words(self, contents: Contents) -> Sequence[int] | None:
        """Its registers, or `None` where they were not all read."""
        table = contents.get(self.table, {})
        found = [table[address] for address in range(self.address, self.end) if address in table]
        return found if len(found) == self.count else None


def place_of(table: Table, address: int, count: int) -> str:
    """Addresses in words, as on the line and as manuals number them: `holding 0-9 (40001-40010)`."""
    last = address + count - 1
    base, width = _BASES[table], 5 if last < 9999 else 6
    first_number, last_number = (f"{base}{number + 1:0{width - 1}d}" for number in (address, last))
    if count == 1:
        return f"{table} {address} ({first_number})"
    return f"{table} {address}-{last} ({first_number}-{last_number})"


def point_of(register: Register | ScaleRegister, shape: ModbusShape) -> Point:
    """Where `register` stands in a device of `shape`."""
    table = register.table or (numbered(register.number)[0] if register.number is not None else shape.table)
    bits = register.bits
    if register.bit is not None:
        bits = register.bit, register.bit
    elif register.type == "bit" and table in {"input", "holding"}:
        bits = 0, 0
    scaled_by = register.scaled_by if isinstance(register, Register) else None
    return Point(
        table=table,
        address=register.place,
        count=register.registers,
        type=register.type,
        order=register.order or shape.order,
        bits=bits,
        absent=shape.absent.get(register.type, ()) if register.absent is None else register.absent,
        scale=None if scaled_by is None else point_of(scaled_by, shape),
        scale_how="exponent" if scaled_by is None else scaled_by.how,
    )
