"""Visits against what is known to be true, beside a plain test of in or out on the same fixes.

Parked machines (24 hours at each place of a zone, errors of 15 m that come and go at once or last for minutes): no visit may
end. Real tracks, driven and walked: zones are laid over them, the track as recorded is the truth, and both tests see it with
errors added. A visit is found where one with the same zone overlaps a true one; what is left over is false.
"""

import csv
import math
import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree as ET

from plumbline.grid import Grid
from tracking_service.geofence.fence import Fence, fence, sigma_of
from tracking_service.geofence.fold import Entered, Left, State, step
from tracking_service.geofence.stay import Seen

_SECOND: Final = 1_000_000_000
_NOISE_M: Final = 15.0
#: How long errors last (seconds); 0: each fix has one of its own.
_LAST_S: Final = (0.0, 60.0, 600.0)
#: A zone of 80 by 60 m, and how far inside its western border the machine stands (metres).
_PARKED: Final = ((0.0, 0.0), (80.0, 0.0), (80.0, 60.0), (0.0, 60.0))
_DEPTHS_M: Final = (2.0, 5.0, 10.0, 20.0, 40.0)
_START: Final = 1_700_000_000 * _SECOND
#: How far and how fast a machine drives up.
_WAY_M: Final = 300.0
_SPEED_MPS: Final = 4.0
#: Sides of the zones that are laid over a track (metres), and how many.
_SIDES_M: Final = (60.0, 120.0, 240.0)
_ZONES: Final = 12


class Spell(NamedTuple):
    """Time in a zone (UTC, ns)."""

    zone: str
    since: int
    until: int


class Point(NamedTuple):
    """Where a track was."""

    at: int
    lat: float
    lon: float


class Errors:
    """Errors of a receiver, metres east and north: normal, and lasting."""

    def __init__(self, seed: int, *, sigma: float, last_s: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same errors each time
        self._sigma = sigma
        self._last_s = last_s
        self._now = (self._draw(), self._draw())

    def after(self, elapsed_s: float) -> tuple[float, float]:
        """The error so long after the last one asked for."""
        keep = math.exp(-elapsed_s / self._last_s) if self._last_s else 0.0
        fresh = math.sqrt(1 - keep * keep)
        self._now = (self._now[0] * keep + self._draw() * fresh, self._now[1] * keep + self._draw() * fresh)
        return self._now

    def _draw(self) -> float:
        return self._random.gauss(0, self._sigma)


def measure(tracks: Path | None, *, days: int = 1, every_s: float = 30.0, seeds: int = 2) -> dict[str, Any]:
    """Machines with a fix every so many seconds, parked for so many days, and the tracks of a folder (`None`: none)."""
    figures: dict[str, Any] = {
        "parked": parked(days=days, every_s=every_s, seeds=seeds),
        "come_and_gone": come_and_gone(every_s=every_s, seeds=seeds),
    }
    if tracks is not None:
        figures["tracks"] = {name: on_track(points, seeds=seeds) for name, points in read(tracks)}
    return figures


def parked(*, days: int, every_s: float, seeds: int) -> dict[str, Any]:
    """Machines that do not move: exits that ours and the plain test tell, every one of them false."""
    place = fence("zone", _PARKED)
    ours = plain = missed = fixes = machines = 0
    started = time.perf_counter()
    for last_s in _LAST_S:
        for depth in _DEPTHS_M:
            for accuracy in (5.0, 15.0, None):
                for seed in range(seeds):
                    errors = Errors(seed, sigma=_NOISE_M, last_s=last_s)
                    seen = list(_standing(depth, 30.0, errors, accuracy, days=days, every_s=every_s))
                    told = spells(seen, [place])
                    machines, fixes = machines + 1, fixes + len(seen)
                    missed += not told
                    ours += max(0, len(told) - 1)
                    plain += max(0, len(plainly(seen, [place])) - 1)
    spent = time.perf_counter() - started
    return {
        "machines": machines,
        "noise_m": _NOISE_M,
        "days": days,
        "fixes": fixes,
        "false_exits": ours,
        "false_exits_of_a_plain_test": plain,
        "never_found_inside": missed,
        "us_per_fix": round(spent / fixes * 1e6, 1),
    }


def _standing(
    east: float, north: float, errors: Errors, accuracy_m: float | None, *, days: int, every_s: float
) -> Iterator[Seen]:
    for n in range(round(days * 86_400 / every_s)):
        off_east, off_north = errors.after(every_s)
        yield Seen(_START + round(n * every_s * _SECOND), str(n), east + off_east, north + off_north, sigma_of(accuracy_m))


def come_and_gone(*, every_s: float, seeds: int) -> dict[str, Any]:
    """Machines that drive up, stand for eight hours and drive off again, with the same errors: one visit each, and its times."""
    place = fence("zone", _PARKED)
    truth: list[Spell] = []
    ours: list[Spell] = []
    plain: list[Spell] = []
    for last_s in _LAST_S:
        for depth in _DEPTHS_M:
            for seed in range(seeds):
                came, stands = _WAY_M / _SPEED_MPS, depth / _SPEED_MPS
                goes = came + stands + 8 * 3600
                errors = Errors(seed, sigma=_NOISE_M, last_s=last_s)
                seen = list(_trip(depth, stands_at=came + stands, goes_at=goes, errors=errors, every_s=every_s))
                zone = f"{last_s}-{depth}-{seed}"  # each machine's own, to be compared with itself
                truth.append(Spell(zone, _START + round(came * _SECOND), _START + round((goes + stands) * _SECOND)))
                ours += [spell._replace(zone=zone) for spell in spells(seen, [place])]
                plain += [spell._replace(zone=zone) for spell in plainly(seen, [place])]
    return {"machines": len(truth), "ours": compared(truth, ours), "plain": compared(truth, plain)}


def _trip(depth: float, *, stands_at: float, goes_at: float, errors: Errors, every_s: float) -> Iterator[Seen]:
    """From the west into the zone, and back to where it came from, where it stays for ten minutes."""
    at, number = 0.0, 0
    while at < goes_at + (_WAY_M + depth) / _SPEED_MPS + 600:
        back = max(-_WAY_M, depth - _SPEED_MPS * (at - goes_at))
        east = _SPEED_MPS * at - _WAY_M if at < stands_at else depth if at < goes_at else back
        pause = every_s if stands_at < at < goes_at - every_s else min(every_s, 5.0)
        off_east, off_north = errors.after(pause)
        yield Seen(_START + round(at * _SECOND), f"{number:06}", east + off_east, 30.0 + off_north, sigma_of(_NOISE_M))
        at, number = at + pause, number + 1


def on_track(points: Sequence[Point], *, seeds: int) -> dict[str, Any]:
    """A track with zones along it: true visits, those found, and those that were none, of both tests."""
    grid = Grid(points[0].lat, points[0].lon)
    path = [(point.at, *grid.metres(point.lat, point.lon)) for point in points]
    fences = list(_laid(path))
    sharp = [Seen(at, str(n), east, north, sigma_of(5.0)) for n, (at, east, north) in enumerate(path)]
    real = plainly(sharp, fences)
    truth = _lasting(real, fences)
    figures: dict[str, Any] = {"fixes": len(path), "zones": len(fences), "true_visits": len(truth)}
    for name, noise in (("as_recorded", 0.0), ("with_15_m", _NOISE_M)):
        ours: list[Spell] = []
        plain: list[Spell] = []
        times = seeds if noise else 1
        for seed in range(times):
            seen = sharp if not noise else _blurred(path, Errors(seed, sigma=noise, last_s=30.0))
            ours += spells(seen, fences)
            plain += plainly(seen, fences)
        figures[name] = {
            "ours": compared(truth * times, ours, real * times),
            "plain": compared(truth * times, plain, real * times),
        }
    return figures


def _laid(path: Sequence[tuple[int, float, float]]) -> Iterator[Fence]:
    for n in range(_ZONES):
        _, east, north = path[(2 * n + 1) * len(path) // (2 * _ZONES)]
        half = _SIDES_M[n % len(_SIDES_M)] / 2
        corners = ((-half, -half), (half, -half), (half, half), (-half, half))
        yield fence(f"zone-{n}", [(east + x, north + y) for x, y in corners])


def _blurred(path: Sequence[tuple[int, float, float]], errors: Errors) -> list[Seen]:
    seen: list[Seen] = []
    before = path[0][0]
    for n, (at, east, north) in enumerate(path):
        off_east, off_north = errors.after((at - before) / _SECOND)
        seen.append(Seen(at, str(n), east + off_east, north + off_north, sigma_of(_NOISE_M)))
        before = at
    return seen


def spells(seen: Iterable[Seen], fences: Sequence[Fence]) -> list[Spell]:
    """The visits that our fold finds; what goes on at the end ends there."""
    state = State()
    since: dict[str, int] = {}
    found: list[Spell] = []
    end = 0
    for fix in seen:
        for happening in step(state, fix, fences):
            if isinstance(happening, Entered):
                since[happening.zone] = happening.at
            elif isinstance(happening, Left):
                found.append(Spell(happening.zone, since.pop(happening.zone), happening.at))
        end = fix.at
    return found + [Spell(zone, at, end) for zone, at in since.items()]


def plainly(seen: Iterable[Seen], fences: Sequence[Fence]) -> list[Spell]:
    """The visits of a test that takes each fix at its word."""
    since: dict[str, int] = {}
    found: list[Spell] = []
    end = 0
    for fix in seen:
        for one in fences:
            if one.holds(fix.east, fix.north):
                since.setdefault(one.zone, fix.at)
            elif (at := since.pop(one.zone, None)) is not None:
                found.append(Spell(one.zone, at, fix.at))
        end = fix.at
    return found + [Spell(zone, at, end) for zone, at in since.items()]


def _lasting(found: Iterable[Spell], fences: Sequence[Fence]) -> list[Spell]:
    """Visits as a zone defines them: short absences do not count, nor short visits."""
    by_zone = {one.zone: one for one in fences}
    joined: list[Spell] = []
    for spell in sorted(found):
        last = joined[-1] if joined else None
        if last is not None and last.zone == spell.zone and spell.since - last.until < by_zone[spell.zone].leave:
            joined[-1] = last._replace(until=spell.until)
        else:
            joined.append(spell)
    return [spell for spell in joined if spell.until - spell.since >= by_zone[spell.zone].enter]


def compared(truth: Sequence[Spell], found: Sequence[Spell], real: Sequence[Spell] = ()) -> dict[str, Any]:
    """How many true visits were found, how many were told that are none, and how far the times of those found are off (s).

    `real`: every time inside, however short: a visit of some seconds is asked of nobody, and false of nobody.
    """
    left = list(found)
    off: list[float] = []
    for spell in truth:
        best = max(left, key=lambda one: _overlap(one, spell), default=None)
        if best is not None and _overlap(best, spell) > 0:
            left.remove(best)
            off += [abs(best.since - spell.since) / _SECOND, abs(best.until - spell.until) / _SECOND]
    short = [spell for spell in real if not any(_overlap(spell, one) > 0 for one in truth)]
    matched = len(found) - len(left)
    for spell in short:
        excused = next((one for one in left if _overlap(one, spell) > 0), None)
        if excused is not None:
            left.remove(excused)
    return {
        "found": matched,
        "of": len(truth),
        "false": len(left),
        "median_off_s": round(sorted(off)[len(off) // 2], 1) if off else None,
    }


def _overlap(one: Spell, other: Spell) -> int:
    return min(one.until, other.until) - max(one.since, other.since) if one.zone == other.zone else 0


def read(folder: Path) -> Iterator[tuple[str, Sequence[Point]]]:
    """The tracks under a folder that have times: CSV with time, lat, lon; GPX 1.0 and 1.1. What has none is passed over."""
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.gpx")]):
        points = list(_csv(path) if path.suffix == ".csv" else _gpx(path))
        rising = [point for point, before in zip(points[1:], points, strict=False) if point.at > before.at]
        if len(rising) >= 50:
            yield path.stem, [points[0], *rising]


def _csv(path: Path) -> Iterator[Point]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield Point(_time(row["time"]), float(row["lat"]), float(row["lon"]))


def _gpx(path: Path) -> Iterator[Point]:
    # files that whoever runs this chose; entities are not expanded by this parser beyond its own limits
    for point in ET.parse(path).iter():  # noqa: S314
        if point.tag.rpartition("}")[2] != "trkpt":
            continue
        told = next((child.text for child in point if child.tag.rpartition("}")[2] == "time"), None)
        if told:
            yield Point(_time(told), float(point.attrib["lat"]), float(point.attrib["lon"]))


def _time(text: str) -> int:
    return round(datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip())).timestamp() * 1e3) * 1_000_000
