"""GPS weeks roll over: old receivers tell dates that lie 1024 weeks (19.6 years) or a multiple of it back.

The satellites send the number of the week with ten bits (IS-GPS-200, section 20.3.3.3.1.1). A receiver resolves it by the
year in which its program was written, and is wrong from 1024 weeks later on.
"""

import datetime as dt
from enum import Enum
from typing import Final

ROLLOVER: Final = dt.timedelta(weeks=1024)
#: No live receiver tells an earlier date rightly: this program did not exist then.
RELEASED: Final = dt.date(2026, 11, 1)
#: Around midnight the receiver's day is not the gateway's.
_APART: Final = dt.timedelta(days=1)


class Doubt(Enum):
    """What was found about a date."""

    NONE = "none"
    CORRECTED = "corrected"
    """It lay a multiple of 1024 weeks back, which brings it to today."""
    KEPT = "kept"
    """It lies before this program was made, and nothing tells surely what it should be."""


def unrolled(told: dt.date, today: dt.date) -> tuple[dt.date, Doubt]:
    """The date that a live receiver means which tells `told`, where the gateway's clock says `today`.

    Corrected only when sure: the date is impossible, the gateway's clock is set (its own date is possible), and whole
    rollovers bring the one to the other.
    """
    if told >= RELEASED:
        return told, Doubt.NONE
    if today >= RELEASED:
        rolls = round((today - told) / ROLLOVER)
        if rolls > 0 and abs(told + rolls * ROLLOVER - today) <= _APART:
            return told + rolls * ROLLOVER, Doubt.CORRECTED
    return told, Doubt.KEPT
