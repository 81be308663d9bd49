"""What the ledger's figures mean for a person: one line for a stream. Pure arithmetic and words."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from plumbline.ranges import Pairs

_SECOND: Final = 1_000_000_000


class Standing(NamedTuple):
    """What a stream's line is made of."""

    received: int
    dead: int
    thinned: int
    lost: int
    missing: int
    missing_ranges: Pairs
    lost_ranges: Pairs
    highest: int
    asked_times: int
    asked_at: int | None
    closed: bool
    """The gateway has begun a new outbox since: nothing comes under these numbers any more."""
    offline_since: int | None

    @property
    def off_by(self) -> int:
        """How far the books are from balance; 0 unless there is a mistake."""
        return self.received + self.dead + self.thinned + self.lost + self.missing - self.highest


def verdict(it: Standing, now: int) -> str:
    """`complete`, or what is missing and what became of asking, and what will never come."""
    if it.off_by:
        return (
            f"THE BOOKS DO NOT BALANCE: received {it.received:,} + dead {it.dead:,} + thinned {it.thinned:,} + lost {it.lost:,}"
            f" + missing {it.missing:,} is {abs(it.off_by):,} {'more' if it.off_by > 0 else 'less'} than the highest number"
            f" {it.highest:,}; keep the database and report it"
        )
    said: list[str] = []
    if it.missing:
        said.append(_missing(it, now))
    if it.lost:
        said.append(f"{it.lost:,} lost: the gateway does not have them any more ({ranges_text(it.lost_ranges)})")
    if it.dead:
        said.append(f"{it.dead:,} refused: 'plumbline deadletters list'")
    if not it.missing and not it.lost:
        said.insert(0, "complete")
    return "; ".join(said)


def _missing(it: Standing, now: int) -> str:
    what = f"{it.missing:,} number{'' if it.missing == 1 else 's'} ({ranges_text(it.missing_ranges)})"
    if it.closed:
        return (
            f"{what} never came: the gateway has begun a new outbox since; what could be saved of the old one has new numbers"
        )
    asked = "not asked for yet"
    if it.asked_times and it.asked_at is not None:
        asked = f"asked {times(it.asked_times)}, last {ago(it.asked_at, now)}"
    if it.offline_since is not None:
        asked += f", the gateway is offline since {moment(it.offline_since)}"
    return f"waits for {what}, {asked}"


def ranges_text(pairs: Pairs, most: int = 5) -> str:
    """Ranges for people: `3-5, 9`, the first few of them."""
    said = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in pairs[:most])
    return said if len(pairs) <= most else f"{said} and more"


def times(count: int) -> str:
    """How often."""
    return "once" if count == 1 else "twice" if count == 2 else f"{count:,} times"


def ago(at: int, now: int) -> str:
    """How long ago a time was, in its largest unit."""
    seconds = max(0, now - at) // _SECOND
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def moment(at: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(at // _SECOND, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
