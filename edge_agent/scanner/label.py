"""From the bytes of one label to a scan: symbology identifier, text, GS1 element strings."""

from functools import partial
from typing import Final

from edge_agent.gs1 import Expectation, ScanContent, Separators, read_scan
from edge_agent.scanner import code_ids
from plumbline.event import Scan
from plumbline.profile import Framing

_GS: Final = "\x1d"


class Labels:
    """Makes scans of one scanner's labels, and remembers whether it was seen to send GS1 separators.

    Args:
        framing: what the scanner adds and mangles.
        expected: what the site expects, which chooses between readings of an ambiguous label.
    """

    def __init__(self, framing: Framing, expected: Expectation | None = None) -> None:
        self._framing = framing
        self._expected = expected
        self._separators: Separators = separators(framing)

    def read(self, content: bytes) -> tuple[partial[Scan], list[str]]:
        """The scan in one frame, and what was odd about it. Nothing is lost: bytes of no known encoding are read as Latin-1.

        `raw` keeps the bytes as sent, without the identifier; `text` is mended as the framing declares, and its GS1
        separators are real ones.
        """
        faults: list[str] = []
        framing = self._framing
        received, encoding = decoded(content, framing.encoding)
        text = mended(received, framing)
        length, identifier = code_ids.split(text, framing)
        if length == 0 and (framing.symbology_identifier or framing.code_id != "none" or framing.code_ids):
            faults.append("sent a label without symbology identifier; switch it on in the scanner, or off in the settings")
        raw = content[len(received[:length].encode(encoding)) :]
        read = self._read(raw, text[length:], code_ids.for_gs1(identifier))
        if read.separated and self._separators == "unknown":
            self._separators = "kept"
        if read.fault is not None:
            faults.append(read.fault)
        if read.candidates:
            faults.append(
                f"a label can be read in {len(read.candidates)} ways because its GS1 separators are lost; a person must "
                "decide, and the scanner should send FNC1 as GS (plumbline scanner card)"
            )
        scan = partial(
            Scan,
            raw=raw,
            text=read.text,
            symbology=identifier if identifier is not None and len(identifier) == 3 else None,
            format=code_ids.FORMATS.get(identifier[1]) if identifier else None,
            gs1=read.gs1,
            repaired=read.repaired,
            candidates=read.candidates,
        )
        return scan, faults

    def _read(self, raw: bytes, text: str, symbology: str | None) -> ScanContent:
        own = self._framing.group_separator
        if own and own != _GS and own in text:
            # The scanner's own separator may well stand in a label that is not GS1: there it means itself.
            read = read_scan(raw, text.replace(own, _GS), symbology, separators=self._separators, expected=self._expected)
            if read.gs1 or read.candidates or (read.fault and symbology is not None):
                return read
        return read_scan(raw, text, symbology, separators=self._separators, expected=self._expected)


def decoded(content: bytes, encoding: str) -> tuple[str, str]:
    """The bytes as text, and the encoding that they were: the given one, else Latin-1."""
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"


def mended(text: str, framing: Framing) -> str:
    """The text as the symbol holds it: character by character, so that places stay the same."""
    if framing.characters:
        text = text.translate(str.maketrans(framing.characters))
    return "".join(map(_swapped, text)) if framing.swapped_case else text


def separators(framing: Framing) -> Separators:
    """Whether the scanner sends what separates GS1 elements."""
    if framing.group_separator is None:
        return "unknown"
    return "kept" if framing.group_separator else "lost"


def _swapped(character: str) -> str:
    """The other case of a letter that has exactly one."""
    other = character.swapcase()
    return other if len(other) == 1 and other.swapcase() == character else character
