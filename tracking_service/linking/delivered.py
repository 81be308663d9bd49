"""A delivery note and its units: what was told, what came, and what that means in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from plumbline.counted import counted
from plumbline.text import Text, joined, visible
from tracking_service.domain.milestone import Silence, quietest

_NOTHING: Final = Decimal(0)
#: Units of one note come together: what is not there a day after the first of them is missing.
TOGETHER_NS: Final = 86_400_000_000_000

UnitState = Literal["expected", "waiting", "unknown", "missing", "arrived", "short", "over", "returned"]


class Scanned(NamedTuple):
    """A scan that counts, or that a person corrected."""

    event: str
    at: int
    device: str
    quantity: Decimal


class Done(NamedTuple):
    """An act of the office about it."""

    id: str
    kind: str
    at: int
    person: str | None
    quantity: Decimal | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Portion:
    """So much of a line in a unit (or without one). Quantities in the line's unit."""

    line: str
    title: Text
    unit: str
    expected: Decimal | None
    """What the delivery note says; 0: it does not list this line. `None`: it came in no unit."""
    arrived: Decimal
    returned: Decimal
    corrected: Decimal | None
    """What came by the word of a person, where that was corrected."""
    scans: tuple[Scanned, ...] = ()
    acts: tuple[Done, ...] = ()

    @property
    def short(self) -> Decimal:
        """What of it did not come."""
        return max(self.expected - self.arrived, _NOTHING) if self.expected is not None else _NOTHING

    @property
    def over(self) -> Decimal:
        """What came beyond it and is still there."""
        return max(self.arrived - self.returned - self.expected, _NOTHING) if self.expected is not None else _NOTHING


@dataclass(frozen=True, slots=True)
class DeliveredUnit:
    """A logistic unit of a delivery note."""

    sscc: str
    state: UnitState
    at: int | None
    """When it came."""
    portions: tuple[Portion, ...]
    text: Text


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery note, or what came under none."""

    note: str | None
    units: tuple[DeliveredUnit, ...]
    loose: tuple[Portion, ...]
    """What came without a unit; of `note` `None` only."""
    first_at: int | None
    text: Text

    @property
    def short(self) -> bool:
        """Some of it came, and of the rest it is known that it did not."""
        return any(unit.state in ("missing", "short") for unit in self.units)


def delivery(note: str, units: Mapping[str, Sequence[Portion]], silent: Sequence[Silence], now: int) -> Delivery:
    """What became of the units of a delivery note."""
    first = min((at for parts in units.values() if (at := _came_at(parts)) is not None), default=None)
    found = tuple(_unit(sscc, parts, first, silent, now) for sscc, parts in sorted(units.items()))
    name, count = visible(note, 64), len(found)
    there = sum(unit.at is not None for unit in found)
    text = Text(
        f"{there} of {count} units of delivery note {name} arrived", f"送货单 {name} 的 {count} 个物流单元已到 {there} 个"
    )
    problems = [unit for unit in found if unit.state in ("missing", "short", "over", "unknown")]
    if problems:
        shown = [unit.text for unit in problems[:3]]
        if len(problems) > 3:
            shown.append(Text(f"{len(problems) - 3} units more like these", f"另有 {len(problems) - 3} 个类似单元"))
        text = Text(f"{text.en}; " + "; ".join(one.en for one in shown), f"{text.zh}；" + "；".join(one.zh for one in shown))
    return Delivery(note, found, (), first, text)


def without_note(
    units: Mapping[str, Sequence[Portion]], loose: tuple[Portion, ...], silent: Sequence[Silence], now: int
) -> Delivery:
    """What came that no delivery note lists."""
    found = tuple(_unit(sscc, parts, _came_at(parts), silent, now) for sscc, parts in sorted(units.items()))
    what = [*loose, *(portion for parts in units.values() for portion in parts)]
    came = joined(_amount(portion, portion.arrived) for portion in what[:5] if portion.arrived)
    more_en, more_zh = (f" and {len(what) - 5} lines more", f"等 {len(what)} 行") if len(what) > 5 else ("", "")
    text = Text(
        f"arrived without a delivery note: {came.en or 'nothing'}{more_en}", f"无送货单到货：{came.zh or '无'}{more_zh}"
    )
    return Delivery(None, found, loose, min((unit.at for unit in found if unit.at is not None), default=None), text)


def _came_at(parts: Iterable[Portion]) -> int | None:
    there = (scan.at for one in parts for scan in one.scans if scan.quantity > 0 or one.corrected is not None)
    return min(there, default=None)


def _unit(sscc: str, parts: Sequence[Portion], first: int | None, silent: Sequence[Silence], now: int) -> DeliveredUnit:
    at = _came_at(parts)
    state = _state(parts, at, first, silent, now)
    return DeliveredUnit(sscc, state, at, tuple(parts), _told(sscc, state, parts))


def _state(parts: Sequence[Portion], at: int | None, first: int | None, silent: Sequence[Silence], now: int) -> UnitState:
    if at is None:
        if first is None:
            return "expected"
        if now < first + TOGETHER_NS:
            return "waiting"
        return "unknown" if quietest(silent, first + TOGETHER_NS) is not None else "missing"
    if any(portion.short for portion in parts):
        return "short"
    if all(portion.returned >= portion.arrived for portion in parts):
        return "returned"
    return "over" if any(portion.over for portion in parts) else "arrived"


def _told(sscc: str, state: UnitState, parts: Sequence[Portion]) -> Text:
    expected = joined(_amount(portion, portion.expected or _NOTHING) for portion in parts)
    came = joined(_amount(portion, portion.arrived) for portion in parts)
    told = {
        "expected": Text(f"unit {sscc} is expected with {expected.en}", f"物流单元 {sscc} 应有 {expected.zh}，尚未到货"),
        "waiting": Text(
            f"unit {sscc} with {expected.en} has not come yet; others of its note came within the last day",
            f"物流单元 {sscc}（{expected.zh}）尚未到，同一送货单的其他单元在一天内已到",
        ),
        "unknown": Text(
            f"whether unit {sscc} with {expected.en} came is not known: a gateway of the site has not told all",
            f"物流单元 {sscc}（{expected.zh}）是否到货未知：工地有网关数据未传完",
        ),
        "missing": Text(
            f"short delivery: unit {sscc} with {expected.en} did not come within a day of the others",
            f"短缺：物流单元 {sscc}（{expected.zh}）在其他单元到货后一天内未到",
        ),
        "arrived": Text(f"unit {sscc} arrived with {came.en}", f"物流单元 {sscc} 已到：{came.zh}"),
    }
    text = told.get(state) or Text(
        f"unit {sscc} arrived with {came.en}, {expected.en} were to come", f"物流单元 {sscc} 到货 {came.zh}，应到 {expected.zh}"
    )
    extra = [
        Text(f"{_amount(one, one.returned).en} went back", f"退回{_amount(one, one.returned).zh}")
        for one in parts
        if one.returned
    ]
    extra += [
        Text(f"corrected to {_amount(one, one.corrected).en}", f"更正为{_amount(one, one.corrected).zh}")
        for one in parts
        if one.corrected is not None
    ]
    if not extra:
        return text
    return Text("; ".join((text.en, *(one.en for one in extra))), "；".join((text.zh, *(one.zh for one in extra))))


def _amount(portion: Portion, quantity: Decimal) -> Text:
    what = counted(quantity, portion.unit)
    return Text(f"{what.en} {portion.title.en}", f"{portion.title.zh} {what.zh}")
