"""From epochs to captures: which fixes are worth an event, and what is in it."""

import math
from functools import partial

from edge_agent.nmea import Epoch
from edge_agent.reader import Capture
from plumbline.event import Fix


def capture_of(device: str, epoch: Epoch, heard_ns: int | None = None) -> Capture:
    """The capture of an epoch that is a fix (mode 2 or 3); `heard_ns`: when a live receiver told it, by the monotonic clock."""
    assert epoch.lat is not None
    assert epoch.lon is not None
    fix = partial(
        Fix,
        lat=epoch.lat,
        lon=epoch.lon,
        mode=3 if epoch.mode == 3 else 2,
        alt_m=epoch.alt_msl,
        speed_mps=epoch.speed_mps,
        course_deg=epoch.course_deg,
        accuracy_m=epoch.accuracy_m,
        hdop=epoch.hdop,
        sats_used=epoch.sats_used,
    )
    return Capture(device=device, event=fix, at_ns=epoch.time_ns, heard_ns=None if epoch.estimated else heard_ns)


def described(epoch: Epoch) -> str:
    """What a receiver knows, for the answer to a check."""
    used = "" if epoch.sats_used is None else f" with {epoch.sats_used} satellites"
    if epoch.mode == 1:
        return f"no fix{used}; check the antenna and its view of the sky"
    what = "an estimated position, which is not sent unless estimated = true," if epoch.estimated else f"a {epoch.mode}D fix"
    accuracy = "" if epoch.accuracy_m is None else f", good to {epoch.accuracy_m:.1f} m"
    return f"{what}{used}{accuracy}"


class Thinner:
    """Let at most one fix pass in `interval_s`, on the receiver's own time."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._last_s = -math.inf

    def passes(self, epoch: Epoch, now_s: float) -> bool:
        """Whether this fix is due. `now_s` (monotonic) stands in where the receiver told no date.

        A receiver whose time steps back (a week-number rollover, a log that starts again) is not silenced by it. The
        hundredth of a second is for receivers that give 0.99 s for their second.
        """
        at_s = now_s if epoch.time_ns is None else epoch.time_ns / 1e9
        step_s = at_s - self._last_s
        if step_s == 0 or 0 < step_s < self._interval_s - 0.011:
            return False
        self._last_s = at_s
        return True
