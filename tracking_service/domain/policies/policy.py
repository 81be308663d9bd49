"""What every policy is: it says what it needs, what it makes of the facts, and how it reads."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple, Protocol

from plumbline.text import Text, joined
from tracking_service.domain.facts import Evidence, Facts, Need, Result

#: A sentence names so many things, then says how many more there are.
NAMED: Final = 3
_MINUTE: Final = 60_000_000_000
DONE: Final = Decimal(100)


class Policy(Protocol):
    """What completes a milestone: a value, bound to its order, milestone and site, and pure."""

    @property
    def clause(self) -> Text:
        """What must be so, behind 'Done when …'."""
        ...

    def needs(self) -> set[Need]:
        """What it counts on: all observations of these, and no others, can change its result."""
        ...

    def evaluate(self, facts: Facts) -> Result:
        """What it makes of the facts: whatever order they are in, and however often one is among them."""
        ...


class Named(NamedTuple):
    """Something of the site or the order, and what people call it."""

    id: str
    title: Text


def sentence(policy: Policy) -> Text:
    """The policy as people read it."""
    clause = policy.clause
    return Text(f"Done when {clause.en}", f"{clause.zh}，即完成")


def percent(fraction: Fraction) -> Decimal:
    """A share as hundredths of a percent, rounded down: 100 is the whole and nothing less."""
    return Decimal(int(max(Fraction(0), min(Fraction(1), fraction)) * 10_000)) / 100


def ordered(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Evidence by time, each piece once."""
    return tuple(sorted(set(evidence), key=lambda each: (each.at, each.id, each.text.en)))


def clock(at: int, zone: tzinfo) -> str:
    """A time to the minute, as a clock on the site shows it."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def lasting(ns: int) -> Text:
    """A duration to the minute, rounded down: `2 d 3 h`, `45 min`."""
    minutes = ns // _MINUTE
    if minutes == 0 < ns:
        return Text(f"{ns // 1_000_000_000} s", f"{ns // 1_000_000_000} 秒")
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24) if hours >= 96 else (0, hours)
    parts = [(days, " d", " 天"), (hours, " h", " 小时"), (minutes, " min", " 分钟")]
    shown = [(f"{count}{en}", f"{count}{zh}") for count, en, zh in parts if count] or [("0 min", "0 分钟")]
    return Text(" ".join(en for en, _ in shown), " ".join(zh for _, zh in shown))


def several(parts: Iterable[Text]) -> Text:
    """The first few of a list, and how many more there are."""
    rows = tuple(parts)
    shown = joined(rows[:NAMED])
    more = len(rows) - NAMED
    return Text(f"{shown.en} and {more} more", f"{shown.zh}等 {len(rows)} 项") if more > 0 else shown


def both(parts: Iterable[Text | None]) -> Text:
    """Parts of a sentence, one behind the other; what is `None` has nothing to say."""
    rows = [part for part in parts if part is not None]
    return Text("; ".join(part.en for part in rows), "；".join(part.zh for part in rows))
