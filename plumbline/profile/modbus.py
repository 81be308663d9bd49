"""Which registers of a Modbus device hold what (Modbus Application Protocol 1.1b3, section 4.3).

Addresses count from 0, as on the line. A manual that writes 40001 means the first holding register: give it as `number`.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from plumbline.event import Name

Table = Literal["coil", "discrete", "input", "holding"]
RegisterType = Literal[
    "int8h", "int8l", "uint8h", "uint8l",
    "int16", "int32", "int64", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
    "fixed", "ufixed", "bcd", "bit", "string",
]  # fmt: skip
StateWord = Literal["off", "idle", "working", "fault"]
Address = Annotated[int, Meta(ge=0, le=65_535)]
Period = Annotated[float, Meta(gt=0, le=86_400)]

#: Registers that a value of the type takes; those that are missing here say it with `length`.
_LENGTHS: Final = {
    **dict.fromkeys(("int8h", "int8l", "uint8h", "uint8l", "int16", "uint16", "float16", "bit"), 1),
    **dict.fromkeys(("int32", "uint32", "float32"), 2),
    **dict.fromkeys(("int64", "uint64", "float64"), 4),
}
#: First digit of a register's number in a manual → table.
_TABLES: Final[dict[str, Table]] = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
#: Orders that have a meaning for every size: byte order within a register, and register order.
_GENERAL: Final = ("ABCD", "BADC", "CDAB", "DCBA")


class _Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a value stands and how its bytes are read."""

    table: Table | None = None
    """`holding` (function 3), `input` (4), `coil` (1) or `discrete` (2); default: that of the device."""
    address: Address | None = None
    """From 0, as on the line."""
    number: int | str | None = None
    """As manuals number it, from 1 with the table in front: 40001, 400001, "00001" is the first coil. Instead of `address`."""
    type: RegisterType = "uint16"
    """`int8h` … are the high and low byte of a register; `fixed` and `ufixed` integers of `length` registers; `bcd` decimal digits."""
    order: str | None = None
    """Bytes in the order in which they come, A being the highest: `ABCD`, `CDAB` (low register first), `BADC`, `DCBA`; default: that
    of the device. These four are meant for any size; `AB`, `BA` and eight letters for just theirs."""
    length: Annotated[int, Meta(ge=1, le=125)] | None = None
    """Registers (coils: bits) of a `string`, `bcd`, `fixed` or `ufixed`; the other types have a length of their own."""
    bit: Annotated[int, Meta(ge=0, le=63)] | None = None
    """One bit of the value, 0 the lowest."""
    bits: tuple[Annotated[int, Meta(ge=0, le=63)], Annotated[int, Meta(ge=0, le=63)]] | None = None
    """Several bits as one number: the lowest and the highest that belong to it."""
    absent: Annotated[tuple[int, ...], Meta(max_length=16)] | None = None
    """Contents that mean 'not available', as in the manual: `0x8000`, -32768. NaN always means it."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if (self.address is None) == (self.number is None):
            raise ValueError("address: give either address (from 0) or number (40001), and one of them")
        if self.number is not None:
            table, _ = numbered(self.number)
            if self.table not in {None, table}:
                raise ValueError(f"number: {self.number} is of the table '{table}', but table says '{self.table}'")
        if self.bit is not None and self.bits is not None:
            raise ValueError("bits: give either bit or bits")
        self._check_length()
        if self.order is not None:
            check_order(self.order, self.registers * 2, text=self.type == "string")
        self._check_bits()

    def _check_length(self) -> None:
        own = _LENGTHS.get(self.type)
        coils = (self.table or (numbered(self.number)[0] if self.number is not None else None)) in {"coil", "discrete"}
        if coils:
            if self.type not in {"bit", "uint16"} or self.bit is not None or self.bits is not None or (self.length or 1) > 16:
                raise ValueError("type: a coil or discrete input is a bit; length (at most 16) takes several as one number")
        elif own is not None and self.length not in {None, own}:
            raise ValueError(f"length: {self.type} takes {own} registers, found {self.length}; leave it out")
        elif self.type == "string" and self.length is None:
            raise ValueError("length: is missing; say how many registers the string takes")
        elif self.type in {"fixed", "ufixed", "bcd"} and self.registers not in {1, 2, 4}:
            raise ValueError(f"length: {self.type} takes 1, 2 or 4 registers, found {self.length}")
        if self.place + self.registers > 65_536:
            raise ValueError(f"address: {self.place} and {self.registers} registers reach past 65535")

    def _check_bits(self) -> None:
        if self.bit is None and self.bits is None:
            return
        if not (self.type.startswith("uint") or self.type == "bit"):
            raise ValueError(f"bit: a {self.type} has none; bits are taken from uint16, uint32 or uint64")
        low, high = self.bits or (self.bit or 0, self.bit or 0)
        width = 8 if self.type.startswith("uint8") else 16 * self.registers
        if not low <= high < width:
            raise ValueError(f"bits: {low} to {high} is no range of a {self.type}, whose bits are 0 to {width - 1}")

    @property
    def place(self) -> int:
        """The address, from 0."""
        if self.address is not None:
            return self.address
        assert self.number is not None
        return numbered(self.number)[1]

    @property
    def registers(self) -> int:
        """How many registers, or coils, the value takes."""
        own = _LENGTHS.get(self.type)
        if self.length is not None:
            return self.length
        if own is not None:
            return own
        return len(self.order) // 2 if self.type in {"fixed", "ufixed"} and self.order else 1


class ScaleRegister(_Place, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A register of the device that scales another: SunSpec's scale factors, transformer ratios."""

    how: Literal["exponent", "factor"] = "exponent"
    """`exponent`: the value is multiplied by 10 to the power of it; `factor`: by it."""


class Register(_Place, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a metric stands. What the raw value is multiplied by is the metric's `scale` and `offset`."""

    scaled_by: ScaleRegister | None = None
    """A register that holds what this one is multiplied by, before the metric's own `scale`."""
    every_s: Period | None = None
    """How often it is read, where that differs from the device's period."""


class Hole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Addresses that must not be read, not even on the way to others."""

    first: Address
    last: Address
    table: Table | None = None
    """Default: the device's."""

    def __post_init__(self) -> None:
        """Refuse a hole that ends before it begins."""
        if self.last < self.first:
            raise ValueError(f"last: {self.last} is before first, {self.first}")


class StateRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a machine is in a state: a register, or a metric that is read anyway, is within bounds. No bounds: it is not 0."""

    state: StateWord
    """What the machine does when the rule holds."""
    metric: Name | None = None
    """A metric that is read from the same slave, in its unit."""
    register: Register | None = None
    """A register of its own, instead of a metric."""
    equals: tuple[float, ...] = ()
    """It is one of these."""
    at_least: float | None = None
    """It is this or more."""
    at_most: float | None = None
    """It is this or less."""

    def __post_init__(self) -> None:
        """Refuse a rule about nothing or about two things."""
        if (self.metric is None) == (self.register is None):
            raise ValueError("metric: give either metric or register")


class ModbusState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a machine's state is read: from one register by words, or by rules of which the first that holds counts."""

    register: Register | None = None
    """The register that says it."""
    words: dict[str, StateWord] = {}
    """The register's values (as text: "3") → state."""
    rules: tuple[StateRule, ...] = ()
    """Instead of `register`: the first that holds counts; where its value is not known, the state is not known."""
    otherwise: StateWord | None = None
    """What a value without a word, or a machine for which no rule holds, is; none: it is reported."""
    code: Register | None = None
    """Its fault code; 0 is none."""
    every_s: Period | None = None
    """How often it is read, where that differs from the device's period."""
    polls: Annotated[int, Meta(ge=1, le=1000)] = 1
    """A new state counts when it was read so many times in a row: a threshold on a trembling value needs more than one."""

    def __post_init__(self) -> None:
        """Refuse what could never give a state."""
        if (self.register is None) == (not self.rules):
            raise ValueError("register: give either register with words, or rules")
        if self.register is not None and not self.words:
            raise ValueError('words: is missing; say which value is which state: { "0" = "off", "1" = "working" }')
        if self.register is not None and self.register.type == "string":
            raise ValueError("register: a state is read from a number, not from a string")


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device of this kind says it is: read before the first values, so that no other device's are taken for them."""

    register: Register
    """A string or a number."""
    expect: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    """One of these must be in its text, or be its number in decimal digits; none: it is only shown by `plumbline edge check`."""


class ModbusShape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The registers of a kind of device, and how it wants to be asked."""

    registers: dict[Name, Register] = {}
    """Metric → where it stands."""
    table: Table = "holding"
    """Table of registers that do not name one."""
    order: str = "ABCD"
    """Byte order of registers that do not name one: `ABCD`, `CDAB`, `BADC` or `DCBA`."""
    every_s: Period = 10.0
    """How often the device is read."""
    max_registers: Annotated[int, Meta(ge=1, le=125)] = 125
    """As many as it gives in one answer."""
    max_bits: Annotated[int, Meta(ge=1, le=2000)] = 2000
    """As many coils or discrete inputs as it gives in one answer."""
    gap: Annotated[int, Meta(ge=0, le=124)] = 8
    """Registers that nobody wants are read along up to this many, where that saves a request."""
    holes: tuple[Hole, ...] = ()
    """Addresses that must not be read."""
    absent: dict[RegisterType, tuple[int, ...]] = {}
    """'Not available' by type, for registers that do not say it themselves."""
    state: ModbusState | None = None
    """How its state is read, if it is a machine."""
    identity: Identity | None = None
    """A register that says what it is."""

    def __post_init__(self) -> None:
        """Refuse an order that is none."""
        if self.order not in _GENERAL:
            raise ValueError(f"order: '{self.order}' is none for every size; write one of {', '.join(_GENERAL)}")


def numbered(number: int | str) -> tuple[Table, int]:
    """The table and the address (from 0) of a register's number in a manual. Raises `ValueError`.

    Five digits reach to 9999 in each table, six to 65536. An integer below 10000 is a coil.
    """
    digits = f"{number:05d}" if isinstance(number, int) else number
    table = _TABLES.get(digits[:1])
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in {5, 6} or table is None:
        raise ValueError(
            f"number: {number!r} is none; write 40001 or 400001 (holding), 30001 (input), 10001, or '00001' (coil)"
        )
    address = int(digits[1:]) - 1
    if not 0 <= address <= 65_535:
        raise ValueError(f"number: {number!r} is none: numbers count from 1 to 65536; for an address from 0 use address")
    return table, address


def check_order(order: str, size: int, *, text: bool = False) -> None:
    """Raise `ValueError` where `order` is not one for values of `size` bytes."""
    if order in _GENERAL or (order in {"AB", "BA"} and (text or size == 2)):
        return
    if len(order) != size or size not in {2, 4, 8} or set(order) != set("ABCDEFGH"[:size]):
        fitting = f", or the letters {'ABCDEFGH'[:size]} in another order" if size in {2, 4, 8} else ""
        raise ValueError(f"order: '{order}' is none for {size} bytes; write one of {', '.join(_GENERAL)}{fitting}")
