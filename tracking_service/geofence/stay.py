"""Whether a device rests: what has not moved cannot have left, however far its fixes scatter.

A stay is a place around which the fixes lie. How far they scatter is learned from them, since receivers near steel and
concrete are wrong by more than they say, and slowly: the mean of the last minutes wanders too, and how far is learned as
well. A stay ends when several fixes in a row lie far outside the scatter, or when the mean of minutes leaves by more than
it ever wandered.
"""

import math
from typing import Final, NamedTuple

from msgspec import Struct

_SECOND: Final = 1_000_000_000
#: A fix so many sigmas off is outside the scatter; at 5 a round normal error gets there once in 270,000.
_GATE: Final = 5.0
#: Most fixes are nearer than this (sigmas; 86 % of a round normal error).
_MOSTLY: Final = 2.0
#: The scatter that is expected before anything is learned, and at most (metres along each axis). It is learned over an hour:
#: a device that drives slowly away must not pass for one whose fixes scatter more and more.
_USUAL_M: Final = 10.0
_MOST_M: Final = 30.0
#: Around a place where it rests the scatter is taken as no less than this: a way shorter than the gate then shows in the mean.
_AT_REST_M: Final = 15.0
#: Fixes within the scatter for so long, so many, and with so little way between them (metres), are a stay.
_SETTLED_NS: Final = 120 * _SECOND
_SETTLED_FIXES: Final = 4
_SETTLED_M: Final = 30.0
#: So many fixes in a row outside, over so long, end it.
_AWAY_FIXES: Final = 3
_AWAY_NS: Final = 20 * _SECOND
#: So many end what is no stay yet; one, where that is one fix itself.
_PASSING_FIXES: Final = 2
#: What counts as the place: the mean of two hours; as lately: of five minutes (seconds).
_PLACE_S: Final = 7200.0
_LATELY_S: Final = 300.0
#: How far the mean of lately wanders, before it is known and at least, in sigmas of a fix; and for how long it is learned.
_WANDERS: Final = 0.7
_WANDERS_AT_LEAST: Final = 0.25
_UNKNOWN_S: Final = 1200.0
_LEARNED_S: Final = 3600.0
#: One fix stands for the time since the one before, between these (seconds).
_LEAST_S: Final = 1.0
_MOST_S: Final = 60.0
#: A fix that is worse than this (sigma, metres) counts less.
_GOOD_M: Final = 15.0
#: Errors last: the place is known to no better than this share of a fix's sigma, before it is learned how far the mean of
#: lately wanders to this, and it takes a multiple of this time to be that sure.
_PLACE_AT_BEST: Final = 0.25
_PLACE_UNLEARNED: Final = 0.5
_ERRORS_LAST_S: Final = 600.0
#: A receiver that has just been met may be wrong by so many times what it says, as far as that is not more than this (metres).
_DOUBTED: Final = 3.0
_DOUBTED_M: Final = 5.0


class Seen(NamedTuple):
    """A fix in the site's metres. Time: UTC, ns; `sigma`: along each axis, as the receiver says."""

    at: int
    id: str
    east: float
    north: float
    sigma: float


class Stay(Struct, array_like=True):
    """A place where a device rests, or may be about to."""

    since: int
    since_id: str
    east: float
    north: float
    lately_east: float
    lately_north: float
    variance: float = _USUAL_M**2
    """Of a fix along an axis (square metres)."""
    wander: float = 0.0
    """Variance of the mean of lately along an axis."""
    learned_s: float = _UNKNOWN_S
    weight_s: float = _LEAST_S
    fixes: int = 1
    middle_s: float = 0.0
    """Mean of the times of its fixes since `since` (seconds), and how time and place go together: a way that was made."""
    spread_s: float = 0.0
    along_east: float = 0.0
    along_north: float = 0.0
    settled: bool = False
    away: int = 0
    """So many fixes in a row lie outside the scatter."""
    away_since: int = 0

    @property
    def rests(self) -> bool:
        """Whether the device is known not to move."""
        return self.settled and not self.away

    def noise(self, fix: Seen) -> float:
        """Sigma of a fix, by what it says and by what was learned."""
        return max(fix.sigma, math.sqrt(self.variance) if self.settled else min(_DOUBTED * fix.sigma, _DOUBTED_M))

    def near(self, fix: Seen) -> bool:
        """Whether a fix lies where most fixes of this stay do."""
        return (fix.east - self.east) ** 2 + (fix.north - self.north) ** 2 <= _MOSTLY**2 * max(self.variance, fix.sigma**2)

    def place_sigma(self, now: int) -> float:
        """Sigma of the place itself along each axis."""
        lasted = (now - self.since) / _SECOND
        wanders = max(_PLACE_AT_BEST**2 * self.variance, min(self.wander, _PLACE_UNLEARNED**2 * self.variance))
        return math.sqrt(max(wanders, self.variance / (1 + lasted / _ERRORS_LAST_S)))

    def take(self, fix: Seen, elapsed_s: float) -> "Stay":
        """The stay with one fix more: itself, or a new one where the device has moved."""
        scatter = max(math.sqrt(self.variance), fix.sigma, _AT_REST_M if self.settled else 0.0)
        east, north = fix.east - self.east, fix.north - self.north
        squared = east * east + north * north
        if squared <= (_GATE * scatter) ** 2:
            self.away = 0
            self._learn(fix, squared, elapsed_s)
            self.settled = self.settled or self._settles(fix.at - self.since)
            return began(fix, self.lately_east, self.lately_north) if self.settled and self._wandered_off() else self
        self.away_since = self.away_since if self.away else fix.at
        self.away += 1
        if self.settled:
            gone = self.away >= _AWAY_FIXES and fix.at - self.away_since >= _AWAY_NS
        else:
            gone = self.away >= min(_PASSING_FIXES, self.fixes)
        return began(fix, fix.east, fix.north) if gone else self

    def _settles(self, lasted: int) -> bool:
        if self.fixes < _SETTLED_FIXES or lasted < _SETTLED_NS or not self.spread_s:
            return False
        return math.hypot(self.along_east, self.along_north) / self.spread_s * lasted / _SECOND <= _SETTLED_M

    def _learn(self, fix: Seen, squared: float, elapsed_s: float) -> None:
        if not self.settled:
            self._follow(fix)
        weight = min(max(elapsed_s, _LEAST_S), _MOST_S) * min(1.0, (_GOOD_M / fix.sigma) ** 2)
        self.learned_s = min(self.learned_s + weight, _LEARNED_S)
        self.variance = min(self.variance + (squared / 2 - self.variance) * weight / self.learned_s, _MOST_M**2)
        self.weight_s = min(self.weight_s + weight, _PLACE_S)
        share = weight / self.weight_s
        self.east += (fix.east - self.east) * share
        self.north += (fix.north - self.north) * share
        lately = max(share, weight / (weight + _LATELY_S))
        self.lately_east += (fix.east - self.lately_east) * lately
        self.lately_north += (fix.north - self.lately_north) * lately
        off = ((self.lately_east - self.east) ** 2 + (self.lately_north - self.north) ** 2) / 2
        expected = self.wander or _WANDERS**2 * self.variance
        self.wander = expected + (off - expected) * weight / self.learned_s

    def _follow(self, fix: Seen) -> None:
        self.fixes += 1
        time_s = (fix.at - self.since) / _SECOND
        step = time_s - self.middle_s
        self.middle_s += step / self.fixes
        self.along_east += step * (fix.east - self.lately_east)
        self.along_north += step * (fix.north - self.lately_north)
        self.spread_s += step * (time_s - self.middle_s)

    def _wandered_off(self) -> bool:
        off = (self.lately_east - self.east) ** 2 + (self.lately_north - self.north) ** 2
        return off > _GATE**2 * max(self.wander, _WANDERS_AT_LEAST**2 * self.variance)


def began(fix: Seen, east: float, north: float) -> Stay:
    """What may become a stay around a point, from this fix on; what was learned before is forgotten."""
    return Stay(fix.at, fix.id, east, north, east, north)
