"""What counts as noise and dust on the heatmap: which metrics, against which legal limit.

A device's weight in a minute is its highest value of that minute as a share of the limit: 1.0 is at the limit, 0.5 half of
it. One rule for both, and the one by which the boards colour: of a level in dB(A) it is the share of the number, not of the
energy. A device that measures several of these metrics counts by the worst.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from plumbline.site import Source


class Limit(NamedTuple):
    """A legal limit of what people around a building site must bear."""

    source: Source
    day: float
    night: float
    standard: str


#: A-weighted, at the site's boundary; night is 22:00 to 06:00.
NOISE: Final = Limit("noise", 70.0, 55.0, "GB 12523-2025")
#: µg/m³, the mean of 24 hours, class 2 (where people live and work), up to the end of 2030; then 100 and 50.
PM10: Final = Limit("dust", 120.0, 120.0, "GB 3095-2026")
PM2_5: Final = Limit("dust", 60.0, 60.0, "GB 3095-2026")

#: The metrics that count, under the names that profiles and dialects give them.
METRICS: Final[Mapping[str, Limit]] = {
    "noise_db": NOISE,
    "noise_dba": NOISE,
    "pm10": PM10,
    "pm10_ugm3": PM10,
    "pm2_5": PM2_5,
    "pm25_ugm3": PM2_5,
}

#: A larger share is a broken sensor: it is taken for this.
MOST: Final = 100.0
NIGHT_BEGINS: Final = 22
NIGHT_ENDS: Final = 6
#: Every zone's clock is a whole number of quarters of an hour from UTC.
_QUARTER_MINUTES: Final = 15


@lru_cache(maxsize=4096)
def _night(zone: ZoneInfo, quarter: int) -> bool:
    try:
        hour = datetime.fromtimestamp(quarter * _QUARTER_MINUTES * 60, UTC).astimezone(zone).hour
    except (OverflowError, ValueError, OSError):  # after the year 9999
        return False
    return hour >= NIGHT_BEGINS or hour < NIGHT_ENDS


def limit_at(limit: Limit, zone: ZoneInfo, minute: int) -> float:
    """What holds in a minute (counted since 1970, UTC) at a site in that zone."""
    return limit.night if limit.night != limit.day and _night(zone, minute // _QUARTER_MINUTES) else limit.day
