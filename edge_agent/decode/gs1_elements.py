"""The GS1 content of a symbol: which symbols carry any, and the one place where decoding meets `edge_agent.gs1`."""

import re
from typing import Final

from edge_agent import gs1
from edge_agent.decode.symbol import ElementStrings, Reading

#: AIM identifiers of symbols that say 'GS1' (FNC1 in first position, DataBar), or hold one GTIN alone (EAN, UPC, ITF-14).
_GS1: Final = frozenset({"]C1", "]J1", "]d2", "]d8", "]Q3", "]z1", "]e0", "]e1", "]e2", "]E0", "]E4", "]I1"})
#: Elsewhere only a Digital Link URI is GS1.
_URI: Final = re.compile(r"https?://", re.IGNORECASE)


def elements_of(reading: Reading) -> ElementStrings | None:
    """Its element strings in order, an EAN's or ITF-14's GTIN as (01); `None` where it is not GS1 or breaks the GS1 rules."""
    is_uri = _URI.match(reading.text) is not None
    if reading.identifier not in _GS1 and not is_uri:
        return None
    text = reading.text or reading.bytes
    try:
        read = gs1.parse(text, symbology=None if is_uri else reading.identifier)
    except gs1.Gs1Error:  # somebody's own use of FNC1, or any web address: the text and the bytes are there
        return None
    if read.plain_gtin is not None:
        return (("01", read.plain_gtin), *read.elements)
    return read.elements or None
