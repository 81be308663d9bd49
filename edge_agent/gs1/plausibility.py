"""How plausible a reading is among those that break no rule: the fewer decimal digits it takes to tell it, the more.

A cost is the negative decimal logarithm of a probability. An application identifier costs little where labels of goods and
pallets often carry it; a value costs what its characters carry, less what a date or a check digit forbids. So a rest that
happens to be an expiry date is told cheaper as (17) than as six more digits of a batch. Costs rank, they never decide.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from edge_agent.gs1.charsets import CHARACTERS, CSET_82
from edge_agent.gs1.table import Component, Identifier

#: AI → its cost: what is on most labels, and what is on many. The rest is rarer.
_AI: Final[Mapping[str, float]] = {
    **dict.fromkeys(("00", "01", "02"), 0.3),
    **dict.fromkeys(("10", "17", "21"), 0.5),
    **dict.fromkeys(("11", "13", "15", "37"), 1.0),
    **dict.fromkeys(("12", "16", "30", "240", "241", "400", "401", "402", "410", "414", "8003", "8004"), 1.5),
}
_MEASURE: Final = ("310", "330", "311", "331", "314", "334", "315")
_MEASURE_COST: Final = 1.7
_INTERNAL_COST: Final = 2.8
_RARE_COST: Final = 3.5
#: A key that stands behind what it should come before; the same AI again; an AI without those that it requires.
_KEY_BEHIND: Final = 1.0
_REPEATED: Final = 3.0
_REQUIRED_MISSING: Final = 1.0
#: Values of one or two characters are rare where more are allowed.
_SHORT: Final = (0.0, 1.0, 0.5)
_END_COST: Final = 0.3

#: In text digits and capital letters are more frequent than the rest.
_CHARACTER: Final[Mapping[str, float]] = {
    character: 1.15 if character.isdigit() else 1.4 if character.isupper() or character in "-/" else 1.9
    for character in {*CSET_82, *CHARACTERS["Z"][1], *CHARACTERS["Y"][1]}
}

_DATES: Final = frozenset({"yymmd0", "yymmdd"})
#: Digits that a date of the last and the next years carries less than six digits do.
_DATE_GAIN: Final = 2.0
_CHECK_GAIN: Final = 1.0
#: Years that goods on a site are dated with.
_YEARS: Final = range(15, 46)
_CHECKED: Final = frozenset({"csum", "zero", "iban", "csumalpha"})


def cost(identifier: Identifier, value: str) -> float:
    """What it costs to tell this element string."""
    ai = identifier.ai
    told = _ai_cost(ai)
    for component, part in parts(identifier, value):
        told += float(len(part)) if component.type == "N" else sum(map(_CHARACTER.__getitem__, part))
        if component.shortest < component.longest:
            told += _END_COST + (_SHORT[len(part)] if len(part) < len(_SHORT) else 0.0)
        for linter in component.linters:
            if linter in _DATES:
                told += -_DATE_GAIN if int(part[:2]) in _YEARS else 0.5
            elif linter in _CHECKED:
                told -= _CHECK_GAIN
    return max(told, 0.1)


def cost_behind(identifier: Identifier, before: int, *, repeated: bool) -> float:
    """What it costs more that `before` element strings stand in front, one of them with the same AI."""
    late_key = before > 0 and identifier.qualifiers is not None and identifier.ai in {"00", "01"}
    return _KEY_BEHIND * late_key + _REPEATED * repeated


def cost_of_missing(count: int) -> float:
    """What it costs that `count` AIs lack those that they require."""
    return _REQUIRED_MISSING * count


def parts(identifier: Identifier, value: str) -> Iterator[tuple[Component, str]]:
    """The components of a valid value with their text."""
    at = 0
    for component in identifier.components:
        part = value[at : at + component.longest]
        at += len(part)
        if part:
            yield component, part


def _ai_cost(ai: str) -> float:
    if ai in _AI:
        return _AI[ai]
    if ai.startswith("9"):
        return _INTERNAL_COST
    return _MEASURE_COST if ai.startswith(_MEASURE) else _RARE_COST
