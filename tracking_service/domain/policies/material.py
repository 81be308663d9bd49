"""Material arrived: of every line so much as the order asks for, where wanted with its certificate."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from fractions import Fraction
from operator import attrgetter
from typing import NamedTuple

from plumbline.counted import counted as in_units
from plumbline.text import Text, amount
from tracking_service.domain.facts import Arrival, Evidence, Facts, Need, Result
from tracking_service.domain.policies.policy import both, clock, ordered, percent, several


class Line(NamedTuple):
    """A material line, as its policy knows it. How much is asked for stands in the facts."""

    id: str
    title: Text
    unit: str


class Level(NamedTuple):
    """A quantity of a line at which it matters to a policy."""

    line: str
    quantity: Decimal
    certified_only: bool
    """Only what has its certificate counts towards it."""


@dataclass(frozen=True, slots=True)
class MaterialArrived:
    """Done when of every line at least `ratio` × the expected quantity has arrived."""

    lines: tuple[Line, ...]
    ratio: Decimal
    """Above 0, at most 1."""
    certificates: bool
    """What lacks a certificate that the line asks for does not count."""
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        share, count = amount(self.ratio * 100), len(self.lines)
        if count == 1:
            title = self.lines[0].title
            said = Text(f"{share} % of {title.en} has arrived", f"{title.zh}到货 {share}%")
        else:
            said = Text(f"{share} % of each of {count} material lines has arrived", f"{count} 行物料每行到货 {share}%")
        return Text(f"{said.en}, with certificates", f"{said.zh}并有质量证明") if self.certificates else said

    def needs(self) -> set[Need]:
        """Its lines."""
        return {Need("line", line.id) for line in self.lines}

    def levels(self, expected: Mapping[str, Decimal]) -> set[Level]:
        """At which quantities its lines matter: between them only the sums do."""
        wanted = ((line.id, expected.get(line.id)) for line in self.lines)
        return {Level(line, quantity * self.ratio, self.certificates) for line, quantity in wanted if quantity is not None}

    def evaluate(self, facts: Facts) -> Result:
        """The mean of the lines' own shares: pieces and tonnes do not add up."""
        found = [self._standing(line, facts) for line in self.lines]
        wanted = [each for each in found if each.needed is None or each.needed > 0]
        share = sum((each.share for each in wanted), Fraction(0)) / len(wanted) if wanted else Fraction(0)
        done = [each.done_at for each in wanted if each.done_at is not None]
        done_at = max(done) if done and len(done) == len(wanted) else None
        proof = ordered(
            Evidence(arrival.at, arrival.id, _brought(each.line, arrival.quantity), arrival.quantity)
            for each in found
            for arrival in each.counted
        )
        return Result(percent(share), done_at, self._why(wanted, done_at), proof)

    def _standing(self, line: Line, facts: Facts) -> "_Standing":
        asked = facts.expected.get(line.id)
        counts = [
            one if not self.certificates or one.certified_at <= one.at else one._replace(at=one.certified_at)
            for one in counted(facts.arrivals.get(line.id, ()))
        ]
        lacking = Decimal(0)
        if self.certificates:
            lacking = sum((one.quantity for one in counts if not one.certified), Decimal(0))
            counts = [one for one in counts if one.certified]
        there = sum((one.quantity for one in counts), Decimal(0))
        needed = None if asked is None else asked * self.ratio
        done_at = reached(counts, needed) if needed else None
        return _Standing(line, needed, there, lacking, done_at, tuple(counts))

    def _why(self, found: "Sequence[_Standing]", done_at: int | None) -> Text:
        lacking = [_brought(each.line, each.lacking) for each in found if each.lacking > 0]
        without = several(lacking)
        uncertified = (
            Text(f"without certificate, so not counted: {without.en}", f"缺质量证明书，不计入：{without.zh}")
            if lacking
            else None
        )
        if not found:
            return Text("Nothing is ordered on these lines", "这些物料行没有订购数量")
        if done_at is not None:
            when = clock(done_at, self.zone)
            return Text(f"All material had arrived by {when}", f"{when} 物料已到齐")
        if len(found) == 1:
            return both((_one(found[0]), uncertified))
        missing = [each for each in found if each.done_at is None]
        what = several(_missing(each) for each in missing)
        complete, count = len(found) - len(missing), len(found)
        there = Text(
            f"{complete} of {count} material lines complete, missing {what.en}",
            f"{count} 行物料已齐 {complete} 行，还缺{what.zh}",
        )
        return both((there, uncertified))


class _Standing(NamedTuple):
    line: Line
    needed: Decimal | None
    """`None`: the order knows no such line."""
    there: Decimal
    lacking: Decimal
    """Came without its certificate."""
    done_at: int | None
    counted: tuple[Arrival, ...]

    @property
    def share(self) -> Fraction:
        if not self.needed:
            return Fraction(0)
        return max(Fraction(0), min(Fraction(1), Fraction(self.there) / Fraction(self.needed)))


def counted(arrivals: Iterable[Arrival]) -> Sequence[Arrival]:
    """Those that count, by time: of several scans of a piece the first, until the piece went back."""
    pieces: defaultdict[tuple[str, str], list[Arrival]] = defaultdict(list)
    for arrival in set(arrivals):
        pieces[arrival.line, arrival.piece].append(arrival)
    found = [arrival for seen in pieces.values() for arrival in _of_piece(sorted(seen))]
    return sorted(found, key=attrgetter("at", "id", "line", "piece"))


def _of_piece(seen: Sequence[Arrival]) -> Iterator[Arrival]:
    if all(arrival.quantity < 0 for arrival in seen):  # a clerk told how much went back, not which piece
        yield from seen
        return
    there, came = Decimal(0), seen[0]
    for arrival in seen:
        if arrival.quantity > 0 and not there:
            there, came = arrival.quantity, arrival
            yield arrival
        elif arrival.quantity < 0 < there:
            back = min(-arrival.quantity, there)
            there -= back
            yield arrival._replace(quantity=-back, certified=came.certified, certified_at=came.certified_at)


def reached(arrivals: Iterable[Arrival], needed: Decimal) -> int | None:
    """Since when at least so much has been there without a break; `None`: it is not."""
    by_time: defaultdict[int, Decimal] = defaultdict(Decimal)
    for arrival in arrivals:
        by_time[arrival.at] += arrival.quantity
    there, since = Decimal(0), None
    for at, quantity in sorted(by_time.items()):
        there += quantity
        if there < needed:
            since = None
        elif since is None:
            since = at
    return since


def _brought(line: Line, quantity: Decimal) -> Text:
    if quantity < 0:
        back = in_units(-quantity, line.unit)
        return Text(f"{back.en} {line.title.en} went back", f"{line.title.zh} 退回 {back.zh}")
    came = in_units(quantity, line.unit)
    return Text(f"{came.en} {line.title.en}", f"{line.title.zh} {came.zh}")


def _missing(standing: _Standing) -> Text:
    if standing.needed is None:
        return Text(f"{standing.line.title.en} (not on the order)", f"{standing.line.title.zh}(订单中没有)")
    return _brought(standing.line, standing.needed - standing.there)


def _one(standing: _Standing) -> Text:
    line = standing.line
    if standing.needed is None:
        return Text(f"{line.title.en} is not on the order any more", f"订单中已没有{line.title.zh}")
    there, needed, left = (
        in_units(each, line.unit) for each in (standing.there, standing.needed, standing.needed - standing.there)
    )
    return Text(
        f"{amount(standing.there)} of {needed.en} {line.title.en} arrived, {left.en} missing",
        f"{line.title.zh}应到 {needed.zh}，已到 {there.zh}，还缺 {left.zh}",
    )
