"""A fix that its receiver takes back: in the next cycle it gives the same place as void.

Between losing the satellites and saying so, receivers vouch in all their sentences for a position that they have only
carried on; then comes a cycle that marks this very place as not valid. Seen with SiRF III and Unicore chips when the sky
is covered. So a fix waits for the next cycle before it is believed.
"""

from typing import Final

from edge_agent.nmea.epoch import Epoch, apart

#: A void place so near is the one that was told before.
_SAME_PLACE_M: Final = 50.0


class TakenBack:
    """Holds each fix until the next epoch has come; passes on everything else at once, in order."""

    def __init__(self) -> None:
        self._held: Epoch | None = None

    @property
    def holds(self) -> bool:
        """Whether a fix waits for the next cycle."""
        return self._held is not None

    @property
    def waiting_ns(self) -> int | None:
        """The time of the fix that waits."""
        return None if self._held is None else self._held.time_ns

    def add(self, epoch: Epoch) -> list[Epoch]:
        """Take the next epoch; return those that are now believed. A fix that was taken back comes out as mode 1."""
        held, self._held = self._held, None
        done: list[Epoch] = []
        if held is not None:
            done.append(_void(held) if _takes_back(epoch, held) else held)
        if epoch.mode > 1:
            self._held = epoch
        else:
            done.append(epoch)
        return done

    def release(self) -> list[Epoch]:
        """The next cycle does not come soon, or never: what waits is believed."""
        held, self._held = self._held, None
        return [] if held is None else [held]


def _takes_back(later: Epoch, fix: Epoch) -> bool:
    if later.mode > 1 or later.void_at is None or fix.lat is None or fix.lon is None:
        return False
    return apart((fix.lat, fix.lon), later.void_at) <= _SAME_PLACE_M


def _void(fix: Epoch) -> Epoch:
    return Epoch(time_ns=fix.time_ns, hdop=fix.hdop, sats_used=fix.sats_used)
