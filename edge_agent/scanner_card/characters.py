"""Which characters a scanner exchanges, drops or merges, told by the codes that hold all of ASCII. Pure."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.scanner_card.finding import Finding
from edge_agent.scanner_card.hearing import Heard

_SET: Final = "set the scanner's keyboard layout (country) to the American one, or its serial line to 8 bits"
_PURPOSES: Final = frozenset({"plain", "symbols", "letters", "long"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """What to undo."""

    swapped_case: bool
    characters: dict[str, str]
    """Received → meant, before case is swapped."""
    findings: list[Finding]


def exchanged(heard: Sequence[Heard]) -> Exchange:
    """Compare what came with what is printed, character by character."""
    bodies = [(one.probe.text, one.body) for one in heard if one.probe.purpose in _PURPOSES and one.whole]
    letters = [(text, body) for text, body in bodies if text.isalnum()]
    swapped = bool(letters) and all(body == text.swapcase() for text, body in letters)
    if swapped:
        bodies = [(text, body.swapcase()) for text, body in bodies]
    meant: dict[str, set[str]] = {}
    dropped: set[str] = set()
    for text, body in bodies:
        for printed, came in _pairs(text, body):
            if came:
                meant.setdefault(came, set()).add(printed)
            else:
                dropped.add(printed)
    merged = {came: printed for came, printed in meant.items() if len(printed) > 1}
    findings = [_case(swapped, merged)]
    mended = {came: next(iter(printed)) for came, printed in meant.items() if len(printed) == 1 and printed != {came}}
    signs = {came: printed for came, printed in merged.items() if not _is_case(printed)}
    if dropped:
        text = f"drops {_list(dropped)}: codes with and without them cannot be told apart; {_SET}"
        findings.append(Finding("characters", "lost", text))
    if signs:
        pairs = ", ".join(_list(printed) for printed in signs.values())
        text = f"sends the same for {pairs}: codes that differ in them cannot be told apart; {_SET}"
        findings.append(Finding("characters", "lost", text))
    if mended and not dropped and not signs:
        text = f"exchanges {len(mended)} characters ({_list(set(mended.values()))}); the profile puts them right"
        findings.append(Finding("characters", "mended", text))
    if not dropped and not signs and not mended:
        findings.append(Finding("characters", "ok", "all of ASCII comes as printed"))
    # `characters` apply before `swapped_case`: both sides are written as they come.
    if swapped:
        mended = {came.swapcase(): printed.swapcase() for came, printed in mended.items()}
    return Exchange(swapped, mended, findings)


def _case(swapped: bool, merged: dict[str, set[str]]) -> Finding:
    if swapped:
        return Finding("case", "mended", "exchanges small and capital letters (Caps Lock); the profile puts them right")
    if any(_is_case(printed) for printed in merged.values()):
        return Finding(
            "case",
            "lost",
            "makes all letters small, or all capital: codes such as 'a1' and 'A1' cannot be told apart; set 'convert case' to none",
        )
    return Finding("case", "ok", "small and capital letters come as printed")


def _is_case(printed: set[str]) -> bool:
    return len({character.lower() for character in printed}) == 1


def _pairs(text: str, body: str) -> list[tuple[str, str]]:
    """(printed, came) for each printed character; '' where it was dropped."""
    if len(text) == len(body):
        return list(zip(text, body, strict=True))
    pairs: list[tuple[str, str]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, text, body, autojunk=False).get_opcodes():
        if tag in {"equal", "replace"} and b - a == d - c:
            pairs += zip(text[a:b], body[c:d], strict=True)
        else:
            pairs += [(character, "") for character in text[a:b]]
    return pairs


def _list(characters: set[str]) -> str:
    shown = sorted(characters)
    return " ".join(character if character != " " else "space" for character in shown[:12]) + (" …" if len(shown) > 12 else "")
