"""What will be missing: lines that are needed soon and are not there, and lines that are promised too late."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from plumbline.counted import counted
from plumbline.text import Text, amount
from tracking_service.planning.history import Cases

_HOUR: Final = 3600 * 1_000_000_000
_DAY: Final = 24 * _HOUR
#: So long before it is needed a line that is not there is a shortage.
AHEAD_NS: Final = 7 * _DAY


class Wanted(NamedTuple):
    """A line and what is known of it. Times are UTC, ns."""

    line: str
    title: Text
    unit: str
    expected: Decimal
    arrived: Decimal
    needed_by: int | None
    promised: int | None = None
    supplier: str | None = None


class Shortage(NamedTuple):
    """A line that will be missing, or is."""

    line: str
    kind: Literal["missing", "soon", "promised_late", "likely_late"]
    missing: Decimal
    needed_by: int
    expected_at: int | None
    """When it should come, where somebody said or the supplier's history tells."""
    why: Text


def shortages(lines: Iterable[Wanted], now: int, delays: Mapping[str, Cases] | None = None) -> Sequence[Shortage]:
    """The shortages ahead, the most urgent first. `delays`: by supplier, how many days late it was before."""
    found = [one for line in lines if (one := _shortage(line, now, delays or {})) is not None]
    return sorted(found, key=lambda one: (one.needed_by, one.line))


def _shortage(line: Wanted, now: int, delays: Mapping[str, Cases]) -> Shortage | None:
    missing = line.expected - line.arrived
    if missing <= 0 or line.needed_by is None:
        return None
    lacking = counted(missing, line.unit)
    what = Text(f"{lacking.en} {line.title.en}", f"{line.title.zh} {lacking.zh}")
    if line.needed_by <= now:
        return Shortage(
            line.line, "missing", missing, line.needed_by, line.promised,
            _missing(what, now - line.needed_by),
        )  # fmt: skip
    if line.promised is not None and line.promised > line.needed_by:
        late = _days(line.promised - line.needed_by)
        return Shortage(
            line.line, "promised_late", missing, line.needed_by, line.promised,
            Text(f"{what.en} promised {late.en} after it is needed", f"{what.zh} 承诺到货比需要晚 {late.zh}"),
        )  # fmt: skip
    history = delays.get(line.supplier or "")
    usual = history.quantile(0.8) if history is not None else None
    if history is not None and usual is not None and line.promised is not None:
        likely = line.promised + round(usual * _DAY)
        if likely > line.needed_by:
            late = _days(likely - line.needed_by)
            return Shortage(
                line.line, "likely_late", missing, line.needed_by, likely,
                Text(
                    f"{what.en} likely {late.en} too late: 4 of 5 deliveries of this supplier came at most"
                    f" {amount(Decimal(str(round(usual, 1))))} days behind their promise ({history.count} cases)",
                    f"{what.zh} 可能晚 {late.zh}：该供应商五次交货中有四次最多晚 {amount(Decimal(str(round(usual, 1))))} 天"
                    f"({history.count} 次)",
                ),
            )  # fmt: skip
    if line.needed_by - now <= AHEAD_NS:
        left = _days(line.needed_by - now)
        return Shortage(
            line.line, "soon", missing, line.needed_by, line.promised,
            Text(f"{what.en} not there, needed in {left.en}", f"{what.zh} 未到，{left.zh}后需要"),
        )  # fmt: skip
    return None


def _missing(what: Text, ago: int) -> Text:
    if ago < _HOUR:
        return Text(f"{what.en} missing: needed now", f"缺 {what.zh}：现在就需要")
    since = _days(ago)
    return Text(f"{what.en} missing: needed {since.en} ago", f"缺 {what.zh}：{since.zh}前就需要")


def _days(ns: int) -> Text:
    if ns < _HOUR:
        return Text("less than an hour", "不到 1 小时")
    if ns < _DAY:
        hours = ns // _HOUR
        return Text(f"{hours} hour{'' if hours == 1 else 's'}", f"{hours} 小时")
    days = round(ns / _DAY)
    return Text(f"{days} day{'' if days == 1 else 's'}", f"{days} 天")
