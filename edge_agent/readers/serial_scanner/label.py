"""From the bytes of one label to a scan: symbology identifier, text, GS1 element strings.

The identifier is ISO/IEC 15424's: `]`, a letter for the symbology, a modifier.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from edge_agent.readers.serial_scanner.elements import elements_of
from plumbline.event import Scan
from plumbline.profile import Framing

#: Code letter of the identifier → the symbology's name, as the camera reader writes it.
FORMATS: Final[Mapping[str, str]] = {
    "A": "Code39",
    "C": "Code128",
    "E": "EAN/UPC",
    "F": "Codabar",
    "G": "Code93",
    "H": "Code11",
    "I": "ITF",
    "L": "PDF417",
    "M": "MSI",
    "Q": "QRCode",
    "U": "MaxiCode",
    "d": "DataMatrix",
    "e": "DataBar",
    "h": "HanXin",
    "z": "Aztec",
}
_IDENTIFIER: Final = re.compile(rb"\][A-Za-z][0-9A-Za-z]")
_GS: Final = "\x1d"


def read_label(content: bytes, framing: Framing) -> tuple[partial[Scan], list[str]]:
    """The scan in one frame, and what was odd about it. Bytes that are not UTF-8 are read as Latin-1: nothing is lost.

    `raw` keeps the bytes as sent, without the identifier; `text` has real group separators.
    """
    faults: list[str] = []
    symbology, raw = None, content
    if framing.symbology_identifier:
        if _IDENTIFIER.match(content):
            symbology, raw = content[:3].decode("ascii"), content[3:]
        else:
            faults.append("sent a label without symbology identifier; switch it on in the scanner, or off in the settings")
    text = _text(raw)
    if framing.group_separator not in {"", _GS}:
        text = text.replace(framing.group_separator, _GS)
    gs1, fault = elements_of(text, symbology)
    if fault is not None:
        faults.append(fault)
    letter = symbology[1] if symbology else ""
    return partial(Scan, raw=raw, text=text, symbology=symbology, format=FORMATS.get(letter), gs1=gs1), faults


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
