"""Find the card's codes in what a scanner sent, mangled as it may be. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.scanner_card.probes import END, MARK, PROBES, SHORT, Probe

_MARKED: Final = re.compile(rf"{MARK}(\d\d)", re.IGNORECASE)
_END: Final = re.compile(END, re.IGNORECASE)
#: Retail codes have no room for the mark: their number without leading zeros and check digit is known enough.
_RETAIL: Final = {
    probe.number: re.compile(rf"0{{0,2}}{probe.text[:-1].lstrip('0')}{probe.text[-1]}?")
    for probe in PROBES.values()
    if probe.purpose == "retail"
}
_SHORT: Final = re.compile(rf"{PROBES[SHORT].text}(?!\d)", re.IGNORECASE)
#: The short code with prefix, identifier and suffix is no longer than this.
_ALONE: Final = 24


@dataclass(frozen=True, slots=True)
class Heard:
    """One code of the card as it came."""

    probe: Probe
    head: str
    """What came before it: since the last code, or since the scanner began to speak."""
    body: str
    """Its content as it came."""
    tail: str | None
    """What came behind it; `None`: another code did, so `head` of that one tells both."""
    whole: bool
    """Whether its end came."""


@dataclass(frozen=True, slots=True)
class _Place:
    probe: Probe
    start: int
    end: int
    whole: bool


def hear(shots: Sequence[str]) -> tuple[list[Heard], list[str]]:
    """The codes in what came between silences, in order, and the shots in which there was none."""
    heard: list[Heard] = []
    strange: list[str] = []
    for shot in shots:
        places = list(_places(shot))
        places = sorted([*places, *_short(shot, places)], key=lambda place: place.start)
        if not places and shot:
            strange.append(shot)
        at = 0
        for i, place in enumerate(places):
            last = i == len(places) - 1
            heard.append(
                Heard(
                    place.probe,
                    shot[at : place.start],
                    shot[place.start : place.end],
                    shot[place.end :] if last else None,
                    place.whole,
                )
            )
            at = place.end
    return heard, strange


def _places(shot: str) -> Iterator[_Place]:
    marks = [mark for mark in _MARKED.finditer(shot) if int(mark[1]) in PROBES]
    for i, mark in enumerate(marks):
        probe = PROBES[int(mark[1])]
        until = marks[i + 1].start() if i + 1 < len(marks) else len(shot)
        end = _END.search(shot, mark.end(), until)
        start = mark.start()
        for lead in (probe.lead, _bracketed(probe.lead)):
            if lead and shot.endswith(lead, 0, start):
                start -= len(lead)
                break
        yield _Place(probe, start, end.end() if end else until, end is not None)
    for number, pattern in _RETAIL.items():
        for found in pattern.finditer(shot):
            # The 0 may be the identifier's, ]E0.
            start = found.start() + (shot[: found.start()].upper().endswith("]E") and found[0].startswith("0"))
            yield _Place(PROBES[number], start, found.end(), whole=True)


def _short(shot: str, taken: Sequence[_Place]) -> Iterator[_Place]:
    """The code that is too short for the mark: where nothing else is, and next to others or all but alone."""
    for found in _SHORT.finditer(shot):
        free = all(found.end() <= place.start or found.start() >= place.end for place in taken)
        if free and (taken or len(shot) <= _ALONE):
            yield _Place(PROBES[SHORT], found.start(), found.end(), whole=True)


def _bracketed(lead: str) -> str:
    """The application identifiers (01) and (10) as some scanners put them in brackets."""
    return f"({lead[:2]}){lead[2:16]}({lead[16:]})" if lead else ""
