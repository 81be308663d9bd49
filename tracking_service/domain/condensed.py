"""A line's arrivals as a policy needs them: few steps instead of thousands of scans.

Of a line's arrivals a policy takes only sums, and when these reached the quantities that it asks for (its levels). Both are
kept with each line, so that a scan costs the same whether it is the tenth of its line or the ten thousandth.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from tracking_service.domain.facts import Arrival
from tracking_service.domain.policies import Level

#: Begins the id of a step.
STEP: Final = "sum|"


class Total(NamedTuple):
    """What has arrived of a line, and what of that has its certificate."""

    arrived: Decimal = Decimal(0)
    certified: Decimal = Decimal(0)
    pieces: int = 0
    """How many arrivals count."""
    certified_pieces: int = 0


class Condensed(NamedTuple):
    """The steps, and for how many arrivals each step's evidence stands."""

    arrivals: Mapping[str, Sequence[Arrival]]
    """By line."""
    weights: Mapping[str, int]
    """By the step's id."""


def condensed(levels: Collection[Level], totals: Mapping[str, Total], reached: Mapping[Level, int | None]) -> Condensed | None:
    """The arrivals of the lines of `levels`; `None`: a line is counted both with and without certificates.

    Args:
        levels: what one milestone's policy asks for.
        totals: by line.
        reached: since when so much has been there; absent or `None`: it is not.
    """
    by_line: dict[str, list[Level]] = {}
    for level in levels:
        by_line.setdefault(level.line, []).append(level)
    arrivals: dict[str, Sequence[Arrival]] = {}
    weights: dict[str, int] = {}
    for line, asked in by_line.items():
        only = asked[0].certified_only
        if any(level.certified_only is not only for level in asked):
            return None
        total = totals.get(line, Total())
        pieces = total.certified_pieces if only else total.pieces
        steps = list(_steps(line, sorted(asked), total.certified if only else total.arrived, reached))
        if pieces and not steps:  # as much went back as came: evidence of nothing
            steps = [Arrival(1, f"{STEP}{line}|{sign}", line, f"{STEP}{sign}", Decimal(sign)) for sign in (1, -1)]
        if only and (rest := total.arrived - total.certified):
            steps.append(Arrival(1, f"{STEP}{line}|rest", line, f"{STEP}rest", rest, certified=False))
        arrivals[line] = steps
        if steps:
            weights |= {step.id: 0 for step in steps}
            weights[steps[0].id] = pieces
    return Condensed(arrivals, weights)


def _steps(line: str, asked: Iterable[Level], total: Decimal, reached: Mapping[Level, int | None]) -> Iterator[Arrival]:
    there, at, number = Decimal(0), 1, 0
    for level in asked:
        since = reached.get(level)
        if since is None or level.quantity <= there:
            continue
        yield Arrival(since, f"{STEP}{line}|{number}", line, f"{STEP}{number}", level.quantity - there)
        there, at, number = level.quantity, since, number + 1
    if total != there:
        yield Arrival(at, f"{STEP}{line}|{number}", line, f"{STEP}{number}", total - there)
