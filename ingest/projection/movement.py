"""What tracking needs of the stream of fixes: not each one, but each movement.

A fix goes to the inbox (as it is, under its own id) when it is the device's first that this worker sees in a span of 30 s of
the device's own time, or when it lies further from the last one sent than both are sure of. What was sent last is kept in
memory alone: after a restart, and with several workers, some more fixes go than strictly needed, never fewer, and the inbox
takes each only once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from plumbline.event import Fix
from plumbline.grid import Grid

SPAN_NS: Final = 30_000_000_000
#: What a receiver is trusted to where it does not say (metres).
USUAL_ACCURACY_M: Final = 10.0
#: Devices remembered; beyond, all are forgotten and each sends one fix more.
MAX_DEVICES: Final = 50_000
#: From so many fixes of a device on, a look at all of them together is cheaper than at each.
_MANY: Final = 8
_device: Final = attrgetter("site", "device")
_at: Final = attrgetter("at")
_lat: Final = attrgetter("lat")
_lon: Final = attrgetter("lon")


class _Sent(NamedTuple):
    at: int
    around: Grid
    """Metres from where it was sent."""
    accuracy_m: float


class Selection(NamedTuple):
    """Fixes chosen for the inbox, and what to remember once they are committed."""

    fixes: list[Fix]
    sent: dict[tuple[str, str], _Sent]


class Movements:
    """Chooses fixes; `choose` decides, `remember` makes it so after the commit."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, str], _Sent] = {}

    def choose(self, fixes: Iterable[Fix]) -> Selection:
        """Which of the fixes are movements. Nothing is remembered yet, so a try that failed can be made again."""
        fixes = list(fixes)
        still = self._still(fixes)
        chosen: list[Fix] = []
        sent: dict[tuple[str, str], _Sent] = {}
        for fix in fixes:
            key = (fix.site, fix.device)
            if key in still:
                continue
            last = sent.get(key) or self._sent.get(key)
            if last is None or _moved(last, fix):
                chosen.append(fix)
                sent[key] = _Sent(fix.at, Grid(fix.lat, fix.lon), _accuracy(fix))
        return Selection(chosen, sent)

    def _still(self, fixes: Sequence[Fix]) -> set[tuple[str, str]]:
        """Devices of which a look at all their fixes together says that none of them is a movement."""
        if len(fixes) < _MANY:
            return set()
        by_device: defaultdict[tuple[str, str], list[Fix]] = defaultdict(list)
        for key, fix in zip(map(_device, fixes), fixes, strict=True):
            by_device[key].append(fix)
        return {
            key
            for key, some in by_device.items()
            if len(some) >= _MANY and (last := self._sent.get(key)) and _rests(last, some)
        }

    def remember(self, selection: Selection) -> None:
        """The selection is committed."""
        if len(self._sent) + len(selection.sent) > MAX_DEVICES:
            self._sent.clear()
        self._sent.update(selection.sent)


def _rests(last: _Sent, fixes: Sequence[Fix]) -> bool:
    """Whether even the corners of the box around the fixes are no further away than the last one sent was sure of."""
    times, lats, lons = list(map(_at, fixes)), list(map(_lat, fixes)), list(map(_lon, fixes))
    span = last.at // SPAN_NS
    if min(times) // SPAN_NS != span or max(times) // SPAN_NS != span:
        return False
    west, south = last.around.metres(min(lats), min(lons))
    east, north = last.around.metres(max(lats), max(lons))
    far_east, far_north = max(abs(west), abs(east)), max(abs(south), abs(north))
    return far_east * far_east + far_north * far_north <= last.accuracy_m * last.accuracy_m


def _moved(last: _Sent, fix: Fix) -> bool:
    if fix.at // SPAN_NS != last.at // SPAN_NS:
        return True
    east, north = last.around.metres(fix.lat, fix.lon)
    limit = max(last.accuracy_m, _accuracy(fix))
    return east * east + north * north > limit * limit


def _accuracy(fix: Fix) -> float:
    return USUAL_ACCURACY_M if fix.accuracy_m is None else fix.accuracy_m
