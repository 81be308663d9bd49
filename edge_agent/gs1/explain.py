"""What a reading assumes, and what speaks for it or against it, in words for the person who decides."""

from typing import Final

from edge_agent.gs1 import rules
from edge_agent.gs1.plausibility import parts
from edge_agent.gs1.readings import Reading
from edge_agent.gs1.table import identifiers

_PROOFS: Final = {
    "csum": "has a right check digit",
    "csumalpha": "has right check characters",
    "iban": "has right check digits",
    "yymmd0": "is a date",
    "yymmdd": "is a date",
    "yyyymmdd": "is a date",
}


def explain(elements: Reading) -> str:
    """One line: where separators are put back, what proves the values behind them, what is missing."""
    table = identifiers()
    lost = [ai for ai, _ in elements[:-1] if table[ai].separated]
    if not lost:
        last = elements[-1][0]
        said = [f"no separator is lost: ({last}) is all the rest" if table[last].separated else "it has no separators"]
    else:
        said = ["separators put back behind " + ", ".join(f"({ai})" for ai in lost)]
    first = next((i for i, (ai, _) in enumerate(elements) if table[ai].separated), len(elements))
    for ai, value in elements[first + 1 :]:
        names = [linter for component, _ in parts(table[ai], value) for linter in component.linters]
        said += [f"({ai}) {_PROOFS[name]}" for name in names[:1] if name in _PROOFS]
    said += [f"({ai}) would need {wanted} beside it" for ai, wanted in rules.unmet(list(elements))]
    return "; ".join(said)
