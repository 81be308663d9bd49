"""What a waiting inspection may have been of, best first: the score is the sum of its parts, so that a person can check it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from plumbline.text import Text, visible
from tracking_service.linking.likeness import distance, folded
from tracking_service.linking.points import Point, Told

Result = Literal["passed", "failed", "conditional"]
PartName = Literal["name", "alike", "title", "near", "within", "order", "beside", "open", "limit"]
#: So long apart, what the same person inspected still speaks for an order (ns).
BESIDE_NS: Final = 3_600 * 1_000_000_000
#: Whoever may not inspect this point is suggested below all that can be taken.
_NOT_ENTITLED: Final = 20
#: Shorter names are found in any text.
_SHORTEST: Final = 4


class Part(NamedTuple):
    """What speaks for a point; less than 0 points: what speaks against it."""

    name: PartName
    points: int
    text: Text


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point in question, and what is known of it."""

    point: Point
    title: Text
    """The order's."""
    result: Result | None = None
    """What its newest inspection said."""
    refused: Text | None = None
    """Why who inspected may not."""
    role_title: Text | None = None
    beside_ns: int | None = None
    """How long apart the same person inspected another point of this order."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A point that an inspection may have been of."""

    candidate: Candidate
    score: int
    exact: bool
    """The point is called as the inspection says."""
    parts: tuple[Part, ...]

    @property
    def text(self) -> Text:
        """All parts as one sentence."""
        return Text("; ".join(part.text.en for part in self.parts), "；".join(part.text.zh for part in self.parts))


def ranked(told: Told, candidates: Iterable[Candidate]) -> Sequence[Suggestion]:
    """The points that something speaks for, best first. The order of `candidates` does not matter."""
    found = [one for one in (_suggestion(told, candidate) for candidate in candidates) if one is not None]
    return sorted(found, key=lambda one: (-one.score, one.candidate.point.order, one.candidate.point.point))


def likeness(told: str, point: str, title: Text) -> Part | None:
    """How the name that was told speaks for a point: the strongest that it says."""
    shown = visible(point, 48)
    if told == point:
        return Part("name", 70, Text("the inspection names this point", "检查指明了该检查项"))
    ours, theirs = folded(told), folded(point)
    if ours and ours == theirs:
        return Part("alike", 39, Text(f"{shown} in another spelling", f"{shown} 的另一种写法"))
    if ours and ours in (folded(title.en), folded(title.zh)):
        return Part("title", 36, Text("the inspection gives its title", "检查写的是该项的名称"))
    apart = distance(ours, theirs, 2) if min(len(ours), len(theirs)) > _SHORTEST else None
    if apart is not None:
        return Part(
            "near",
            33 if apart == 1 else 24,
            Text(f"{apart} character{'' if apart == 1 else 's'} from {shown}", f"与 {shown} 相差 {apart} 个字符"),
        )
    if min(len(ours), len(theirs)) >= _SHORTEST and (ours in theirs or theirs in ours):
        return Part("within", 20, Text(f"one of it and {shown} contains the other", f"与 {shown} 有包含关系"))
    return None


def order_told(told: str | None, number: str) -> Part | None:
    """How the order that was told speaks for an order."""
    if told is None:
        return None
    if told == number:
        return Part("order", 25, Text("the inspection names this order", "检查指明了该订单"))
    ours, theirs = folded(told), folded(number)
    near = distance(ours, theirs, 1) if min(len(ours), len(theirs)) > _SHORTEST else None
    if ours == theirs or near is not None:
        return Part("order", 15, Text(f"the order that it names is nearly {number}", f"所写订单号与 {number} 相近"))
    return None


def _suggestion(told: Told, one: Candidate) -> Suggestion | None:
    point = one.point
    name = likeness(told.point, point.point, point.title)
    order = order_told(told.order, point.order)
    if name is None and order is None:
        return None
    parts = [part for part in (name, order, *_around(one)) if part is not None]
    score = sum(part.points for part in parts)
    if one.refused is not None:
        why = Text(f"who inspected: {one.refused.en}", f"检查人：{one.refused.zh}")
        parts.append(Part("limit", min(_NOT_ENTITLED - score, 0), why))
        score = min(score, _NOT_ENTITLED)
    return Suggestion(one, score, name is not None and name.name == "name", tuple(parts))


def _around(one: Candidate) -> Iterator[Part]:
    if one.beside_ns is not None and one.beside_ns <= BESIDE_NS:
        minutes = one.beside_ns // 60_000_000_000
        said = Text(
            f"the same person inspected another point of this order {minutes} min apart",
            f"同一人员在前后 {minutes} 分钟检查过该订单的其他项",
        )
        yield Part("beside", 10, said)
    if one.result is None:
        yield Part("open", 8, Text("it has not been inspected yet", "该项尚未检查"))
    elif one.result == "failed":
        yield Part("open", 8, Text("it failed before and must pass again", "该项此前不合格，须复检"))
    elif one.result == "conditional":
        yield Part("open", 6, Text("it passed with conditions", "该项为有条件通过"))
