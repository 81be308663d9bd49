"""One way in for whatever a scanner, a camera or a person hands over."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.gs1 import digital_link, rules
from edge_agent.gs1.digits import has_valid_check_digit, is_digits, normalise_gtin
from edge_agent.gs1.elements import FNC1, Elements, bracketed, unbracketed
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.table import identifiers

Form = Literal["element_strings", "bracketed", "digital_link", "plain"]

#: No symbol holds more characters.
MAX_LENGTH: Final = 8192
#: AIM identifiers (ISO/IEC 15424) of symbols that hold element strings: FNC1 in first position. GS1 itself prints neither
#: Aztec (]z1) nor the longer rectangles of Data Matrix (]d8, ISO/IEC 21471), but label software does.
ELEMENT_CARRIERS: Final = frozenset({"]C1", "]d2", "]d8", "]e0", "]e1", "]e2", "]J1", "]Q3", "]z1"})
#: … that hold what they like: a Digital Link, or text of no concern to GS1.
_TEXT_CARRIERS: Final = frozenset({"]d1", "]J0", "]Q1"})
#: … that hold the digits of one key alone, with the lengths that they transmit.
KEY_CARRIERS: Final = {"]E0": (12, 13), "]E4": (8,), "]I1": (14,)}
#: Symbols that say 'GS1' (FNC1 in first position, DataBar), or hold one GTIN alone.
GS1_CARRIERS: Final = ELEMENT_CARRIERS | KEY_CARRIERS.keys()
#: A URI of another scheme, which is not GS1's concern.
_OTHER_URI: Final = re.compile(r"\S{0,16}?(?::/|//)")
#: Digits that are an SSCC, or a trade item's or its contents' GTIN, with their AI.
BEGINS_WITH_KEY: Final = re.compile(r"00[0-9]{18}|0[1-3][0-9]{14}")
_HALF_BRACKETED: Final = re.compile(r"\d{2,6}\)")
#: Stands between a symbol with one key and the composite component on it.
COMPOSITE: Final = "|"


@dataclass(frozen=True, slots=True)
class ElementStrings:
    """What was read."""

    form: Form
    """How it was written; `plain` is the digits of one key, or text that is not GS1's concern."""
    elements: tuple[tuple[str, str], ...]
    """(AI, value), in the order of the data."""
    symbology: str | None = None
    """The AIM identifier in front of the data, where there was one."""
    plain_gtin: str | None = None
    """The GTIN, as 14 digits, of a symbol that holds it without an AI: EAN-13, EAN-8, UPC-A, ITF-14."""

    @property
    def whole(self) -> tuple[tuple[str, str], ...]:
        """The elements with a plain GTIN as (01) in front."""
        return self.elements if self.plain_gtin is None else (("01", self.plain_gtin), *self.elements)

    @property
    def gtin(self) -> str | None:
        """The GTIN of the item, AI (01) or plain, as 14 digits."""
        return self.get("01") or self.plain_gtin

    @property
    def sscc(self) -> str | None:
        """The serial shipping container code, AI (00)."""
        return self.get("00")

    def get(self, ai: str) -> str | None:
        """The value of an AI, or `None`."""
        return next((value for name, value in self.elements if name == ai), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    permit_unknown_ais: bool
    permit_zero_suppressed_gtin: bool
    requisites: bool


def parse(
    text: str | bytes,
    *,
    symbology: str | None = None,
    requisites: bool = False,
    fnc1: str = "^",
    permit_unknown_ais: bool = False,
    permit_zero_suppressed_gtin: bool = False,
) -> ElementStrings:
    """Read GS1 data in any of its forms. Raises `Gs1Error` with the reason where it is none, or breaks a rule.

    The form is told by how `text` begins:

    - `]` is an AIM symbology identifier, which `symbology` can also give; GS is the separator behind it;
    - `fnc1`, or the control character GS, is the FNC1 of element strings, and is their separator, too;
    - `(` is bracketed text; `http://` and `https://` are Digital Link URIs;
    - a URI of another scheme is plain text, and not GS1's concern;
    - digits that are a whole GTIN (8, 12, 13 or 14 with a right check digit) are a plain one;
    - anything else is element strings whose FNC1 a scanner has kept to itself, where it holds a separator, begins like a
      GTIN or an SSCC, or holds a key with a right check digit; else it is plain text.

    A label reader is not a label designer: a lone `(10)LOT` is read. `requisites` asks in addition that every AI has
    those beside it that GS1 requires. Exclusions and contradicting repetitions are refused always.
    """
    data = _text(text)
    if symbology is not None and not data.startswith(symbology):
        data = symbology + data
    if len(data) > MAX_LENGTH:
        raise Gs1Error(f"the text has {len(data)} characters; no symbol holds more than {MAX_LENGTH}")
    options = _Options(
        permit_unknown_ais=permit_unknown_ais,
        permit_zero_suppressed_gtin=permit_zero_suppressed_gtin,
        requisites=requisites,
    )
    if data.startswith("]"):
        return _scan(data[:3], data[3:], options)
    if data.startswith((fnc1 or FNC1, FNC1)):
        return _checked("element_strings", _composite(data.replace(fnc1, FNC1) if fnc1 else data), options)
    if data.startswith("("):
        read = _in_parts(data, lambda part: bracketed(part, permit_unknown_ais=permit_unknown_ais))
        return _checked("bracketed", read, options)
    if digital_link.is_uri(data):
        return _link(data, options)
    return _bare(data, options)


def may_be_element_strings(data: str, symbology: str | None) -> bool:
    """Whether data behind a symbology identifier, or without one, can be element strings: no other form is told by it."""
    if data.startswith("(") or digital_link.is_uri(data):
        return False
    return symbology is not None or not (not data or _is_whole_gtin(data) or _HALF_BRACKETED.match(data))


def _bare(data: str, options: _Options) -> ElementStrings:
    """Text that does not say what it is.

    What merely begins like an AI is somebody's own code, `10-4` is no batch: it must hold a separator, begin like a GTIN
    or an SSCC, or hold a key with a right check digit.
    """
    if not data:
        raise Gs1Error("the text is empty")
    if _is_whole_gtin(data):
        return ElementStrings("plain", (), plain_gtin=normalise_gtin(data))
    if _HALF_BRACKETED.match(data):
        raise Gs1Error(f"'{data[:12]}' looks like bracketed text without its first bracket; write (01)…(10)…")
    try:
        elements = unbracketed(data)
    except Gs1Error:
        if _OTHER_URI.match(data):
            return ElementStrings("plain", ())
        raise
    if FNC1 in data or BEGINS_WITH_KEY.match(data) or any(is_proven(ai) for ai, _ in elements):
        return _checked("element_strings", elements, options)
    return ElementStrings("plain", ())


def _is_whole_gtin(data: str) -> bool:
    return is_digits(data) and len(data) in {8, 12, 13, 14} and has_valid_check_digit(data)


def is_proven(ai: str) -> bool:
    """Whether a value of this AI has a check digit, so that hardly anything but it reads so."""
    return any(linter in {"csum", "csumalpha"} for part in identifiers()[ai].components for linter in part.linters)


def _scan(symbology: str, data: str, options: _Options) -> ElementStrings:
    if symbology in _TEXT_CARRIERS:
        if digital_link.is_uri(data):
            return _link(data, options, symbology)
        return ElementStrings("plain", (), symbology)
    if symbology in KEY_CARRIERS:
        return _key(symbology, data, options)
    if symbology not in ELEMENT_CARRIERS:
        raise Gs1Error(f"'{symbology}' is not the symbology identifier of a symbol that holds GS1 data")
    if digital_link.is_uri(data):  # printed by mistake with FNC1 in front; its meaning is plain
        return _link(data, options, symbology)
    if not data:
        raise Gs1Error(f"the symbol ({symbology}) is empty")
    return _checked("element_strings", unbracketed(data), options, symbology)


def _key(symbology: str, data: str, options: _Options) -> ElementStrings:
    """A symbol with the digits of one key, and the composite component that may lie on it."""
    key, bar, component = data.partition(COMPOSITE)
    if len(key) not in KEY_CARRIERS[symbology]:
        raise Gs1Error(f"a symbol {symbology} holds {KEY_CARRIERS[symbology][-1]} digits, found {len(key)}")
    gtin = normalise_gtin(key)
    elements: Elements = []
    if bar:
        if not component.startswith("]e0"):
            raise Gs1Error("a composite component must begin with ]e0")
        elements = unbracketed(component[3:])
        rules.check([("01", gtin), *elements], requisites=options.requisites)
    return ElementStrings("plain", tuple(elements), symbology, plain_gtin=gtin)


def _composite(data: str) -> Elements:
    """Element strings with FNC1 in front, and those of a composite component behind `|`."""

    def part(text: str) -> Elements:
        if not text.startswith(FNC1) or len(text) == 1:
            raise Gs1Error("element strings must begin with FNC1 and hold something")
        return unbracketed(text[1:])

    return _in_parts(data, part)


def _in_parts(data: str, read: Callable[[str], Elements]) -> Elements:
    return [element for part in data.split(COMPOSITE, 1) for element in read(part)]


def _link(uri: str, options: _Options, symbology: str | None = None) -> ElementStrings:
    elements = digital_link.read(
        uri,
        permit_unknown_ais=options.permit_unknown_ais,
        permit_zero_suppressed_gtin=options.permit_zero_suppressed_gtin,
    )
    return _checked("digital_link", elements, options, symbology)


def _checked(form: Form, elements: Elements, options: _Options, symbology: str | None = None) -> ElementStrings:
    rules.check(elements, requisites=options.requisites)
    return ElementStrings(form, tuple(elements), symbology)


def _text(text: str | bytes) -> str:
    """Bytes are Latin-1 at worst: GS1 data is ASCII, and the rest fails the character check with a reason."""
    return text if isinstance(text, str) else bytes(text).decode("latin-1")
