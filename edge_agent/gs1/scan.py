"""The one way from a scan to its element strings, for every reader: serial scanner, keyboard wedge, camera."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.expected import Expectation
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.parse import parse

ElementStrings = tuple[tuple[str, str], ...]
#: What is known of a scanner: `kept` it sends GS for FNC1, `lost` it sends nothing, `unknown` nobody has tried it.
Separators = Literal["kept", "lost", "unknown"]

#: AIM identifiers (ISO/IEC 15424) of symbols that say 'GS1' (FNC1 in first position, DataBar) or hold one GTIN alone.
_GS1: Final = frozenset({"]C1", "]J1", "]d2", "]Q3", "]e0", "]e1", "]e2", "]E0", "]E4", "]I1"})
_URI: Final = re.compile(r"https?://", re.IGNORECASE)
#: What an event takes (see `plumbline.event.ElementStrings`).
_MAX_ELEMENTS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanContent:
    """What a scan says; the fields are those of `plumbline.event.Scan`."""

    text: str
    """As given, with real group separators."""
    gs1: ElementStrings | None = None
    """The element strings in order; `None`: not GS1, broken, or ambiguous."""
    repaired: bool = False
    """The separators were lost, and `gs1` is the only reading that breaks no rule, or the only expected one."""
    candidates: tuple[ElementStrings, ...] | None = None
    """The separators may be lost and several readings break no rule: at most 16, the most plausible first."""
    fault: str | None = None
    """What broke the GS1 rules where the symbol says that it is GS1, for the reader to report."""


def read_scan(
    raw: bytes,
    text: str,
    symbology: str | None = None,
    *,
    separators: Separators = "unknown",
    expected: Expectation | None = None,
) -> ScanContent:
    """Read the element strings of one scan. Never raises: what is no GS1 has none, what is broken has a `fault`.

    `raw` and `text` are the content without symbology identifier; `raw` is read where `text` is empty (mixed ECI).
    Without an identifier only what names a trade item or a logistic unit with a right check digit is taken for GS1: a
    label that happens to begin with `10` is no batch.
    """
    del separators, expected
    is_uri = _URI.match(text) is not None
    if symbology is not None and symbology not in _GS1 and not is_uri:
        return ScanContent(text=text)
    try:
        read = parse(text or raw, symbology=None if is_uri else symbology)
    except Gs1Error as error:
        fault = None if symbology is None or is_uri else f"a label breaks the GS1 rules: {error}"
        return ScanContent(text=text, fault=fault)
    elements = read.elements if read.plain_gtin is None else (("01", read.plain_gtin), *read.elements)
    if symbology is None and read.gtin is None and read.sscc is None:
        return ScanContent(text=text)
    if len(elements) > _MAX_ELEMENTS:
        fault = f"a label holds {len(elements)} element strings; at most {_MAX_ELEMENTS} are kept"
        return ScanContent(text=text, fault=fault)
    return ScanContent(text=text, gs1=elements or None)
