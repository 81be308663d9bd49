"""How much of each metric goes out: windows, minimum interval, change of state, deadband. Declared, pure: times come from the caller.

A reading goes through metric by metric; what is left of it goes out as one reading. Values that a device stamped itself
are filtered on its time, the others on the gateway's monotonic clock.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, cast

from plumbline.capture import Capture
from plumbline.event import Event, Reading
from plumbline.profile import Filter, Metric, Window

#: So many series (a metric of a device) are remembered; a client that invents names makes the one unused longest forgotten.
REMEMBERED: Final = 16_384

_Key = tuple[str, str, str, bool]


@dataclass(slots=True)
class _Gathered:
    """The values of one window."""

    start_s: float
    count: int = 0
    mean: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    last: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.low, self.high, self.last = min(self.low, value), max(self.high, value), value
        # A running mean cannot overflow as a sum does; rounding must not carry it past the values themselves.
        self.mean = min(max(self.mean + (value / self.count - self.mean / self.count), self.low), self.high)

    def give(self, window: Window) -> Iterable[tuple[str, float]]:
        results = {
            "mean": self.mean,
            "min": self.low,
            "max": self.high,
            "last": self.last,
            "count": float(self.count),
        }
        for i, name in enumerate(window.give):
            yield ("" if i == 0 else f"_{name}"), results[name]


@dataclass(slots=True)
class _Sent:
    """What was sent last of one metric, or of one result of its window, and what is held back for now."""

    at_s: float = -math.inf
    value: float = math.nan
    held: float | None = None


@dataclass(slots=True)
class _Series:
    """What is remembered of one metric of one device."""

    device: str
    measurement: str
    name: str
    metric: Metric
    filter: Filter
    told: bool
    clock: str
    now_s: float = -math.inf
    gathered: _Gathered | None = None
    sent: dict[str, _Sent] = field(default_factory=dict[str, _Sent])
    due_s: float = math.inf
    """Monotonic time at which something is to be sent although no value comes."""


class Filters:
    """Applies the filters that the metrics of readings declare.

    `take` gives what is to be sent of a capture now; `flush`, to be called every second or so, what windows and intervals
    that have ended meanwhile still hold.
    """

    def __init__(self) -> None:
        self._series: OrderedDict[_Key, _Series] = OrderedDict()
        self._evicted: list[Capture] = []

    def take(self, capture: Capture, mono_s: float) -> tuple[list[Capture], Capture | None]:
        """What of `capture` is to be sent (itself where nothing is declared about it), and before it, what it ended."""
        event = cast("partial[Event]", capture.event)
        metrics = capture.metrics
        if metrics is None or getattr(event, "func", None) is not Reading:
            return [], capture
        values: dict[str, float] = event.keywords["values"]
        if not any((metric := metrics.get(name)) and metric.filter for name in values):
            return [], capture
        measurement: str = event.keywords["measurement"]
        now_s = mono_s if capture.at_ns is None else capture.at_ns / 1e9
        closed: dict[float, dict[str, float]] = {}
        kept: dict[str, float] = {}
        for name, value in values.items():
            metric = metrics.get(name)
            if metric is None or metric.filter is None:
                kept[name] = value
                continue
            series = self._of(capture, measurement, name, metric)
            for at_s, result, number in _pass(series, value, now_s, mono_s):
                (kept if at_s == now_s else closed.setdefault(at_s, {}))[result] = number
        evicted, self._evicted = self._evicted, []
        window_ends = [_reading(capture, found, measurement, at_s) for at_s, found in sorted(closed.items())]
        return evicted + window_ends, replace(capture, event=partial(event, values=kept)) if kept else None

    def flush(self, mono_s: float) -> list[Capture]:
        """What is due at `mono_s`: ended windows, values held back until now. Infinity: everything, before the end."""
        ended = [series for series in self._series.values() if series.due_s <= mono_s]
        return [capture for series in ended for capture in _flushed(series)]

    def forget(self, device: str) -> None:
        """What was sent of `device` could not be kept: its next values count as the first."""
        for series in self._series.values():
            if series.device == device:
                series.sent.clear()

    def _of(self, capture: Capture, measurement: str, name: str, metric: Metric) -> _Series:
        assert metric.filter is not None
        key = capture.device, measurement, name, capture.at_ns is not None
        series = self._series.get(key)
        if series is None or series.filter != metric.filter:
            told = capture.at_ns is not None
            series = _Series(capture.device, measurement, name, metric, metric.filter, told, capture.clock)
            self._series[key] = series
            if len(self._series) > REMEMBERED:
                self._evicted += _flushed(self._series.popitem(last=False)[1])
        self._series.move_to_end(key)
        return series


def _pass(series: _Series, value: float, now_s: float, mono_s: float) -> list[tuple[float, str, float]]:
    """What a new value lets out: (time, name, value)."""
    if now_s < series.now_s:  # the device's clock was set back: what it is compared with lies in its future
        series.sent.clear()
    series.now_s = now_s
    window = series.filter.window
    if window is None:
        found = _sieve(series, "", value, now_s, mono_s)
        return [(now_s, series.name, found)] if found is not None else []
    results: list[tuple[float, str, float]] = []
    gathered = series.gathered
    if gathered is not None and not gathered.start_s <= now_s < gathered.start_s + window.every_s:
        results = _close(series, window, gathered, mono_s)
        steps = math.floor((now_s - gathered.start_s) / window.every_s)
        # Windows lie end to end; after a long silence, or a step back, they begin anew with the value.
        gathered = _Gathered(gathered.start_s + window.every_s) if steps == 1 else None
    if gathered is None:
        gathered = _Gathered(now_s)
    series.gathered = gathered
    gathered.add(value)
    series.due_s = mono_s + (gathered.start_s + window.every_s - now_s)
    return results


def _close(series: _Series, window: Window, gathered: _Gathered, mono_s: float) -> list[tuple[float, str, float]]:
    end_s = gathered.start_s + window.every_s
    series.gathered, series.due_s = None, math.inf
    found = ((suffix, _sieve(series, suffix, number, end_s, mono_s)) for suffix, number in gathered.give(window))
    return [(end_s, series.name + suffix, number) for suffix, number in found if number is not None]


def _sieve(series: _Series, suffix: str, value: float, now_s: float, mono_s: float) -> float | None:
    """The value, if interval, change of state and deadband let it through."""
    declared, sent = series.filter, series.sent.setdefault(suffix, _Sent())
    if not _differs(declared, sent, value) and now_s - sent.at_s < declared.at_least_every_s:
        sent.held = None  # what was held back has returned to what is known
        return None
    interval_s = declared.min_interval_s
    if interval_s is not None and now_s - sent.at_s < interval_s:
        if declared.on_change or declared.deadband is not None:  # a change must not be lost: it waits for its time
            sent.held = value
            series.due_s = min(series.due_s, mono_s + interval_s - (now_s - sent.at_s))
        return None
    sent.at_s, sent.value, sent.held = now_s, value, None
    return value


def _differs(declared: Filter, sent: _Sent, value: float) -> bool:
    if math.isnan(sent.value) or not (declared.on_change or declared.deadband is not None):
        return True
    return abs(value - sent.value) > (declared.deadband or 0.0)


def _flushed(series: _Series) -> list[Capture]:
    """Close what is open."""
    window, interval_s = series.filter.window, series.filter.min_interval_s or 0.0
    found: dict[float, dict[str, float]] = {}
    if window is not None and series.gathered is not None:
        for at_s, name, value in _close(series, window, series.gathered, math.inf):
            found.setdefault(at_s, {})[name] = value
    for suffix, sent in series.sent.items():
        if sent.held is not None:
            at_s = sent.at_s + interval_s
            found.setdefault(at_s, {})[series.name + suffix] = sent.held
            sent.at_s, sent.value, sent.held = at_s, sent.held, None
    series.due_s = math.inf
    like = Capture(
        series.device,
        partial(Reading, measurement=series.measurement),
        at_ns=0 if series.told else None,
        clock="ntp" if series.clock == "ntp" else "gps",
    )
    return [_reading(like, values, series.measurement, at_s) for at_s, values in sorted(found.items())]


def _reading(like: Capture, values: dict[str, float], measurement: str, at_s: float) -> Capture:
    """A reading of the same device at another time."""
    at_ns = None if like.at_ns is None else round(at_s * 1e9)
    return Capture(like.device, partial(Reading, measurement=measurement, values=values), at_ns=at_ns, clock=like.clock)
