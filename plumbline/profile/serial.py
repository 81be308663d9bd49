"""How a device's serial line is set and how one message on it is told from the next."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class SerialLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the device's serial port is set."""

    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1


class Framing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one message is told from the next. Control characters are written as TOML escapes."""

    prefix: str = ""
    suffix: str = "\r\n"
    max_bytes: Annotated[int, Meta(ge=16, le=8192)] = 4096
    """A frame that grows past this without a suffix is reported and dropped up to the next suffix."""
    symbology_identifier: bool = False
    """The device puts the AIM identifier (`]C1`) in front."""
    group_separator: str = "\u001d"
    """What the device sends for FNC1 between GS1 elements."""
