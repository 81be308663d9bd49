"""Units as devices and home-automation programs write them, and their UCUM codes."""

from collections.abc import Mapping
from typing import Final

_UNITS: Final[Mapping[str, str]] = {
    "°c": "Cel", "c": "Cel", "℃": "Cel", "degc": "Cel", "cel": "Cel", "°f": "[degF]", "f": "[degF]", "℉": "[degF]",
    "degf": "[degF]", "k": "K", "%": "%", "%rh": "%", "% rh": "%", "rh%": "%", "°": "deg", "deg": "deg", "degrees": "deg",
    "pa": "Pa", "hpa": "hPa", "kpa": "kPa", "mpa": "MPa", "bar": "bar", "mbar": "mbar", "psi": "[psi]", "mmhg": "mm[Hg]",
    "inhg": "[in_i'Hg]", "w": "W", "kw": "kW", "wh": "W.h", "kwh": "kW.h", "va": "V.A", "kva": "kV.A", "var": "var",
    "kvar": "kvar", "v": "V", "mv": "mV", "kv": "kV", "a": "A", "ma": "mA", "hz": "Hz", "khz": "kHz", "rpm": "/min",
    "lx": "lx", "lux": "lx", "klx": "klx", "ppm": "[ppm]", "ppb": "[ppb]", "µg/m³": "ug/m3", "μg/m³": "ug/m3",
    "ug/m3": "ug/m3", "µg/m3": "ug/m3", "μg/m3": "ug/m3", "ug/m³": "ug/m3", "mg/m³": "mg/m3", "mg/m3": "mg/m3",
    "g/m³": "g/m3", "g/m3": "g/m3", "db": "dB", "dba": "dB[A]", "db(a)": "dB[A]", "dbm": "dB[mW]", "mm": "mm", "cm": "cm",
    "m": "m", "km": "km", "in": "[in_i]", "ft": "[ft_i]", "mm/h": "mm/h", "m/s": "m/s", "km/h": "km/h", "mph": "[mi_i]/h",
    "kn": "[kn_i]", "knots": "[kn_i]", "g": "g", "kg": "kg", "t": "t", "lb": "[lb_av]", "lbs": "[lb_av]", "n": "N", "kn·m": "kN.m",
    "l": "L", "m³": "m3", "m3": "m3", "l/min": "L/min", "l/s": "L/s", "m³/h": "m3/h", "m3/h": "m3/h", "l/h": "L/h",
    "s": "s", "sec": "s", "ms": "ms", "min": "min", "h": "h", "d": "d", "days": "d", "µs/cm": "uS/cm", "μs/cm": "uS/cm",
    "us/cm": "uS/cm", "lqi": "1", "kω": "kOhm", "kohm": "kOhm", "µsv/h": "uSv/h", "μsv/h": "uSv/h",
}  # fmt: skip
#: Where capital letters tell units apart.
_EXACT: Final[Mapping[str, str]] = {
    "MW": "MW",
    "MWh": "MW.h",
    "mW": "mW",
    "MPa": "MPa",
    "kN": "kN",
    "kn": "[kn_i]",
    "mPa": "mPa",
}


def ucum(word: str) -> str | None:
    """The UCUM code of a unit as devices write it (`°C`, `µg/m³`, `kWh`); `None` where it is not known."""
    word = word.strip()
    return _EXACT.get(word) or _UNITS.get(word.casefold()) or _UNITS.get(word.lower())
