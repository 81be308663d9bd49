"""What satellite receivers tell about the gateway's clock: the offset of UTC from the monotonic clock, where it can be believed.

A receiver tells an instant that has passed already: its sentences take time on the line and wait for the end of their
cycle. So each told time gives an offset that is too small by the delay, and the largest of the last ones is the best.
A receiver's own delay is small beside `SPREAD_NS`; one that jumps about by more is not steady, and not believed.
"""

import datetime as dt
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final, NamedTuple

#: No clock that says an earlier time is right: 1970 and every roll-over of the GPS week lie before.
EARLIEST_NS: Final = int(dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp()) * 10**9
#: Told times of one receiver may differ by so much in their delay.
SPREAD_NS: Final = 2_000_000_000
#: Receivers that agree differ at most by so much.
AGREE_NS: Final = 3_000_000_000
#: A receiver that has not spoken for so long has no say.
FRESH_NS: Final = 60_000_000_000
#: The weeks of GPS are counted with ten bits: a receiver may be wrong by so much.
ROLLOVER_NS: Final = 1024 * 7 * 86_400 * 10**9
#: What a receiver on its own may tell beyond the last known good time: a gateway may have lain in a store so long.
AHEAD_OF_KNOWN_NS: Final = 3 * 365 * 86_400 * 10**9
#: Beyond that, and before the last known good time, it is believed where the wall clock is so near.
NEAR_WALL_NS: Final = 86_400 * 10**9

#: A receiver that was first heard so lately may still turn out to contradict the others.
_NEW_NS: Final = 30_000_000_000
_NEEDED: Final = 3
_NEEDED_SPAN_NS: Final = 2_000_000_000
_KEPT: Final = 16
_RECEIVERS: Final = 64


class Told(NamedTuple):
    """What the receivers tell together."""

    offset_ns: int
    """UTC minus the monotonic clock."""
    mono_ns: int
    """When one of them last said so."""
    receivers: int
    """How many agree."""


class _Receiver:
    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.heard: deque[tuple[int, int]] = deque(maxlen=_KEPT)

    def hear(self, offset_ns: int, mono_ns: int) -> None:
        if self.heard and abs(offset_ns - self.best) > SPREAD_NS:
            self.heard.clear()  # it has changed its mind: from here it has to be steady again
        self.heard.append((mono_ns, offset_ns))

    @property
    def best(self) -> int:
        return max(offset for _, offset in self.heard)

    @property
    def last(self) -> int:
        return self.heard[-1][0]

    def steady(self, mono_ns: int) -> bool:
        return (
            len(self.heard) >= _NEEDED and self.last - self.heard[0][0] >= _NEEDED_SPAN_NS and mono_ns - self.last <= FRESH_NS
        )


class Discipline:
    """The receivers of one gateway."""

    def __init__(self) -> None:
        self._receivers: OrderedDict[str, _Receiver] = OrderedDict()

    def observe(self, receiver: str, told_ns: int, mono_ns: int) -> None:
        """A live `receiver` told the UTC time `told_ns`; the monotonic clock stood at `mono_ns` when that arrived."""
        heard = self._receivers.setdefault(receiver, _Receiver(mono_ns))
        heard.hear(told_ns - mono_ns, mono_ns)
        self._receivers.move_to_end(receiver)
        if len(self._receivers) > _RECEIVERS:
            self._receivers.popitem(last=False)

    def told(
        self,
        mono_ns: int,
        *,
        wall_ns: int,
        floor_ns: int,
        ahead_ns: int = AHEAD_OF_KNOWN_NS,
        before: int | None = None,
    ) -> Told | None:
        """What is to be believed now; `None` where no receiver is steady, or the steady ones contradict each other.

        `floor_ns` is a time that has certainly passed; a receiver on its own is believed up to `ahead_ns` later. `before` is the offset believed last: of receivers that contradict
        each other, those that agree with it are right, then those that agree with the wall clock to the day.
        """
        steady = [receiver for receiver in self._receivers.values() if receiver.steady(mono_ns)]
        newcomers = len(steady) < len(self._receivers) and any(
            mono_ns - receiver.since_ns <= _NEW_NS for receiver in self._receivers.values() if receiver not in steady
        )
        if not steady or (newcomers and before is None):
            return None
        groups = _agreeing(steady)
        sure = [group for group in groups if _plausible(group, mono_ns, wall_ns, floor_ns, ahead_ns)]
        most = max((len(group) for group in sure), default=0)
        best = [group for group in sure if len(group) == most]
        for expected, apart in ((before, AGREE_NS), (wall_ns - mono_ns, NEAR_WALL_NS)):
            if len(best) > 1 and expected is not None:
                best = [group for group in best if abs(_offset(group) - expected) <= apart] or best
        if len(best) != 1:
            return None
        return Told(_offset(best[0]), max(receiver.last for receiver in best[0]), len(best[0]))


def _agreeing(receivers: Iterable[_Receiver]) -> list[list[_Receiver]]:
    groups: list[list[_Receiver]] = []
    for receiver in sorted(receivers, key=lambda receiver: receiver.best):
        if groups and receiver.best - groups[-1][0].best <= AGREE_NS:
            groups[-1].append(receiver)
        else:
            groups.append([receiver])
    return groups


def _offset(group: list[_Receiver]) -> int:
    return max(receiver.best for receiver in group)


def _plausible(group: list[_Receiver], mono_ns: int, wall_ns: int, floor_ns: int, ahead_ns: int) -> bool:
    """Whether the time of a group can be now. One receiver alone must fit what is known of the time."""
    now = mono_ns + _offset(group)
    if now < EARLIEST_NS:
        return False
    fits = floor_ns - SPREAD_NS <= now < floor_ns + ahead_ns - NEAR_WALL_NS
    return fits or len(group) > 1 or abs(now - wall_ns) <= NEAR_WALL_NS
