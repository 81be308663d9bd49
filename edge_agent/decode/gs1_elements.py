"""The GS1 content of a symbol: which symbols carry any, and the one place where decoding meets `edge_agent.gs1`."""

from typing import Final

from edge_agent.decode.symbol import RETAIL, ElementStrings, Reading

#: AIM identifiers that say 'GS1' (GS1 General Specifications, 5.1.2: FNC1 in first position, DataBar, and the like).
_GS1: Final = frozenset({"]C1", "]e0", "]d2", "]Q3", "]J1"})


def elements_of(reading: Reading) -> ElementStrings | None:
    """Its element strings in order, or `None` where it is not GS1 or breaks the GS1 rules."""
    return None
