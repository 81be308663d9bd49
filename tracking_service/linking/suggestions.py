"""Which lines a scan that waits may belong to, best first, and what speaks for each.

A score is the sum of its parts, 0 to 100. What the code says weighs most: a line whose own code it is stands above all
others (70 and more). Beside it weighs what was scanned around it, whose goods they are, how much is still open, how soon it
is needed. What is complete stands below what is open; what was ordered for another site below what was ordered for this one.
Where nothing but an open quantity speaks for a line, it is not suggested.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from plumbline.counted import counted
from plumbline.material import Line
from plumbline.text import Text, amount, visible
from tracking_service.linking.code_speaks import Asked, nearest
from tracking_service.linking.code_speaks import exact as exact_code
from tracking_service.linking.question import Candidate, Part, Waiting

_MINUTE: Final = 60_000_000_000
_DAY: Final = 1_440 * _MINUTE
#: Scans of one device that lie no further apart belong to one delivery.
TOGETHER_NS: Final = 10 * _MINUTE
_AT_ONCE_NS: Final = 2 * _MINUTE
_SOON_NS: Final = 7 * _DAY

#: The most that a line gets whose code it is and that is complete, or of another site; and that others get. Without a limit a
#: line whose code it is gets 75 to 100, another 9 to 69.
_EXACT_COMPLETE, _EXACT_ELSEWHERE, _COMPLETE, _ELSEWHERE = 72, 74, 8, 20


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A line that a scan may belong to."""

    line: Line
    score: int
    exact: bool
    """The code is the line's own."""
    quantity: Decimal
    """What it would count, in the line's unit."""
    open: Decimal
    """What is still to come of the line."""
    parts: tuple[Part, ...]

    @property
    def text(self) -> Text:
        """All parts as one sentence."""
        return Text("; ".join(part.text.en for part in self.parts), "；".join(part.text.zh for part in self.parts))


def ranked(waiting: Waiting, candidates: Iterable[Candidate], now: int) -> Sequence[Suggestion]:
    """The lines that something speaks for, best first. The order of `candidates` does not matter."""
    asked = Asked(waiting)
    found = [one for one in (_suggestion(asked, candidate, now) for candidate in candidates) if one is not None]
    return sorted(found, key=_rank)


def _rank(one: Suggestion) -> tuple[int, int, str, str, str]:
    needed = one.line.needed_by if one.line.needed_by is not None else 2**63
    return (-one.score, needed, one.line.order, one.line.number, one.line.id)


def _suggestion(asked: Asked, one: Candidate, now: int) -> Suggestion | None:
    here = one.line.site == asked.waiting.site
    exact = exact_code(asked, one)
    told = exact or nearest(asked, one, alike=here)
    parts = [told.part] if told is not None else []
    if here:
        parts += _around(asked, one)
    if not parts:
        return None
    quantity = told.quantity if told is not None else asked.count
    still = max(one.line.expected - one.arrived, Decimal(0))
    parts += _state(one, quantity, still, now)
    score = sum(part.points for part in parts)
    if not here or not still:
        limit, why = _limit(one.line, exact=exact is not None, complete=not still, here=here)
        parts.append(Part("limit", min(limit - score, 0), why))
        score = min(limit, score)
    return Suggestion(one.line, score, exact is not None, quantity, still, tuple(parts))


def _limit(line: Line, *, exact: bool, complete: bool, here: bool) -> tuple[int, Text]:
    """The most that a line gets that is complete or of another site, and why."""
    said: list[Text] = []
    if not here:
        said.append(Text(f"it was ordered for site {line.site}", f"此物料是为工地 {line.site} 订购的"))
    if complete:
        asked = counted(line.expected, line.unit)
        said.append(Text(f"all {asked.en} have arrived already", f"{asked.zh} 已全部到货"))
    why = Text(" and ".join(one.en for one in said), "，".join(one.zh for one in said))
    if complete:
        return (_EXACT_COMPLETE if exact else _COMPLETE), why
    return (_EXACT_ELSEWHERE if exact else _ELSEWHERE), why


def _around(asked: Asked, one: Candidate) -> list[Part]:
    parts: list[Part] = []
    if (note := one.note_beside) is not None and note.apart_ns <= TOGETHER_NS:
        shown, when = visible(note.note, 32), _apart(note.apart_ns)
        said = Text(
            f"the same device scanned a unit of its delivery note {shown} {when.en}",
            f"同一设备{when.zh}扫描过送货单 {shown} 的物流单元",
        )
        parts.append(Part("note", 10 if note.apart_ns <= _AT_ONCE_NS else 7, said))
    elif (order := one.order_beside) is not None and order.apart_ns <= TOGETHER_NS:
        when = _apart(order.apart_ns)
        said = Text(
            f"the same device scanned material of order {one.line.order} {when.en}",
            f"同一设备{when.zh}扫描过订单 {one.line.order} 的物料",
        )
        parts.append(Part("order", 6 if order.apart_ns <= _AT_ONCE_NS else 4, said))
    if one.supplier is not None and one.supplier == asked.waiting.supplier:
        name = one.supplier_title or Text(one.supplier, one.supplier)
        said = Text(
            f"its number begins with the company prefix of supplier {name.en}",
            f"编码的厂商识别代码属于供应商 {name.zh}",
        )
        parts.append(Part("supplier", 8, said))
    return parts


def _apart(apart_ns: int) -> Text:
    minutes = apart_ns // _MINUTE
    if minutes == 0:
        return Text("within a minute of it", "在一分钟内")
    return Text(f"{minutes} min from it", f"在前后 {minutes} 分钟")


def _state(one: Candidate, quantity: Decimal, still: Decimal, now: int) -> Iterator[Part]:
    if not still:
        return
    line = one.line
    asked, left = counted(line.expected, line.unit), amount(still)
    yield Part("open", 8 if quantity <= still else 5, Text(f"{left} / {asked.en} still open", f"尚缺 {left} / {asked.zh}"))
    if line.needed_by is None or line.needed_by - now > _SOON_NS:
        return
    days = (line.needed_by - now) // _DAY
    if days < 0:
        yield Part("soon", 4, Text("it is overdue", "已过需用日期"))
    else:
        said = (
            Text("it is needed today or tomorrow", "今明两天需用")
            if days < 2
            else Text(f"it is needed in {days} days", f"{days} 天后需用")
        )
        yield Part("soon", 4 if days < 2 else 2, said)
