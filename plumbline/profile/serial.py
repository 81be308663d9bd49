"""How a device's serial line is set, how one message on it is told from the next, and what a scanner does to a label."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

#: Makers whose one- to three-letter code ids are known (`edge_agent.scanner.code_ids`).
CodeId = Literal["none", "honeywell", "zebra", "datalogic-us", "datalogic-eu"]
#: Keyboard layouts that a wedge scanner can be set to; `cn` types like `us`.
Layout = Literal["us", "uk", "de", "fr", "es", "it", "cn"]
Character = Annotated[str, Meta(min_length=1, max_length=1)]


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
    idle_timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    """Silence that ends a message without suffix, and drops an unfinished one with it. Longer than any pause within one."""
    symbology_identifier: bool = False
    """The device puts the AIM identifier (`]C1`) in front."""
    code_id: CodeId = "none"
    """The device puts its maker's code id in front instead, as that maker assigned them."""
    code_ids: Annotated[dict[Annotated[str, Meta(min_length=1, max_length=8)], str], Meta(max_length=64)] = {}
    """More code ids, or others: what the device puts in front → AIM identifier (`]C1`), or its first two characters (`]d`)."""
    group_separator: str | None = None
    """What the device sends for FNC1 between GS1 elements; `""`: nothing. Absent: nobody has tried it."""
    swapped_case: bool = False
    """Upper and lower case come exchanged: the scanner counts on a Caps Lock that is not there, or the other way round."""
    characters: Annotated[dict[Character, Character], Meta(max_length=256)] = {}
    """Characters that come as others: received → meant. Before `swapped_case`."""
    encoding: Literal["utf-8", "gb18030", "latin-1"] = "utf-8"
    """How characters beyond ASCII are sent. Bytes that are not this are read as Latin-1."""

    def __post_init__(self) -> None:
        """Refuse two identifiers at once."""
        if self.symbology_identifier and (self.code_id != "none" or self.code_ids):
            raise ValueError("symbology_identifier: excludes code_id and code_ids; give what the scanner sends")


class Keyboard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a wedge scanner types."""

    layout: Layout = "us"
    """The keyboard that the scanner is set to ('country', 'keyboard layout'); the gateway's own does not matter."""
    dead_keys: bool = True
    """Accent keys wait for the next key, and a space makes them a character: as on a real keyboard of this layout."""
    alt_codes: Literal["windows", "bytes", "gbk"] = "windows"
    """What Alt and digits of the number pad mean. `windows`: `0` and a Windows-1252 code, above 255 Unicode;
    `bytes`: one byte each; `gbk`: above 255 a GBK code."""
