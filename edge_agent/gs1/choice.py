"""Choose between readings by what the site expects."""

import functools
from collections.abc import Sequence
from typing import Final

from edge_agent.gs1.expectation import Expectation
from edge_agent.gs1.readings import Reading
from edge_agent.gs1.table import UNKNOWN, identifiers

#: AIs of digits alone that name a thing all the same: contents, and serial components.
_NUMERIC_NAMES: Final = frozenset({"02", "03", "8011", "8019", "8026"})


def by_support(found: Sequence[Reading], expected: Expectation) -> tuple[list[Reading], Reading | None]:
    """`found` with those of the most expected values first, and the one that may be chosen.

    What all readings agree on says nothing about them. Of the other values those that identify something count: keys,
    batches, serial numbers, any text; dates, counts and measures do not. A reading may be chosen where all of them are
    expected and every other reading has fewer expected ones, all of them among its own.
    """
    everywhere = set(found[0]).intersection(*found[1:])
    telling = {reading: {each for each in reading if each not in everywhere and _identifies(each[0])} for reading in found}
    known = {element: expected.knows(*element) for elements in telling.values() for element in elements}
    support = {reading: {each for each in elements if known[each]} for reading, elements in telling.items()}
    ordered = sorted(found, key=lambda reading: -len(support[reading]))
    first = ordered[0]
    whole = bool(support[first]) and support[first] == telling[first]
    alone = all(support[other] < support[first] for other in ordered[1:])
    return ordered, first if whole and alone else None


@functools.cache
def _identifies(ai: str) -> bool:
    identifier = identifiers().get(ai, UNKNOWN)
    is_text = any(component.type != "N" for component in identifier.components)
    return is_text or identifier.qualifiers is not None or ai in _NUMERIC_NAMES
