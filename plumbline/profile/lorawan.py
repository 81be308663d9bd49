"""How the payload of a kind of LoRaWAN device becomes values: who decodes it, and what stands at which byte."""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from plumbline.errors import SettingsError
from plumbline.profile.mqtt import CheckInFields, FixFields, StateFields

#: Characters of a script; the longest of the vendors' own have some 100,000.
MAX_SCRIPT: Final = 1024 * 1024
#: Type → how many bytes it takes; `bcd` takes one, `bcdN` N bytes.
WIDTHS: Final = {
    "u8": 1,
    "i8": 1,
    "u16": 2,
    "i16": 2,
    "f16": 2,
    "u24": 3,
    "i24": 3,
    "u32": 4,
    "i32": 4,
    "f32": 4,
    "u48": 6,
    "u64": 8,
    "i64": 8,
    "f64": 8,
    "bcd": 1,
    "bcd2": 2,
    "bcd4": 4,
}
FieldType = Literal[
    "u8", "i8", "u16", "i16", "f16", "u24", "i24", "u32", "i32", "f32", "u48", "u64", "i64", "f64", "bcd", "bcd2", "bcd4"
]

_Byte = Annotated[int, Meta(ge=-255, le=255)]
_Tag = Annotated[str, Meta(pattern=r"^([0-9a-fA-F?]{2}){1,3}$")]
_Ports = Annotated[tuple[Annotated[int, Meta(ge=1, le=255)], ...], Meta(max_length=64)]
_Value = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a payload must hold for a frame to be it."""

    at: _Byte
    """Which byte, from 0; negative counts from the end."""
    mask: Annotated[int, Meta(ge=1, le=255)] = 255
    """Which bits of it."""
    equals: tuple[Annotated[int, Meta(ge=0, le=255)], ...]
    """The masked byte is one of these."""


class Field(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number at a place of a payload."""

    at: _Byte = 0
    """Which byte it begins at, from 0; within a group: from the group's first byte. Negative counts from the end."""
    type: FieldType = "u8"
    """Unsigned, signed, floating point (IEEE 754), or decimal digits of four bits."""
    order: Literal["big", "little", "words"] | None = None
    """Byte order, where it is not the frame's. `words`: 16-bit words, each big-endian, the lowest word first."""
    bits: tuple[Annotated[int, Meta(ge=0, le=63)], Annotated[int, Meta(ge=1, le=64)]] | None = None
    """Only these bits of an unsigned type: the lowest, from 0, and how many."""
    unknown: Annotated[tuple[_Value, ...], Meta(max_length=16)] = ()
    """Raw values that mean 'not measured': the field is then absent."""
    zero: _Value = 0
    """The raw value that stands for 0; taken off before `scale`."""
    scale: float = 1.0
    """What it is multiplied by."""
    add: float = 0.0
    """What is added behind that."""
    polynomial: Annotated[tuple[float, ...], Meta(min_length=2, max_length=8)] | None = None
    """Instead of `scale` and `add`: the value is c0 + c1·x + c2·x² …, of x = raw − zero."""

    def __post_init__(self) -> None:
        """Refuse bits that the type has not got, and words of half."""
        width = WIDTHS[self.type]
        if self.bits is not None and (self.type[0] != "u" or sum(self.bits) > 8 * width):
            raise ValueError(f"bits: {list(self.bits)} are not within {self.type}; an unsigned type with enough bits has them")
        if self.order == "words" and width % 2:
            raise ValueError(f"order: {self.type} has no 16-bit words")


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of group in a payload that is a row of groups."""

    tag: _Tag | None = None
    """`tagged`: the bytes in front that name it, as hex; `??` stands for any byte (a channel that does not matter)."""
    bytes: Annotated[int, Meta(ge=-1, le=255)]
    """How many bytes follow the tag; `flagged`: how many the group has. -1: all that is left."""
    fields: Annotated[dict[str, Field], Meta(max_length=64)] = {}
    """Name → where it stands. None: the group is passed over."""

    def __post_init__(self) -> None:
        """Refuse fields that stand outside the group."""
        for name, field in self.fields.items():
            if self.bytes < 0:
                continue
            begin = field.at if field.at >= 0 else self.bytes + field.at
            if begin < 0 or begin + WIDTHS[field.type] > self.bytes:
                raise ValueError(f"fields.{name}: {field.type} at byte {field.at} is not within the group's {self.bytes} bytes")


class Frame(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One form of payload. Of a device's frames every one that fits is read, and their fields are put together."""

    ports: _Ports = ()
    """The LoRaWAN ports (FPort) it comes on; none: any."""
    bytes: Annotated[tuple[Annotated[int, Meta(ge=0, le=255)], ...], Meta(max_length=32)] = ()
    """How long the payload is: one of these; none: long enough for the fields."""
    when: Annotated[tuple[Condition, ...], Meta(max_length=8)] = ()
    """What it holds; all must be true."""
    order: Literal["big", "little", "words"] = "big"
    """Byte order of the fields that name none."""
    fields: Annotated[dict[str, Field], Meta(max_length=128)] = {}
    """Name → where it stands."""
    layout: Literal["fixed", "tagged", "flagged"] = "fixed"
    """What else there is. `fixed`: nothing. `tagged`: groups, each behind its tag (channel and type, or type alone).
    `flagged`: groups that are there where a bit of a 16-bit word of flags is set, the lowest bit first."""
    start: Annotated[int, Meta(ge=0, le=255)] = 0
    """`tagged`: at which byte the groups begin. `flagged`: at which byte the flags stand; the groups follow."""
    groups: Annotated[tuple[Group, ...], Meta(max_length=256)] = ()
    """The groups of these layouts, each kind once."""

    def __post_init__(self) -> None:
        """Refuse groups that cannot be found."""
        if (self.layout == "fixed") == bool(self.groups):
            raise ValueError("groups: belong to the layouts 'tagged' and 'flagged', which need them")
        tags = {len(group.tag) if group.tag else 0 for group in self.groups}
        if self.layout == "tagged" and (0 in tags or len(tags) > 1):
            raise ValueError("groups: every group of a 'tagged' layout has a tag, and all tags are of one length")
        if self.layout == "flagged" and (tags - {0} or len(self.groups) > 16):
            raise ValueError("groups: a 'flagged' layout has at most 16 groups, without tags")
        if not (self.fields or self.groups):
            raise ValueError("fields: there are none; declare what stands where")


class LorawanCodec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the payload of a LoRaWAN device becomes the document in which the metrics' paths are looked up."""

    codec: Literal["decoded", "normalized", "cayenne", "fields", "javascript"] = "decoded"
    """`decoded`: what the network server decoded itself; `normalized`: what The Things Stack normalised; `cayenne`: Cayenne
    Low Power Payload; `fields`: declared here as `frames`; `javascript`: the maker's script (LoRa Alliance TS013)."""
    ports: _Ports = ()
    """The LoRaWAN ports (FPort) that hold values; none: all. What comes on others is passed over."""
    frames: Annotated[tuple[Frame, ...], Meta(max_length=64)] = ()
    script: str = "codec.js"
    """The script's file, beside the profile."""
    source: Annotated[str, Meta(max_length=MAX_SCRIPT)] | None = None
    """The script itself; filled from `script` when the profile is loaded."""
    variables: dict[str, str] = {}
    """What the script finds as `variables` (ChirpStack's device variables)."""
    words: dict[str, float] = {}
    """Texts of the document → numbers, for metrics whose value is a word: `open = 1`, `closed = 0`."""
    ignore: Annotated[tuple[str, ...], Meta(max_length=256)] = ()
    """Paths in the document that are known and not wanted, `*` for any rest; other numbers without a metric are reported once."""
    state: StateFields | None = None
    """Where a machine's state stands in the document."""
    check_in: CheckInFields | None = None
    """Where a check-in stands in the document."""
    fix: FixFields | None = None
    """Where a position stands in the document."""

    def __post_init__(self) -> None:
        """Refuse frames without their codec, and the other way round."""
        if (self.codec == "fields") != bool(self.frames):
            raise ValueError("frames: belong to the codec 'fields', which needs them")
        if "/" in self.script or "\\" in self.script or self.script.startswith("."):
            raise ValueError("script: is the name of a file beside the profile, without a folder")


def with_script(codec: LorawanCodec, folder: Path) -> LorawanCodec:
    """The codec with the script that stands beside the profile; without, where there is none. Raises `SettingsError`."""
    path = folder / codec.script
    if codec.codec != "javascript" or codec.source is not None or not path.is_file():
        return codec
    try:
        source = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as UTF-8 text ({error}); save the maker's script so") from None
    if len(source) > MAX_SCRIPT:
        raise SettingsError(f"{path}: has {len(source)} characters, at most {MAX_SCRIPT} are read; is it the maker's script?")
    return replace(codec, source=source)
