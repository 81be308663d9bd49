"""A reading held: it stayed above, below or between for so long, by one-minute summaries; what came late amends it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from itertools import groupby
from typing import Final

from plumbline.text import Text
from tracking_service.domain.facts import Evidence, Facts, Minute, Need, Result
from tracking_service.domain.policies.policy import Named, both, clock, lasting, ordered, percent

_MINUTE: Final = 60_000_000_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: A clock that is set to the end of time wakes nobody.
_LATEST: Final = 2**63 - 1 - _MINUTE
#: Of what is held longer a piece of evidence is a day, else an hour.
_LONG: Final = 7 * _DAY


@dataclass(frozen=True, slots=True)
class ReadingHeld:
    """Done when a metric has held for so long without a break. A minute out of range, or too long a gap, begins it anew."""

    need: Need
    device: Named
    metric: Named
    low: float | None
    """At least this; `None`: no such bound."""
    high: float | None
    every: bool
    """Every reading counts, not the mean of the minute."""
    duration: int
    """ns, whole minutes."""
    gap: int
    """ns: so long may minutes be missing in it."""
    since: int
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        what, device, long = self.metric.title, self.device.title, lasting(self.duration)
        bounds = self._bounds
        mean = Text("", "") if self.every else Text("the mean of ", "均值")
        gaps = lasting(self.gap)
        allowed = Text(f" (gaps of up to {gaps.en} allowed)", f"(允许中断不超过 {gaps.zh})") if self.gap else Text("", "")
        return Text(
            f"{mean.en}{what.en} of {device.en} has stayed {bounds.en} for {long.en}{allowed.en}",
            f"{device.zh}的{what.zh}{mean.zh}连续 {long.zh}{bounds.zh}{allowed.zh}",
        )

    @property
    def _bounds(self) -> Text:
        if self.low is not None and self.high is not None:
            return Text(f"between {self.low:g} and {self.high:g}", f"保持在 {self.low:g} 至 {self.high:g} 之间")
        if self.low is not None:
            return Text(f"at {self.low:g} or above", f"不低于 {self.low:g}")
        return Text(f"at {self.high:g} or below", f"不高于 {self.high:g}")

    def needs(self) -> set[Need]:
        """Its metric."""
        return {self.need}

    def evaluate(self, facts: Facts) -> Result:
        """How far the longest stretch goes since the metric was out of range; one that was long enough before stays so.

        A gap too long ends a stretch, yet what is missing may come late: so the longest counts, not the newest.
        """
        told: dict[int, Minute] = {}
        over_at = None
        for minute in facts.minutes.get(self.need.key, ()):
            if minute.at + _MINUTE > facts.now:  # it is not over: what it will be is not known
                if minute.at > _LATEST:
                    continue
                over_at = min(minute.at + _MINUTE, over_at or minute.at + _MINUTE)
            elif minute.at >= self.since and minute.readings:
                known = told.get(minute.at, minute)
                told[minute.at] = max(minute, known, key=lambda each: (each.readings, each))
        rows = sorted(told.values())
        held: Sequence[Minute] = ()
        for stretch in self._stretches(rows):
            held = stretch if not stretch or not held or _long(stretch) > _long(held) else held
            if _long(held) >= self.duration:
                break
        so_far = _long(held)
        done_at = held[0].at + self.duration if held and so_far >= self.duration else None
        if done_at is not None:
            so_far = self.duration
            # where a gap lies over the end, the minute behind it proves that it was only a gap
            last = next(place for place, minute in enumerate(held) if minute.at + _MINUTE >= done_at)
            held = held[: last + 1]
        wake_at = over_at if done_at is None else None
        if wake_at is None and rows and done_at is None and facts.now <= _until(rows) + self._patience:
            wake_at = _until(rows) + self._patience + 1
        why = self._why(rows, held, done_at, facts.now)
        return Result(percent(Fraction(so_far, self.duration)), done_at, why, ordered(self._proof(held)), wake_at)

    @property
    def _patience(self) -> int:
        """For so long may the newest minute be the last one before that is worth a word: summaries come some minutes later."""
        return max(self.gap, 5 * _MINUTE)

    def _holds(self, minute: Minute) -> bool:
        low, high = (minute.low, minute.high) if self.every else (minute.mean, minute.mean)
        return (self.low is None or low >= self.low) and (self.high is None or high <= self.high)

    def _stretches(self, rows: Sequence[Minute]) -> Iterator[Sequence[Minute]]:
        """Minutes that held without a break, in order; an empty stretch wherever one did not hold."""
        run: list[Minute] = []
        for minute in rows:
            holds = self._holds(minute)
            if run and (not holds or minute.at - _until(run) > self.gap):
                yield run
                run = []
            if holds:
                run.append(minute)
            else:
                yield ()
        if run:
            yield run

    def _proof(self, held: Sequence[Minute]) -> Iterator[Evidence]:
        """The minutes by the hour, of long ones by the day."""
        span = _DAY if self.duration > _LONG else _HOUR
        for _, group in groupby(held, key=lambda minute: minute.at // span):
            rows = list(group)
            low, high = min(minute.low for minute in rows), max(minute.high for minute in rows)
            start, end, count = clock(rows[0].at, self.zone), clock(_until(rows), self.zone), len(rows)
            device, what = self.device.title, self.metric.title
            said = Text(
                f"{device.en}: {what.en} from {low:g} to {high:g}, {count} min between {start} and {end}",
                f"{device.zh}：{what.zh} {low:g} 至 {high:g}，{start} 至 {end} 共 {count} 分钟",
            )
            yield Evidence(rows[0].at, f"{self.need.key}@{rows[0].at}", said)

    def _why(self, rows: Sequence[Minute], held: Sequence[Minute], done_at: int | None, now: int) -> Text:
        who = Text(f"{self.metric.title.en} of {self.device.title.en}", f"{self.device.title.zh}的{self.metric.title.zh}")
        long, bounds = lasting(self.duration), self._bounds
        if done_at is not None:
            start, end = clock(held[0].at, self.zone), clock(done_at, self.zone)
            return Text(
                f"{who.en} stayed {bounds.en} for {long.en}, from {start} to {end}",
                f"{who.zh}自 {start} 至 {end} 连续 {long.zh}{bounds.zh}",
            )
        if not rows:
            return Text(f"No reading of {who.en} has come yet", f"尚未收到{who.zh}读数")
        silent = None
        if now > _until(rows) + self._patience:
            last = clock(_until(rows), self.zone)
            silent = Text(f"no reading since {last}", f"{last} 起没有读数")
        if not held:
            worst = self._worst(rows[-1])
            when = clock(rows[-1].at, self.zone)
            broken = Text(
                f"{who.en} was {worst:g} at {when}, it must be {bounds.en}: {long.en} begin anew",
                f"{when} {who.zh}为 {worst:g}，要求{bounds.zh}，{long.zh}须重新计时",
            )
            return both((broken, silent))
        so_far, start = lasting(_long(held)), clock(held[0].at, self.zone)
        going = Text(
            f"{who.en} has stayed {bounds.en} for {so_far.en} of {long.en}, since {start}",
            f"{who.zh}自 {start} 起{bounds.zh}，已 {so_far.zh}，需 {long.zh}",
        )
        return both((going, self._break(rows, held) if held[-1] == rows[-1] else self._broken_off(rows, held), silent))

    def _broken_off(self, rows: Sequence[Minute], held: Sequence[Minute]) -> Text:
        """What came after a gap that was too long."""
        after = next(minute for minute in rows if minute.at > held[-1].at)
        gap, end, allowed = lasting(after.at - _until(held)), clock(_until(held), self.zone), lasting(self.gap)
        return Text(
            f"after {end} nothing came for {gap.en} (allowed: {allowed.en}), so it began anew unless that comes late",
            f"{end} 之后中断 {gap.zh}(允许 {allowed.zh})，若无补传数据须重新计时",
        )

    def _break(self, rows: Sequence[Minute], held: Sequence[Minute]) -> Text | None:
        """Why the time before does not count."""
        before = next((minute for minute in reversed(rows) if minute.at < held[0].at), None)
        if before is None:
            return None
        when = clock(before.at, self.zone)
        if self._holds(before):
            gap = lasting(held[0].at - before.at - _MINUTE)
            return Text(f"before that nothing came for {gap.en}", f"此前中断 {gap.zh}")
        worst = self._worst(before)
        return Text(f"it was {worst:g} at {when}", f"{when} 曾为 {worst:g}")

    def _worst(self, minute: Minute) -> float:
        if not self.every:
            return minute.mean
        return minute.low if self.low is not None and minute.low < self.low else minute.high


def _long(minutes: Sequence[Minute]) -> int:
    return _until(minutes) - minutes[0].at if minutes else 0


def _until(minutes: Sequence[Minute]) -> int:
    return minutes[-1].at + _MINUTE
