"""Repair element strings whose separators (FNC1) a scanner or a keyboard wedge has lost or replaced.

    repair(text) ──► Repaired    one reading breaks no rule, or one alone is expected
                 ──► Ambiguous   several readings break no rule: they are candidates, the most plausible first
                 ──► Gs1Error    none does, or there are too many to look at

A value of any length ends where its separator stands. Without it `10ABC17251231` is the batch ABC17251231, or the batch ABC
and the expiry date 2025-12-31: both are right by every rule, and to take the first is a misparse that nobody sees. So every
way to part the text is tried, and ruled out only by what a label reader may rely on: the lengths, characters, dates, codes
and check digits of the dictionary, AIs that exclude each other, an AI that contradicts itself.

An AI without those that it requires rules nothing out, since they may stand in another symbol of the label; nor does
anything that is merely rare. Both put a candidate further behind (`edge_agent.gs1.plausibility`). So a repaired scan is
wrong only where its label breaks a rule.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from edge_agent.gs1 import replaced, rules
from edge_agent.gs1.choice import by_support
from edge_agent.gs1.elements import FNC1, unbracketed
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.expectation import Expectation
from edge_agent.gs1.explain import explain
from edge_agent.gs1.parse import COMPOSITE, ELEMENT_CARRIERS, KEY_CARRIERS, may_be_element_strings, parse
from edge_agent.gs1.readings import Reading, readings

#: What an event takes (see `plumbline.event.Scan.candidates`).
MAX_CANDIDATES: Final = 16
_TOO_MANY: Final = "too many readings: the text parts into element strings in more ways than can be looked at"
#: Readings that are compared with what is expected.
_COMPARED: Final = 512


@dataclass(frozen=True, slots=True)
class Repaired:
    """The only reading."""

    elements: Reading
    reason: str
    """Why it is this one, in words."""
    restored: bool
    """A separator was put back; `False`: the text reads so as it stands."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several readings."""

    elements: Reading
    reason: str
    """Where it puts separators back, and what speaks for it or against it."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several readings; a person decides, or what is known later."""

    candidates: tuple[Candidate, ...]
    """At most `MAX_CANDIDATES`, the most plausible first."""
    complete: bool
    """There are no further ones."""


def repair(text: str, *, symbology: str | None = None, expected: Expectation | None = None) -> Repaired | Ambiguous:
    """Read element strings that may lack their separators. Raises `Gs1Error` with the reason where nothing can be read.

    `symbology` is the AIM identifier, which may also begin the text. A separator between two values, or something in its
    place that no value can hold, shows that none is lost: the text then reads as it stands. So do the forms that have no
    separators: brackets, Digital Links, plain GTINs. `expected` may choose between candidates (`choice.by_support`).
    """
    data = text
    if data.startswith("]"):
        symbology, data = data[:3], data[3:]
    if symbology in KEY_CARRIERS and COMPOSITE in data:
        return _composite(data, symbology, expected)
    if (symbology is not None and symbology not in ELEMENT_CARRIERS) or not may_be_element_strings(data, symbology):
        return Repaired(parse(data, symbology=symbology).whole, "it has no separators to lose", restored=False)
    data = data.strip(FNC1)
    if FNC1 in data:
        return Repaired(_as_it_stands(data), "its separators are there", restored=False)
    marked = [(mark, text.strip(FNC1)) for mark, text in replaced.restored(data)]
    found = _with_replaced((mark, text) for mark, text in marked if FNC1 in text)
    # A mark at an end alone is FNC1 in first position, or what the scanner ends a label with: no evidence of any other.
    return found or _with_lost(next((text for _, text in marked if FNC1 not in text), data), expected)


def _composite(data: str, symbology: str, expected: Expectation | None) -> Repaired | Ambiguous:
    """A symbol with one key, and the composite component on it, whose separators may be lost."""
    linear, _, component = data.partition(COMPOSITE)
    key = parse(linear, symbology=symbology).whole
    if not component.startswith("]e0"):
        parse(data, symbology=symbology)  # says what is wrong
    found = repair(component, expected=expected)
    if isinstance(found, Repaired):
        return Repaired(_together(key, found.elements), found.reason, restored=found.restored)
    possible: list[Candidate] = []
    for each in found.candidates:
        with suppress(Gs1Error):  # the key and this reading exclude each other
            whole = _together(key, each.elements)
            possible.append(Candidate(whole, explain(whole)))
    if not possible:
        _together(key, found.candidates[0].elements)  # says why
    if len(possible) > 1:
        return Ambiguous(tuple(possible), complete=found.complete)
    if not found.complete:
        raise Gs1Error(_TOO_MANY)
    only = possible[0].elements
    restored = _restored(only[len(key) :], component[3:])
    return Repaired(only, f"no other reading breaks no rule; {possible[0].reason}", restored=restored)


def _together(key: Reading, elements: Reading) -> Reading:
    rules.check([*key, *elements], requisites=False)
    return (*key, *elements)


def _with_replaced(marked: Iterable[tuple[str, str]]) -> Repaired | Ambiguous | None:
    """The reading of a text that has something in place of its separators; `None` where nothing is."""
    found: dict[Reading, str] = {}
    for mark, text in marked:
        with suppress(Gs1Error):  # then it does not stand for the separator
            found.setdefault(_as_it_stands(text), f"{mark!r} stands for the separator")
    if len(found) > 1:
        return Ambiguous(tuple(Candidate(*each) for each in found.items()), complete=True)
    return next((Repaired(*each, restored=True) for each in found.items()), None)


def _with_lost(data: str, expected: Expectation | None) -> Repaired | Ambiguous:
    if not data:
        raise Gs1Error("there is nothing but separators; scan it again")
    found = readings(data, at_most=MAX_CANDIDATES if expected is None else _COMPARED)
    if not found.complete and len(found.readings) < 2:
        raise Gs1Error(_TOO_MANY)
    if not found.readings:
        _as_it_stands(data)  # says what is wrong with the plainest reading
    if len(found.readings) == 1:
        only = found.readings[0]
        return Repaired(only, f"no other reading breaks no rule; {explain(only)}", restored=_restored(only, data))
    ordered: Sequence[Reading] = found.readings
    if expected is not None:
        ordered, chosen = by_support(ordered, expected)
        if chosen is not None and found.complete:
            return Repaired(chosen, f"no other reading is expected; {explain(chosen)}", restored=_restored(chosen, data))
    first = tuple(Candidate(each, explain(each)) for each in ordered[:MAX_CANDIDATES])
    return Ambiguous(first, complete=found.complete and len(first) == len(ordered))


def _as_it_stands(data: str) -> Reading:
    elements = unbracketed(data)
    rules.check(elements, requisites=False)
    return tuple(elements)


def _restored(reading: Reading, data: str) -> bool:
    """Whether `data` reads differently as it stands."""
    try:
        return _as_it_stands(data) != reading
    except Gs1Error:
        return True
