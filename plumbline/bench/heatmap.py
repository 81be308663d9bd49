"""A day of a busy site for `plumbline bench heatmap`: people and machines that walk and drive from zone to zone, and sensors."""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from plumbline.event import ClockReading, Fix, Reading
from plumbline.site import Device, SiteFile

_SECOND: Final = 1_000_000_000
DAY_S: Final = 86_400
_CLOCK: Final = ClockReading(quality="ntp", boot="bench", mono=1)
#: How many there are, whatever the number of events: fewer events are told less often.
PEOPLE: Final = 480
MACHINES: Final = 80
SENSORS: Final = 20
#: Of a gait and of a dumper in the yard, metres a second.
_SPEEDS: Final = {"person": 1.3, "machine": 4.0}
#: The longest that one stays at a place.
_STAY_S: Final = 1800.0
_Kind = Literal["person", "machine", "environment"]
_NAMES: Final = {"person": "helmet", "machine": "machine", "environment": "sensor"}


class Round(NamedTuple):
    """What all devices report at one time."""

    fixes: list[Fix]
    readings: list[Reading]


def peopled(site: SiteFile) -> SiteFile:
    """The site with the devices of the benchmark."""
    zones = [zone.id for zone in site.zones]
    counts: dict[_Kind, int] = {"person": PEOPLE, "machine": MACHINES, "environment": SENSORS}
    kinds: list[_Kind] = [kind for kind, count in counts.items() for _ in range(count)]
    devices = tuple(
        Device(
            id=f"{_NAMES[kind]}-{number}",
            title_en=f"{kind} {number}",
            title_zh=f"{number}",
            kind=kind,
            zone=zones[number % len(zones)] if kind == "environment" else None,
        )
        for number, kind in enumerate(kinds)
    )
    return SiteFile(
        id=site.id,
        title_en=site.title_en,
        title_zh=site.title_zh,
        timezone=site.timezone,
        lat=site.lat,
        lon=site.lon,
        cell_m=site.cell_m,
        zones=site.zones,
        devices=devices,
    )


def midnight(site: SiteFile) -> int:
    """When the day begins, by the site's clock (ns)."""
    return int(datetime(2026, 6, 11, tzinfo=ZoneInfo(site.timezone)).timestamp()) * _SECOND


def day(site: SiteFile, events: int, *, seed: int = 6) -> Iterator[Round]:
    """About so many events of the site's day, in order of time; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    movers = [_Mover(dice, site, device) for device in site.devices if device.zone is None]
    sensors = [device for device in site.devices if device.zone is not None]
    every_s = DAY_S * len(site.devices) / events
    begin = midnight(site)
    for step in range(math.ceil(DAY_S / every_s)):
        second = step * every_s
        if second >= DAY_S:
            return
        at = begin + int(second * _SECOND)
        fixes = [mover.fix(second, at) for mover in movers]
        readings = [_measured(dice, site, device, second, at) for device in sensors]
        yield Round(fixes, readings)


class _Mover:
    """Somebody who goes from place to place in straight lines and stays a while at each."""

    def __init__(self, dice: random.Random, site: SiteFile, device: Device) -> None:
        self._dice = dice
        self._rings: Sequence[Sequence[tuple[float, float]]] = [zone.polygon for zone in site.zones]
        self._grid = site.grid
        self._site, self._device = site.id, device.id
        self._speed = _SPEEDS[device.kind]
        self._here = self._there = self._place()
        self._leaves_s = self._arrives_s = self._goes_s = 0.0

    def fix(self, second: float, at: int) -> Fix:
        """Where it is at a second of the day; seconds are asked in order."""
        while second >= self._goes_s:
            self._here, self._there = self._there, self._place()
            self._leaves_s = self._goes_s
            self._arrives_s = self._leaves_s + math.dist(self._here, self._there) / self._speed
            self._goes_s = self._arrives_s + self._dice.uniform(10, _STAY_S)
        way = self._arrives_s - self._leaves_s
        part = 1.0 if second >= self._arrives_s or way <= 0 else (second - self._leaves_s) / way
        (east, north), (to_east, to_north) = self._here, self._there
        lat, lon = self._grid.position(east + (to_east - east) * part, north + (to_north - north) * part)
        return Fix(
            site=self._site,
            gateway="bench",
            device=self._device,
            epoch="e1",
            seq=1,
            clock=_CLOCK,
            id="",
            at=at,
            lat=lat,
            lon=lon,
            accuracy_m=3.0,
        )

    def _place(self) -> tuple[float, float]:
        """Anywhere in the box around one of the zones, in metres."""
        ring = self._dice.choice(self._rings)
        lons, lats = [lon for lon, _ in ring], [lat for _, lat in ring]
        return self._grid.metres(self._dice.uniform(min(lats), max(lats)), self._dice.uniform(min(lons), max(lons)))


def _measured(dice: random.Random, site: SiteFile, device: Device, second: float, at: int) -> Reading:
    """Louder and dustier by day."""
    work = max(0.0, math.sin((second / DAY_S - 0.25) * 2 * math.pi))
    values = {"noise_db": round(45 + 25 * work + dice.gauss(0, 4), 1), "pm10": round(30 + 120 * work + dice.gauss(0, 9), 1)}
    return Reading(
        site=site.id,
        gateway="bench",
        device=device.id,
        epoch="e1",
        seq=1,
        clock=_CLOCK,
        id="",
        at=at,
        measurement="environment",
        values=values,
    )


def windows(site: SiteFile, count: int, *, seed: int = 7) -> dict[str, list[tuple[int, int]]]:
    """What people ask: the last hour at any second of the day, the day up to any second, and the whole day."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    begin = midnight(site)
    end = begin + int(timedelta(days=1).total_seconds()) * _SECOND
    ends = [begin + dice.randrange(3600, DAY_S) * _SECOND for _ in range(count)]
    return {
        "last_hour": [(one - 3600 * _SECOND, one) for one in ends],
        "day_so_far": [(begin, one) for one in ends],
        "whole_day": [(begin, end)] * count,
    }
