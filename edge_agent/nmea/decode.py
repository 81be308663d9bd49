"""What each sentence says about position and time: a table of formatters, each with its own fields.

Fields are those of IEC 61162-1, clause 8.3, and tolerate what receivers do to them: missing fields at the end, empty
ones, numbers out of range. A field that cannot be read is absent; it never makes the others wrong.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.nmea.sentence import Sentence

KNOT_MPS: Final = 1852 / 3600
KMH_MPS: Final = 1 / 3.6
_TIME: Final = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.(\d*))?")
_DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)")
#: Degrees, and two digits of minutes. Simulators and self-made receivers write them as a number, without the leading zeros:
#: `7.123` is 0° 7.123'. Only a decimal point tells that from degrees that lost their minutes.
_ANGLE: Final = re.compile(r"(\d{1,3}(?=\d\d)|(?=\d{1,2}\.))(\d\d?(?:\.(\d*))?)")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d*)?|\.\d+)")
#: Two-digit years from here on are of the last century: GPS time began in 1980, and a receiver past a week-number
#: rollover that says 99 means 1999 (it is wrong, but it must not be made 2099).
_FIRST_YEAR: Final = 80


@dataclass(frozen=True, slots=True)
class Position:
    """A place with the number of decimals of its minutes, so that the finer of two sentences wins."""

    lat: float
    lon: float
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one sentence says. `None`: it says nothing about it."""

    time_ms: int | None = None
    """Milliseconds of the UTC day."""
    date: dt.date | None = None
    valid: bool | None = None
    """Whether the receiver vouches for the position."""
    estimated: bool = False
    """The position was not measured: dead reckoning, typed in by hand, simulated."""
    position: Position | None = None
    mode: int | None = None
    """1, 2 or 3 (GSA)."""
    alt_msl: float | None = None
    speed: float | None = None
    track: float | None = None
    hdop: float | None = None
    sats_used: int | None = None
    accuracy: float | None = None
    """Metres, 68 % (GST)."""


def decode(sentence: Sentence) -> Observation | None:
    """Read one sentence; `None` where its formatter says nothing about a fix."""
    reader = (_PROPRIETARY if sentence.talker == "P" else _READERS).get(sentence.kind)
    return None if reader is None else reader(_Fields(sentence.fields))


class _Fields:
    """The fields by number; what is missing at the end is empty."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = fields

    def text(self, index: int) -> str:
        return self.fields[index].strip() if index < len(self.fields) else ""

    def number(self, index: int) -> float | None:
        text = self.text(index)
        return float(text) if _NUMBER.fullmatch(text) else None

    def count(self, index: int) -> int | None:
        text = self.text(index)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None

    def angle(self, index: int) -> float | None:
        """Degrees from true north, 0 ≤ x < 360."""
        value = self.number(index)
        return value % 360 if value is not None and 0 <= value <= 360 else None

    def hdop(self, index: int) -> float | None:
        """A dilution of precision; 0 and the fill values from 50 on mean that there is none."""
        value = self.number(index)
        return value if value is not None and 0 < value < 50 else None

    def amount(self, index: int, unit: float = 1.0) -> float | None:
        """A number that cannot be negative, for example a speed, in `unit`s of ours."""
        value = self.number(index)
        return value * unit if value is not None and value >= 0 else None

    def position(self, index: int) -> Position | None:
        """Latitude, hemisphere, longitude, hemisphere from field `index` on."""
        lat = _degrees(self.text(index), self.text(index + 1), "NS", 90)
        lon = _degrees(self.text(index + 2), self.text(index + 3), "EW", 180)
        if lat is None or lon is None:
            return None
        return Position(lat[0], lon[0], min(lat[1], lon[1]))

    def time_ms(self, index: int) -> int | None:
        match = _TIME.fullmatch(self.text(index))
        if match is None:
            return None
        hour, minute, second = int(match[1]), int(match[2]), int(match[3])
        if hour > 23 or minute > 59 or second > 60:  # 60: a leap second
            return None
        fraction = round(int((match[4] or "0")[:6].ljust(6, "0")) / 1000)
        return (hour * 3600 + minute * 60 + second) * 1000 + fraction


def _degrees(text: str, hemisphere: str, letters: str, limit: int) -> tuple[float, int] | None:
    match = _ANGLE.fullmatch(text)
    if match is None or len(hemisphere) != 1 or hemisphere.upper() not in letters:
        return None
    minutes = float(match[2])
    value = int(match[1] or 0) + minutes / 60
    if minutes >= 60 or value > limit:
        return None
    return (-value if hemisphere.upper() == letters[1] else value), len(match[3] or "")


def day(year: int, month: int, of_month: int) -> dt.date | None:
    """A date, or `None` where the calendar has no such day."""
    try:
        return dt.date(year, month, of_month)
    except ValueError:
        return None


def _ddmmyy(text: str) -> dt.date | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year = int(match[3])
    return day(year + (1900 if year >= _FIRST_YEAR else 2000), int(match[2]), int(match[1]))


#: GGA quality indicators of a position that nobody measured: estimated, typed in by hand, simulated.
_ESTIMATED_QUALITY: Final = frozenset({6, 7, 8})
#: The mode indicators that say the same.
_ESTIMATED: Final = "EMS"


def _gga(fields: _Fields) -> Observation:
    quality = fields.count(5)
    if quality is None:
        # The receiver vouches for nothing here; the height would make a 2D fix of RMC look like 3D.
        return Observation(time_ms=fields.time_ms(0))
    return Observation(
        time_ms=fields.time_ms(0),
        valid=quality > 0,
        estimated=quality in _ESTIMATED_QUALITY,
        position=fields.position(1),
        sats_used=fields.count(6),
        hdop=fields.hdop(7),
        alt_msl=fields.number(8),
    )


def _gns(fields: _Fields) -> Observation:
    modes = fields.text(5)
    return Observation(
        time_ms=fields.time_ms(0),
        valid=any(mode not in "NM" for mode in modes) if modes else None,
        estimated=not set(modes) - set("NM" + _ESTIMATED),
        position=fields.position(1),
        sats_used=fields.count(6),
        hdop=fields.hdop(7),
        alt_msl=fields.number(8),
    )


def _rmc(fields: _Fields) -> Observation:
    mode = fields.text(11)
    return Observation(
        time_ms=fields.time_ms(0),
        # D is what older differential receivers say for A.
        valid=fields.text(1) in {"A", "D"} and mode != "N",
        estimated=mode != "" and mode in _ESTIMATED,
        position=fields.position(2),
        speed=fields.amount(6, KNOT_MPS),
        track=fields.angle(7),
        date=_ddmmyy(fields.text(8)),
    )


def _gll(fields: _Fields) -> Observation:
    status, mode = fields.text(5), fields.text(6)
    return Observation(
        time_ms=fields.time_ms(4),
        estimated=mode != "" and mode in _ESTIMATED,
        # NMEA 0183 before 2.0 had no status; anything but A where there is one is a warning.
        valid=status == "A" and mode != "N" if len(fields.fields) > 5 else None,
        position=fields.position(0),
    )


def _vtg(fields: _Fields) -> Observation:
    if fields.text(1) in {"T", ""} and len(fields.fields) > 4:
        knots, kmh = fields.amount(4, KNOT_MPS), fields.amount(6, KMH_MPS)
        return Observation(track=fields.angle(0), speed=kmh if knots is None else knots)
    # Before NMEA 0183 2.0 the units were not written: true course, magnetic course, knots, km/h.
    return Observation(track=fields.angle(0), speed=fields.amount(2, KNOT_MPS))


def _gsa(fields: _Fields) -> Observation:
    mode = fields.count(1)
    return Observation(mode=mode if mode in {1, 2, 3} else None, hdop=fields.hdop(15))


def _gst(fields: _Fields) -> Observation:
    lat, lon = fields.amount(5), fields.amount(6)
    accuracy = math.hypot(lat, lon) if lat is not None and lon is not None else None
    return Observation(time_ms=fields.time_ms(0), accuracy=accuracy)


def _zda(fields: _Fields) -> Observation:
    number = [fields.count(1), fields.count(2)]
    year = fields.number(3)
    found = None
    if number[0] and number[1] and year is not None and 1980 <= year < 2200:
        found = day(int(year), number[1], number[0])
    return Observation(time_ms=fields.time_ms(0), date=found)


def _ubx(fields: _Fields) -> Observation | None:
    """What u-blox receivers say on their own terms (u-blox M8 protocol specification, section 31.3): PUBX,00 and 04."""
    if fields.text(0) == "04":
        return Observation(time_ms=fields.time_ms(1), date=_ddmmyy(fields.text(2)))
    if fields.text(0) != "00":
        return None
    status = fields.text(7)
    return Observation(
        time_ms=fields.time_ms(1),
        valid=status in _UBX_MODE,
        estimated=status == "DR",
        position=fields.position(2),
        mode=_UBX_MODE.get(status, 1),
        accuracy=fields.amount(8),
        speed=fields.amount(10, KMH_MPS),
        track=fields.angle(11),
        hdop=fields.hdop(14),
        sats_used=fields.count(17),
    )


#: Navigation status → mode. NF has no fix, TT knows only the time.
_UBX_MODE: Final = {"G2": 2, "D2": 2, "DR": 2, "G3": 3, "D3": 3, "RK": 3}


def _ashtech(fields: _Fields) -> Observation | None:
    """PASHR,POS (Ashtech, Spectra Precision and Trimble MB boards). Its height is above the ellipsoid."""
    if fields.text(0) != "POS":
        return None
    fixed = fields.count(1) is not None  # 0 is a plain fix; without one the field is empty
    return Observation(
        time_ms=fields.time_ms(3),
        valid=fixed,
        position=fields.position(4),
        mode=3 if fixed and fields.number(8) is not None else None,
        sats_used=fields.count(2),
        track=fields.angle(10),
        speed=fields.amount(11, KNOT_MPS),
        hdop=fields.hdop(14),
    )


def _garmin(fields: _Fields) -> Observation:
    """PGRMF, all of a fix in one sentence (Garmin GPS 18x Technical Specifications, section 4.2.3)."""
    mode = {0: 1, 1: 2, 2: 3}.get(-1 if (told := fields.count(10)) is None else told, 1)
    return Observation(
        date=_ddmmyy(fields.text(2)),
        time_ms=fields.time_ms(3),
        position=fields.position(5),
        valid=mode > 1,
        mode=mode,
        speed=fields.amount(11, KMH_MPS),
        track=fields.angle(12),
    )


def _trimble(fields: _Fields) -> Observation | None:
    """PTNL,GGK (Trimble's NMEA-0183 messages): its date has the month in front, its height is above the ellipsoid."""
    if fields.text(0) != "GGK":
        return None
    quality = fields.count(7)
    month_first = fields.text(2)
    return Observation(
        time_ms=fields.time_ms(1),
        date=_ddmmyy(month_first[2:4] + month_first[:2] + month_first[4:]),
        position=fields.position(3),
        valid=quality is not None and quality > 0,
        mode=3 if quality and fields.text(10) else None,
        sats_used=fields.count(8),
    )


_PROPRIETARY: Final[Mapping[str, Callable[[_Fields], Observation | None]]] = {
    "ASHR": _ashtech,
    "GRMF": _garmin,
    "TNL": _trimble,
    "UBX": _ubx,
}
_READERS: Final[Mapping[str, Callable[[_Fields], Observation | None]]] = {
    "GGA": _gga,
    "GLL": _gll,
    "GNS": _gns,
    "GSA": _gsa,
    "GST": _gst,
    "RMC": _rmc,
    "VTG": _vtg,
    "ZDA": _zda,
}
#: The formatters that say anything about a fix; the others (GSV, TXT, depth, wind) are passed over unread.
READ: Final = frozenset({*_PROPRIETARY, *_READERS})
