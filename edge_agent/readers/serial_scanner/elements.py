"""GS1 element strings of a scanned text: of GS1 symbols, and the GTIN of a plain retail code as (01)."""

import re
from typing import Final

from edge_agent import gs1

ElementStrings = tuple[tuple[str, str], ...]

#: AIM identifiers (ISO/IEC 15424) of symbols that say 'GS1' (FNC1 in first position, DataBar) or hold one GTIN alone.
_GS1: Final = frozenset({"]C1", "]J1", "]d2", "]Q3", "]e0", "]e1", "]e2", "]E0", "]E4", "]I1"})
_URI: Final = re.compile(r"https?://", re.IGNORECASE)
#: What an event takes (see `plumbline.event.ElementStrings`).
_MAX_ELEMENTS: Final = 128


def elements_of(text: str, symbology: str | None) -> tuple[ElementStrings | None, str | None]:
    """The element strings in order (`None`: not GS1), and what broke the GS1 rules where the symbol says that it is GS1.

    Without an identifier only what names a trade item or a logistic unit with a right check digit is taken for GS1: a
    label that happens to begin with `10` is no batch.
    """
    is_uri = _URI.match(text) is not None
    if symbology is not None and symbology not in _GS1 and not is_uri:
        return None, None
    try:
        read = gs1.parse(text, symbology=None if is_uri else symbology)
    except gs1.Gs1Error as error:
        return None, None if symbology is None or is_uri else f"a label breaks the GS1 rules: {error}"
    elements = read.elements if read.plain_gtin is None else (("01", read.plain_gtin), *read.elements)
    if symbology is None and read.gtin is None and read.sscc is None:
        return None, None
    if len(elements) > _MAX_ELEMENTS:
        return None, f"a label holds {len(elements)} element strings; at most {_MAX_ELEMENTS} are kept"
    return elements or None, None
