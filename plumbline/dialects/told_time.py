"""The time that a device tells, as UTC in nanoseconds. A time without a zone is an error unless a zone is declared."""

from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from plumbline.dialects.document import FieldError, Json, shown

Format = Literal["auto", "unix_s", "unix_ms", "unix_us", "unix_ns", "iso"]
_PER_UNIT: Final = {"unix_s": 1_000_000_000, "unix_ms": 1_000_000, "unix_us": 1_000, "unix_ns": 1}
#: 2000-01-01 and 2200-01-01: a clock that was never set says something before, a wrong unit something behind.
_EARLIEST_NS: Final = 946_684_800_000_000_000
_LATEST_NS: Final = 7_258_118_400_000_000_000


def told_ns(value: Json, form: Format = "auto", zone: ZoneInfo | None = None) -> int | None:
    """UTC in nanoseconds; `None` where nothing is told. Raises `FieldError`.

    `auto` takes ISO 8601 texts, and Unix times of which the size tells the unit: between 2000 and 2200 seconds,
    milliseconds, microseconds and nanoseconds never meet.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise FieldError(f"{shown(value)} is not a time")
    if isinstance(value, str):
        number = _number(value)
        if number is None:
            if form not in {"auto", "iso"}:
                raise FieldError(f"{shown(value)} is not a number, as {form} would be")
            return _believable(_from_iso(value, zone), value)
        value = number
    if form == "iso":
        raise FieldError(f"{shown(value)} is not ISO 8601")
    for name, factor in _PER_UNIT.items():
        if form in {"auto", name}:
            at = _scaled(value, factor)
            if at is not None and _EARLIEST_NS <= at < _LATEST_NS:
                return at
    raise FieldError(f"{shown(value)} is no time between 2000 and 2200; check the device's clock and the declared format")


def _number(text: str) -> int | float | None:
    if len(text) > 40:
        return None
    try:
        return int(text) if text.strip().lstrip("-").isdigit() else float(text)
    except ValueError:
        return None


def _scaled(value: float, factor: int) -> int | None:
    """In nanoseconds, exactly for whole numbers."""
    try:
        return value * factor if isinstance(value, int) else round(value * factor)
    except (OverflowError, ValueError):  # infinite, NaN
        return None


def _from_iso(text: str, zone: ZoneInfo | None) -> int:
    if len(text) > 64:
        raise FieldError(f"{shown(text)} is not a time")
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise FieldError(f"{shown(text)} is not ISO 8601; write for example 2026-11-20T08:00:00Z") from None
    if moment.tzinfo is None:
        if zone is None:
            raise FieldError(f"{shown(text)} has no zone")
        moment = moment.replace(tzinfo=zone)
    try:
        whole = moment.replace(microsecond=0).timestamp()
    except (OverflowError, ValueError, OSError):
        raise FieldError(f"{shown(text)} is not a time that is kept") from None
    return int(whole) * 1_000_000_000 + moment.microsecond * 1_000


def _believable(at: int, value: Json) -> int:
    if not _EARLIEST_NS <= at < _LATEST_NS:
        raise FieldError(f"{shown(value)} is no time between 2000 and 2200; check the device's clock")
    return at
