"""From observations to epochs: what a receiver knew at one instant, put together from its sentences.

A receiver tells one instant in several sentences (GGA the height, RMC the date and the speed, GSA the mode). Sentences
with the same time of day are one epoch; those without a time belong to the epoch that is open. An epoch is finished when
the time changes or the caller says that the line is quiet.
"""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from edge_agent.nmea.decode import Observation, decode
from edge_agent.nmea.rollover import Doubt, unrolled
from edge_agent.nmea.sentence import Sentence

#: Metres of 68 % horizontal accuracy per unit of HDOP: the user equivalent range error of a plain code receiver,
#: about 5 m with today's signals and an open sky (GPS SPS Performance Standard, 5th ed., section A.5). GST, where sent,
#: is the receiver's own estimate and is used instead.
UERE_M: Final = 5.0
#: The formatters that say whether there is a position.
_PLACING: Final = frozenset({"ASHR", "GGA", "GLL", "GNS", "GRMF", "RMC", "TNL", "UBX"})
_DAY_MS: Final = 86_400_000
#: A mode once told (by GSA, or by a height) holds for this many epochs: receivers that say it every fifth second exist.
_MODE_HOLDS: Final = 10
#: Two places of one instant that are further apart than this are not both true.
_CONTRADICTION_M: Final = 100.0
_DEGREE_M: Final = 111_195.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What a receiver knew at one instant. Absent values are `None`."""

    time_ns: int | None = None
    """UTC in nanoseconds since 1970; `None` while the receiver has not told a date."""
    mode: int = 1
    """1: no fix, 2: 2D, 3: 3D. Only with 2 and 3 there is a position."""
    lat: float | None = None
    """WGS 84, degrees, north positive."""
    lon: float | None = None
    """WGS 84, degrees, east positive."""
    alt_msl: float | None = None
    """Metres above mean sea level."""
    speed_mps: float | None = None
    course_deg: float | None = None
    """Course over ground, degrees from true north."""
    hdop: float | None = None
    sats_used: int | None = None
    accuracy_m: float | None = None
    """Radius with about 68 %: from GST, else `UERE_M` times HDOP."""
    estimated: bool = False
    """Nobody measured this position: dead reckoning, typed in by hand, simulated."""
    void_at: tuple[float, float] | None = None
    """Without a fix: latitude and longitude that the receiver gives all the same, as not valid."""

    @property
    def time(self) -> str | None:
        """The time in ISO 8601, UTC, with milliseconds and `Z`."""
        if self.time_ns is None:
            return None
        moment = dt.datetime.fromtimestamp(self.time_ns // 1_000_000_000, dt.UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{self.time_ns // 1_000_000 % 1000:03d}Z"


class EpochBuilder:
    """Put sentences together to epochs; keeps one open epoch and the last known date.

    `today` gives the gateway's date, by which a live receiver's date is judged (see `rollover`); `None`: a recorded log.
    """

    def __init__(self, today: Callable[[], dt.date] | None = None) -> None:
        self.contradictions = 0
        """Instants for which two places were told that are too far apart: two receivers on one line."""
        self._contradicted = False
        self._last: Epoch | None = None
        self._open: Observation | None = None
        self._seen: set[str] = set()
        self._dates = _Calendar(today)
        self._mode: int | None = None
        self._mode_age = 0

    @property
    def date_doubt(self) -> Doubt:
        """What is wrong with the date that the receiver told last."""
        return self._dates.doubt

    def add(self, sentence: Sentence) -> Epoch | None:
        """Take a sentence; return the epoch that it finished by starting the next one."""
        observation = decode(sentence)
        if observation is None:
            return None
        address = sentence.talker + sentence.kind
        done = self.flush() if self._starts_anew(observation, address) else None
        if self._open is None:
            self._open = observation
        else:
            self._contradicted |= _far(self._open, observation)
            self._open = _merge(self._open, observation)
        if sentence.kind in _PLACING:
            self._seen.add(address)
        return done

    def flush(self) -> Epoch | None:
        """Finish the open epoch: the line is quiet or closed. What comes later with the same time is a new epoch."""
        current, self._open = self._open, None
        contradicted, self._contradicted = self._contradicted, False
        vouching = {address[-3:] for address in self._seen}
        self._seen.clear()
        if current is None:
            return None
        epoch = self._finish(current, vouched=len(vouching) > 1)
        if epoch is None or epoch.mode == 1:
            return epoch
        if not contradicted and self._last is not None and self._last.time_ns == epoch.time_ns is not None:
            contradicted = apart(place(self._last), place(epoch)) > _CONTRADICTION_M
        if contradicted:
            self.contradictions += 1
            return Epoch(time_ns=epoch.time_ns)
        self._last = epoch
        return epoch

    def _starts_anew(self, observation: Observation, address: str) -> bool:
        if self._open is None:
            return False
        if observation.time_ms is None:
            return address in self._seen  # a receiver without the time repeats its cycle
        return self._open.time_ms is not None and observation.time_ms != self._open.time_ms

    def _finish(self, seen: Observation, *, vouched: bool) -> Epoch | None:
        if seen.mode is not None:
            self._mode, self._mode_age = seen.mode, 0
        else:
            self._mode_age += 1
            if self._mode_age > _MODE_HOLDS:
                self._mode = None
        time_ns = self._dates.time_ns(seen)
        if seen.valid is None and seen.position is None:
            return None  # GSA, VTG, ZDA alone: nothing was said about a position
        # GSA's 'no fix' beside one sentence that has one is believed: a wrong place costs more than none. Where two kinds
        # of sentence vouch for the place, GSA is the one that lags behind, as gpsd judges too.
        if seen.valid is False or seen.position is None or (seen.mode == 1 and not vouched):
            self._mode = None
            void_at = None if seen.position is None else (seen.position.lat, seen.position.lon)
            return Epoch(time_ns=time_ns, hdop=seen.hdop, sats_used=seen.sats_used, void_at=void_at)
        accuracy = seen.accuracy
        if accuracy is None and seen.hdop is not None:
            accuracy = seen.hdop * UERE_M
        return Epoch(
            time_ns=time_ns,
            mode=self._dimension(seen),
            lat=seen.position.lat,
            lon=seen.position.lon,
            alt_msl=seen.alt_msl,
            speed_mps=seen.speed,
            course_deg=seen.track,
            hdop=seen.hdop,
            sats_used=seen.sats_used,
            accuracy_m=accuracy,
            estimated=seen.estimated,
        )

    def _dimension(self, seen: Observation) -> int:
        """2 or 3: a height says 3D, unless no satellite stands behind it; else what was said last holds for a while."""
        if seen.alt_msl is not None and seen.sats_used != 0:
            self._mode, self._mode_age = 3, 0
        return 3 if self._mode == 3 else 2


class _Calendar:
    """Gives each time of day its date: told by RMC or ZDA, carried on over midnight where nobody tells it."""

    def __init__(self, today: Callable[[], dt.date] | None) -> None:
        self.doubt = Doubt.NONE
        self._today = today
        self._date: dt.date | None = None
        self._time_ms = 0

    def time_ns(self, seen: Observation) -> int | None:
        """Nanoseconds since 1970 of the epoch, or `None` while there is no date."""
        if seen.time_ms is None:
            return None
        if seen.date is not None:
            self._date = seen.date
            if self._today is not None:
                self._date, self.doubt = unrolled(seen.date, self._today())
        elif self._date is not None:
            # A step of more than half a day is midnight, forwards or (sentences out of order) back.
            step = seen.time_ms - self._time_ms
            if abs(step) > _DAY_MS // 2:
                self._date = _shift(self._date, 1 if step < 0 else -1)
        self._time_ms = seen.time_ms
        if self._date is None:
            return None
        days = (self._date - dt.date(1970, 1, 1)).days
        return (days * _DAY_MS + seen.time_ms) * 1_000_000


def _shift(date: dt.date, days: int) -> dt.date:
    try:
        return date + dt.timedelta(days=days)
    except OverflowError:
        return date  # the calendar ends here; no receiver's date does


def _merge(old: Observation, new: Observation) -> Observation:
    """Later sentences complete and correct earlier ones of the epoch; the finer position stays."""
    position = new.position
    if position is None or (old.position is not None and old.position.decimals > position.decimals):
        position = old.position
    mode = new.mode
    if mode is None or (old.mode is not None and old.mode > mode):
        mode = old.mode  # one GSA per constellation: the best of them is the receiver's
    valid = old.valid if new.valid is None else new.valid
    return replace(
        old,
        time_ms=old.time_ms if new.time_ms is None else new.time_ms,
        date=old.date if new.date is None else new.date,
        valid=valid,
        estimated=old.estimated or new.estimated,
        position=position,
        mode=mode,
        alt_msl=_latest(old.alt_msl, new.alt_msl),
        speed=_latest(old.speed, new.speed),
        track=_latest(old.track, new.track),
        hdop=_latest(old.hdop, new.hdop),
        sats_used=old.sats_used if new.sats_used is None else new.sats_used,
        accuracy=_latest(old.accuracy, new.accuracy),
    )


def _latest(old: float | None, new: float | None) -> float | None:
    return old if new is None else new


def _far(old: Observation, new: Observation) -> bool:
    if old.position is None or new.position is None or old.time_ms is None or not (old.valid and new.valid):
        return False
    return apart((old.position.lat, old.position.lon), (new.position.lat, new.position.lon)) > _CONTRADICTION_M


def place(epoch: Epoch) -> tuple[float, float]:
    """Latitude and longitude of a fix."""
    assert epoch.lat is not None
    assert epoch.lon is not None
    return epoch.lat, epoch.lon


def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two places that are near each other; for those that are not, some large number."""
    turned = (one[1] - other[1] + 180) % 360 - 180
    return math.hypot(one[0] - other[0], turned * math.cos(math.radians(one[0]))) * _DEGREE_M
