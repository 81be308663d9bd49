"""What a scanner makes of FNC1 between GS1 elements. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.scanner_card.finding import Finding, Verdict
from edge_agent.scanner_card.hearing import Heard
from edge_agent.scanner_card.probes import END, GS, MARK
from plumbline.profile import Framing

_BETWEEN: Final = re.compile(rf"{MARK}\d\d(.*)21{END}$", re.DOTALL)
#: GS1 General Specifications, figure 7.11-1: what element strings may hold, so what cannot stand for their separator.
_DATA: Final = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
#: A sequence such as `<GS>` is made of data characters, but no label holds it.
_A_WORD: Final = 3
_SET: Final = "set the scanner to send FNC1 as GS (ASCII 29; on a keyboard 'function key mapping' or 'Control + ASCII')"


@dataclass(frozen=True, slots=True)
class Parting:
    """How GS1 elements are parted."""

    separator: str | None
    """`None`: not the same in every symbology, or not heard."""
    findings: list[Finding]


def parting(framing: Framing, heard: Sequence[Heard], mend: Callable[[str, Framing], str]) -> Parting:
    """What came between the elements of the card's GS1 codes."""
    bodies = [mend(one.body, framing) for one in heard if one.probe.gs1 and one.whole]
    found = {match[1] for body in bodies if (match := _BETWEEN.search(body))}
    if not found:
        return Parting(None, [])
    separator, verdict, text = _judged(found, framing, bracketed=any(body.startswith("(") for body in bodies))
    return Parting(separator, [Finding("GS1 separator", verdict, text)])


def _judged(found: set[str], framing: Framing, *, bracketed: bool) -> tuple[str | None, Verdict, str]:
    if bracketed:
        return None, "lost", "puts AIs in brackets, which labels may hold as well; switch bracketed AIs off"
    if len(found) > 1:
        if found == {GS, ""}:
            return None, "mind", f"drops FNC1 of some symbologies: some GS1 labels must be repaired; {_SET}"
        return None, "lost", f"sends different characters for FNC1; {_SET}"
    [own] = found
    if own == GS:
        return GS, "ok", "sends GS for FNC1"
    if not own:
        return "", "mind", f"drops FNC1: GS1 labels must be repaired, some will stay ambiguous; {_SET}"
    return _replaced(own, framing)


def _replaced(own: str, framing: Framing) -> tuple[str | None, Verdict, str]:
    if framing.suffix and framing.suffix in own:
        return None, "lost", f"sends its suffix for FNC1, which cuts GS1 labels in two; {_SET}"
    if set(own) <= _DATA and len(own) < _A_WORD:
        return (
            None,
            "lost",
            f"sends {own!r} for FNC1: codes that hold {own!r} cannot be told from codes of several elements; {_SET}",
        )
    return own, "mended", f"sends {own!r} for FNC1; the profile puts GS in its place"
