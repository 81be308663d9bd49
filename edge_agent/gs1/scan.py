"""The one way from a scan to its element strings, for every reader: serial scanner, keyboard wedge, camera."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.gs1.elements import FNC1
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.expectation import Expectation
from edge_agent.gs1.parse import BEGINS_WITH_KEY, ELEMENT_CARRIERS, GS1_CARRIERS, parse
from edge_agent.gs1.readings import Reading
from edge_agent.gs1.repair import Ambiguous, repair

#: What is known of a scanner. `kept`: it sends GS for FNC1, as a decoder of pictures does, or as its self-test card has
#: shown; the text reads as it stands. `lost`: it sends nothing, or something else. `unknown`: nobody has tried it; a
#: separator within a text shows that it sends them, any other text is read as if they might be lost.
Separators = Literal["kept", "lost", "unknown"]

_URI: Final = re.compile(r"https?://", re.IGNORECASE)
#: What an event takes (see `plumbline.event.ElementStrings`).
_MAX_ELEMENTS: Final = 128
_KEYS: Final = frozenset({"00", "01"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanContent:
    """What a scan says; the fields but `fault` are those of `plumbline.event.Scan`."""

    text: str
    gs1: Reading | None = None
    """The element strings in order; `None`: not GS1, broken, or ambiguous."""
    repaired: bool = False
    """Separators were lost or replaced, and `gs1` is the only reading that breaks no rule, or the only expected one."""
    candidates: tuple[Reading, ...] | None = None
    """Separators may be lost and several readings break no rule: at most 16, the most plausible first."""
    separated: bool = False
    """A separator was read between two values: this scanner sends them, and a reader may take it for `kept` from now on."""
    fault: str | None = None
    """The rule that is broken where the symbol says that it is GS1, for the reader to report."""


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
    is_uri = _URI.match(text) is not None
    if symbology is not None and symbology not in GS1_CARRIERS and not is_uri:
        return ScanContent(text=text)
    content = text or raw.decode("latin-1")
    if symbology in ELEMENT_CARRIERS:  # it says 'FNC1 in first position' already; some scanners send that as GS besides
        content = content.lstrip(FNC1)
    try:
        found = _read(content, None if is_uri else symbology, separators, expected)
    except Gs1Error as error:
        claims = symbology is not None or BEGINS_WITH_KEY.match(content) is not None
        fault = f"a label breaks the GS1 rules: {error}" if claims and not is_uri else None
        return ScanContent(text=text, fault=fault)
    if symbology is None and not any(ai in _KEYS for reading in found.readings for ai, _ in reading):
        return ScanContent(text=text)
    longest = max(map(len, found.readings))
    if longest > _MAX_ELEMENTS:
        return ScanContent(text=text, fault=f"a label holds {longest} element strings; at most {_MAX_ELEMENTS} are kept")
    if len(found.readings) > 1:
        return ScanContent(text=text, candidates=found.readings)
    separated = FNC1 in content.strip(FNC1) and not is_uri
    return ScanContent(text=text, gs1=next(iter(found.readings)) or None, repaired=found.repaired, separated=separated)


@dataclass(frozen=True, slots=True)
class _Found:
    readings: tuple[Reading, ...]
    repaired: bool = False


def _read(content: str, symbology: str | None, separators: Separators, expected: Expectation | None) -> _Found:
    if separators == "kept" or (separators == "unknown" and FNC1 in content.strip(FNC1)):
        return _Found((parse(content, symbology=symbology).whole,))
    found = repair(content, symbology=symbology, expected=expected)
    if isinstance(found, Ambiguous):
        return _Found(tuple(candidate.elements for candidate in found.candidates))
    return _Found((found.elements,), repaired=found.restored)
