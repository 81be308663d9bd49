"""Values out of JSON that several network servers, bridges and versions write each in their own way. Nothing here raises."""

import base64
import binascii
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan.message import Gateway, Place

Object = dict[str, Json]

#: No LoRaWAN network server existed before; an earlier time is a clock that was never set. (2015-01-01, LoRaWAN 1.0.)
_EARLIEST_NS: Final = 1_420_070_400 * 10**9
_LATEST_NS: Final = 2**63 - 1
#: Seven times the longest payload of any LoRaWAN region (242 bytes).
MAX_PAYLOAD: Final = 2048

_NUMBER: Final = re.compile(r"[-+]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][-+]?\d{1,3})?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))?\s?(?:([Zz])|([-+])(\d\d):?(\d\d))", re.ASCII
)
_DATA_RATE: Final = re.compile(r"SF(\d{1,2})(?:\D{0,3}BW(\d{1,4}(?:\.\d+)?))?", re.ASCII | re.IGNORECASE)
_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}[\s:-]?)*)", re.ASCII)


#: Sixteen digits and small letters up to f, and both: base64 of a payload looks so once in some thousand million.
_SURELY_HEX: Final = re.compile(r"(?=[0-9]*[a-f])(?=[a-f]*[0-9])(?:[0-9a-f]{2}){8,}", re.ASCII)


def child(value: Json, *names: str) -> Json:
    """The first of the named members that is there and not null."""
    if isinstance(value, dict):
        for name in names:
            found = value.get(name)
            if found is not None:
                return found
    return None


def table(value: Json, *names: str) -> Object:
    """The first of the named members, where it is an object; else an empty one."""
    found = child(value, *names)
    return found if isinstance(found, dict) else {}


def tables(value: Json) -> list[Object]:
    """The objects of a list, at most 64; an object alone is a list of one."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value[:64] if isinstance(one, dict)] if isinstance(value, list) else []


def number(value: Json) -> float | None:
    """A finite number, also where it is written as a text."""
    if isinstance(value, str):
        value = float(text) if _NUMBER.fullmatch(text := value.strip()) else None
    if value is None or isinstance(value, bool | list | dict):
        return None
    try:
        finite = float(value)
    except OverflowError:
        return None
    return finite if math.isfinite(finite) else None


def integer(value: Json, low: int, high: int) -> int | None:
    """A whole number between two bounds."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and low <= found <= high else None


def text(value: Json) -> str | None:
    """A text of 1 to 256 characters; a number as JSON writes it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        return None
    value = value.strip()
    return value if 0 < len(value) <= 256 else None


def truth(value: Json) -> bool | None:
    """True or false, also as 1, 0 or a text."""
    if isinstance(value, str):
        value = value.strip().lower()
    if isinstance(value, bool | str | int):
        return True if value in {1, "1", "true"} else False if value in {0, "0", "false"} else None
    return None


def eui(value: Json) -> str | None:
    """A 64-bit EUI as 16 hexadecimal digits in lower case: from hex with or without separators, or base64 (protobuf's JSON)."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    plain = value.strip().lower().removeprefix("eui-").removeprefix("0x")
    plain = plain.replace("-", "").replace(":", "").replace(" ", "")
    if len(plain) == 16 and set(plain) <= set("0123456789abcdef"):
        return plain
    raw = _base64(value.strip())
    return raw.hex() if raw is not None and len(raw) == 8 else None


def named_eui(value: Json) -> str | None:
    """An identifier: an EUI where it is one, else the text."""
    return eui(value) or text(value)


def payload(value: Json, *, first: str) -> bytes | None:
    """The bytes of a payload written as `hex` or `base64`; the other way counts only where the `first` cannot be."""
    if isinstance(value, list):
        small = [one for one in value if isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= 255]
        return bytes(small) if len(small) == len(value) <= MAX_PAYLOAD else None
    if not isinstance(value, str) or len(value) > 3 * MAX_PAYLOAD:
        return None
    value = value.strip()
    if _SURELY_HEX.fullmatch(value):
        return bytes.fromhex(value)
    found = _hex(value) if first == "hex" else _base64(value)
    if found is None:
        found = _base64(value) if first == "hex" else _hex(value)
    return found


def _hex(value: str) -> bytes | None:
    match = _HEX.fullmatch(value)
    return bytes.fromhex(re.sub(r"[\s:-]", "", match[1])) if match else None


def _base64(value: str) -> bytes | None:
    plain = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def time_ns(value: Json) -> int | None:
    """UTC in nanoseconds: RFC 3339 with any fraction and zone, or a number of s, ms, µs or ns since 1970."""
    found = _written(value) if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()) else _counted(value)
    return found if found is not None and _EARLIEST_NS <= found <= _LATEST_NS else None


def _written(value: str) -> int | None:
    match = _TIME.fullmatch(value.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    zone = UTC
    leap = second == 60
    try:
        if match[9]:
            away = timedelta(hours=int(match[10]), minutes=int(match[11]))
            zone = timezone(away if match[9] == "+" else -away)
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone)
    except (ValueError, OverflowError):
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds + leap) * 10**9 + int((match[7] or "0")[:9].ljust(9, "0"))


def _counted(value: Json) -> int | None:
    found = number(value)
    if found is None or found <= 0:
        return None
    factor = next((factor for limit, factor in ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3)) if found < limit), 1)
    if isinstance(value, int):
        return value * factor
    return round(found * 1e6) * (factor // 10**6) if factor >= 10**6 else round(found) * factor


def time_told(value: Json, problems: list[str], what: str) -> int | None:
    """As `time_ns`, with what is wrong with it added to `problems`; absent, empty and Go's zero time are no time at all."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-01-01")):
        return None
    found = time_ns(value)
    if found is None:
        shown = repr(value) if isinstance(value, str | int | float) else "what stands there"
        problems.append(
            f"{what}: {shown[:60]} is no time that can be true (RFC 3339, after 2015); the gateway's clock is taken, "
            "check the network server's clock and the bridge that wrote it"
        )
    return found


def data_rate(value: Json) -> tuple[int | None, float | None]:
    """Spreading factor and bandwidth in kHz out of `SF12BW125` or `SF12 BW125 4/5`."""
    match = _DATA_RATE.search(value[:64]) if isinstance(value, str) else None
    if match is None:
        return None, None
    return spreading_factor(match[1]), bandwidth_khz(match[2])


def spreading_factor(value: Json) -> int | None:
    """5 to 12."""
    return integer(value, 5, 12)


def bandwidth_khz(value: Json) -> float | None:
    """From kHz or Hz."""
    found = number(value)
    if found is None or not 0 < found <= 2e6:
        return None
    return found / 1000 if found > 5000 else found


def frequency_mhz(value: Json) -> float | None:
    """From Hz, kHz or MHz: the ranges of LoRa's bands (137 MHz to 2.5 GHz) do not overlap."""
    found = number(value)
    if found is None:
        return None
    for least, factor in ((1e8, 1e6), (1e5, 1e3), (100.0, 1.0)):
        if least <= found <= 25 * least:
            return found / factor
    return None


def place(value: Json, *, typed: bool = False) -> Place | None:
    """A position; none where it is incomplete, nowhere on Earth, or the 0, 0 of an unset one."""
    lat = number(child(value, "latitude", "lat", "LrrLAT", "DevLAT"))
    lon = number(child(value, "longitude", "lon", "lng", "LrrLON", "DevLON"))
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    accuracy = number(child(value, "accuracy", "DevLocRadius"))
    return Place(
        lat=lat,
        lon=lon,
        alt_m=number(child(value, "altitude", "alt", "DevAlt")) or None,
        accuracy_m=accuracy if accuracy is not None and 0 < accuracy <= 1e6 else None,
        typed=typed,
    )


def gateways(
    value: Json, ids: tuple[str, ...], snr: tuple[str, ...] = ("snr",), rssi: tuple[str, ...] = ("rssi",)
) -> list[Gateway]:
    """The gateways of a list, each with its identifier under one of `ids`, and its position under `location` or beside it."""
    return [
        Gateway(
            id=named_eui(child(one, *ids)),
            rssi_dbm=decibel(child(one, *rssi)),
            snr_db=decibel(child(one, *snr)),
            place=place(child(one, "location")) or place(one),
        )
        for one in tables(value)
    ]


def decibel(value: Json) -> float | None:
    """A level that a radio can tell."""
    found = number(value)
    return found if found is not None and -250 <= found <= 100 else None


def best_first(heard: list[Gateway]) -> tuple[Gateway, ...]:
    """The strongest signal first, of equal ones the clearest."""
    unheard = -1000.0
    return tuple(
        sorted(
            heard,
            key=lambda one: (
                unheard if one.rssi_dbm is None else one.rssi_dbm,
                unheard if one.snr_db is None else one.snr_db,
            ),
            reverse=True,
        )
    )


def battery_percent(value: Json) -> float | None:
    """DevStatusAns' battery of 1 (empty) to 254 (full) in percent; 0 (mains) and 255 (could not measure) are none."""
    found = integer(value, 1, 254)
    return None if found is None else round((found - 1) / 253 * 100, 1)


def percent(value: Json) -> float | None:
    """0 to 100."""
    found = number(value)
    return found if found is not None and 0 <= found <= 100 else None
