"""What will be missing: lines that are needed soon and are not there, and lines that are promised too late."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from plumbline.text import Text, amount
from tracking_service.planning.history import Cases

_DAY: Final = 24 * 3600 * 1_000_000_000
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
    what = Text(f"{amount(missing)} {line.unit} {line.title.en}", f"{line.title.zh} {amount(missing)} {line.unit}")
    if line.needed_by <= now:
        return Shortage(
            line.line, "missing", missing, line.needed_by, line.promised,
            Text(f"{what.en} missing: needed since {_ago(now - line.needed_by).en}", f"缺 {what.zh}：{_ago(now - line.needed_by).zh}前就需要"),
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


def _days(ns: int) -> Text:
    days = max(1, round(ns / _DAY))
    return Text(f"{days} day{'' if days == 1 else 's'}", f"{days} 天")


def _ago(ns: int) -> Text:
    return _days(ns) if ns >= _DAY else Text("today", "今天")
