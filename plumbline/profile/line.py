"""What a device writes on its line, and what the places in it mean: scales, counters, weather stations, flow meters."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from plumbline.event import Name
from plumbline.profile.mqtt import StateFields

Words = Annotated[tuple[str, ...], Meta(max_length=64)]


class LineCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The checksum of a line."""

    method: Literal["xor", "sum8", "sum8_negated", "crc16_modbus", "crc16_xmodem"]
    """`sum8`: the sum of the bytes, lowest 8 bits; `sum8_negated`: what brings that sum to 0. `crc16_xmodem`: polynomial
    0x1021 from 0; `crc16_modbus`: 0x8005 reflected, from 0xFFFF."""
    written: Literal["hex", "bytes"] = "hex"
    """As hexadecimal digits (two for 8 bits, four for 16), or as the bytes themselves."""
    order: Literal["big", "little"] = "big"
    """Which byte of a CRC comes first."""
    stands: Literal["before_end", "after_end"] = "before_end"
    after: str = ""
    """Text between the content and the checksum, for example `*`."""
    covers_start: bool = False
    """Whether the start mark is part of what is summed."""
    covers_end: bool = False
    """Whether the end mark is part of what is summed (ETX often is)."""


class LineCounter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A counter that starts again from 0. What is sent is a total that goes on, over resets and restarts of the agent."""

    wraps_at: Annotated[float, Meta(gt=0)] | None = None
    """It goes from just below this to 0 by itself; without it each step back is a reset."""


class LineShape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the device writes. Control characters are written as TOML escapes."""

    patterns: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=512)], ...], Meta(min_length=1, max_length=32)]
    """What a line looks like, with named places: `"{status:word},GS,{gross}{gross:unit}"`. The first that fits counts."""
    encoding: Literal["ascii", "utf-8", "latin-1", "cp1252", "gbk"] = "utf-8"
    start: Annotated[str, Meta(max_length=8)] = ""
    """What every line begins with, for example STX; what stands before it is dropped."""
    end: Annotated[str, Meta(max_length=8)] = ""
    """What ends a line; empty: CR or LF or both."""
    max_bytes: Annotated[int, Meta(ge=8, le=1024)] = 256
    check: LineCheck | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", "'", " "] = ""
    units: dict[str, str] = {}
    """The device's own words for units → UCUM codes; the usual ones (kg, °C, l/min) need no entry."""
    send_when: dict[str, Words] = {}
    """Place → words with which values are sent (`status = ["ST"]`: stable)."""
    pass_over_when: dict[str, Words] = {}
    """Place → words with which nothing is sent, as a matter of course (`status = ["US"]`: unstable)."""
    faults: dict[str, dict[str, str]] = {}
    """Place → word → what it means; nothing is sent and the meaning is reported (`OL = "overload"`)."""
    state: StateFields | None = None
    """The machine's state; its paths are names of places."""
    counters: dict[Name, LineCounter] = {}
    """Metric → how its counter starts again."""
    request: Annotated[str, Meta(max_length=256)] = ""
    """Sent every `every_s` seconds to a device that speaks only when asked."""
    every_s: Annotated[float, Meta(ge=0.05, le=86_400)] = 5.0
