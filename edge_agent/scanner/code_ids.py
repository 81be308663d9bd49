"""What scanners put in front of a label to say which symbology it was.

Either the AIM identifier (ISO/IEC 15424: `]`, a letter for the symbology, a modifier) or an id of the maker's own. The
makers' tables are facts of their manuals: Honeywell's symbology chart, Zebra's (Symbol's) 'Symbol Code Identifiers',
Datalogic's pre-loaded label id sets for the USA and for Europe. What no manual at hand says is left out.
"""

import re
from collections.abc import Mapping
from typing import Final

from plumbline.profile import CodeId, Framing

#: Code letter of the identifier → the symbology's name, as the camera reader writes it.
FORMATS: Final[Mapping[str, str]] = {
    "A": "Code39",
    "C": "Code128",
    "E": "EAN/UPC",
    "F": "Codabar",
    "G": "Code93",
    "H": "Code11",
    "I": "ITF",
    "J": "DotCode",
    "L": "PDF417",
    "M": "MSI",
    "Q": "QRCode",
    "U": "MaxiCode",
    "d": "DataMatrix",
    "e": "DataBar",
    "h": "HanXin",
    "z": "Aztec",
}
IDENTIFIER: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
#: Symbologies in which some symbols say 'GS1': of these only the full identifier tells.
_MAY_BE_GS1: Final = frozenset("CEIJQde")

#: Maker → code id → AIM identifier, or only `]` and its letter where the id does not tell the modifier.
MAKERS: Final[Mapping[CodeId, Mapping[str, str]]] = {
    "none": {},
    "honeywell": {
        "a": "]F", "b": "]A", "c": "]E", "d": "]E", "D": "]E", "E": "]E", "e": "]I", "g": "]M", "h": "]H", "H": "]h",
        "i": "]G", "I": "]C1", "j": "]C0", "r": "]L", "R": "]L", "s": "]Q", "w": "]d", "x": "]U", "y": "]e0", "z": "]z",
        "{": "]e0", "}": "]e0", "<": "]A",
    },
    "zebra": {
        "A": "]E", "B": "]A", "C": "]F", "D": "]C0", "E": "]G", "F": "]I", "H": "]H", "J": "]M", "K": "]C1", "R": "]e0",
        "X": "]L", "z": "]z", "P00": "]d", "P01": "]Q", "P02": "]U", "P0G": "]d2", "P0H": "]h", "P0Q": "]Q3",
    },
    "datalogic-us": {
        "#": "]C", "*": "]A", "%": "]F", "&": "]G", "CE": "]H", "F": "]E", "FF": "]E", "i": "]I", "e": "]I", "R4": "]e0",
        "RL": "]e0", "RX": "]e0", "QR": "]Q", "$Q": "]Q", "MC": "]U", "Az": "]z",
    },
    "datalogic-eu": {
        "T": "]C0", "k": "]C1", "V": "]A", "R": "]F", "U": "]G", "b": "]H", "A": "]E", "B": "]E", "N": "]I", "e": "]I",
        "t": "]e0", "u": "]e0", "v": "]e0", "!": "]z",
    },
}  # fmt: skip


def split(text: str, framing: Framing) -> tuple[int, str | None]:
    """How many characters of `text` identify the symbology, and as what: `]C1`, or `]C` where the modifier is not told.

    `(0, None)`: the label begins with none of those that `framing` declares.
    """
    if framing.symbology_identifier:
        return (3, text[:3]) if IDENTIFIER.match(text) else (0, None)
    known = {**MAKERS[framing.code_id], **framing.code_ids}
    for id_ in sorted(known, key=len, reverse=True):
        if text.startswith(id_):
            return len(id_), known[id_]
    return 0, None


def for_gs1(identifier: str | None) -> str | None:
    """The identifier by which GS1 data is told; `None`: unknown, the content must tell by itself."""
    if identifier is None or len(identifier) == 3:
        return identifier
    return None if identifier[1] in _MAY_BE_GS1 else f"{identifier}0"
