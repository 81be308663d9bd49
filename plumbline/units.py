"""Units by their UCUM codes (the Unified Code for Units of Measure), and how one becomes another. Affine, nothing more."""

import math
from collections.abc import Mapping
from typing import Final

#: UCUM code → (what it is converted to, factor, offset): value · factor + offset. Exact by definition, or as NIST SP 811,
#: appendix B gives them.
_TO_BASE: Final[Mapping[str, tuple[str, float, float]]] = {
    "Cel": ("K", 1.0, 273.15),
    "K": ("K", 1.0, 0.0),
    "[degF]": ("K", 5 / 9, 459.67 * 5 / 9),
    "m": ("m", 1.0, 0.0),
    "mm": ("m", 1e-3, 0.0),
    "cm": ("m", 1e-2, 0.0),
    "km": ("m", 1e3, 0.0),
    "[in_i]": ("m", 0.0254, 0.0),
    "[ft_i]": ("m", 0.3048, 0.0),
    "m/s": ("m/s", 1.0, 0.0),
    "km/h": ("m/s", 1 / 3.6, 0.0),
    "[kn_i]": ("m/s", 1852 / 3600, 0.0),
    "[mi_i]/h": ("m/s", 0.44704, 0.0),
    "Pa": ("Pa", 1.0, 0.0),
    "hPa": ("Pa", 100.0, 0.0),
    "kPa": ("Pa", 1e3, 0.0),
    "MPa": ("Pa", 1e6, 0.0),
    "bar": ("Pa", 1e5, 0.0),
    "mbar": ("Pa", 100.0, 0.0),
    "[psi]": ("Pa", 6894.757293168361, 0.0),
    "mm[Hg]": ("Pa", 133.322387415, 0.0),
    "[in_i'Hg]": ("Pa", 3386.389, 0.0),
    "W": ("W", 1.0, 0.0),
    "kW": ("W", 1e3, 0.0),
    "mW": ("W", 1e-3, 0.0),
    "MW": ("W", 1e6, 0.0),
    "W.h": ("J", 3600.0, 0.0),
    "kW.h": ("J", 3.6e6, 0.0),
    "MW.h": ("J", 3.6e9, 0.0),
    "J": ("J", 1.0, 0.0),
    "kJ": ("J", 1e3, 0.0),
    "MJ": ("J", 1e6, 0.0),
    "g": ("kg", 1e-3, 0.0),
    "kg": ("kg", 1.0, 0.0),
    "t": ("kg", 1e3, 0.0),
    "[lb_av]": ("kg", 0.45359237, 0.0),
    "N": ("N", 1.0, 0.0),
    "kN": ("N", 1e3, 0.0),
    "V": ("V", 1.0, 0.0),
    "mV": ("V", 1e-3, 0.0),
    "kV": ("V", 1e3, 0.0),
    "A": ("A", 1.0, 0.0),
    "mA": ("A", 1e-3, 0.0),
    "V.A": ("V.A", 1.0, 0.0),
    "kV.A": ("V.A", 1e3, 0.0),
    "var": ("var", 1.0, 0.0),
    "kvar": ("var", 1e3, 0.0),
    "s": ("s", 1.0, 0.0),
    "ms": ("s", 1e-3, 0.0),
    "min": ("s", 60.0, 0.0),
    "h": ("s", 3600.0, 0.0),
    "d": ("s", 86400.0, 0.0),
    "L": ("m3", 1e-3, 0.0),
    "m3": ("m3", 1.0, 0.0),
    "L/min": ("m3/s", 1e-3 / 60, 0.0),
    "L/s": ("m3/s", 1e-3, 0.0),
    "m3/h": ("m3/s", 1 / 3600, 0.0),
    "L/h": ("m3/s", 1e-3 / 3600, 0.0),
    "g/m3": ("kg/m3", 1e-3, 0.0),
    "mg/m3": ("kg/m3", 1e-6, 0.0),
    "ug/m3": ("kg/m3", 1e-9, 0.0),
    "%": ("1", 0.01, 0.0),
    "1": ("1", 1.0, 0.0),
    "[ppm]": ("1", 1e-6, 0.0),
    "[ppb]": ("1", 1e-9, 0.0),
    "deg": ("rad", math.pi / 180, 0.0),
    "rad": ("rad", 1.0, 0.0),
    "Hz": ("Hz", 1.0, 0.0),
    "kHz": ("Hz", 1e3, 0.0),
    "/min": ("Hz", 1 / 60, 0.0),
    "lx": ("lx", 1.0, 0.0),
    "klx": ("lx", 1e3, 0.0),
}


def convertible(unit: str, to: str) -> bool:
    """Whether values in `unit` can be given in `to` (both UCUM codes)."""
    return unit == to or (unit in _TO_BASE and to in _TO_BASE and _TO_BASE[unit][0] == _TO_BASE[to][0])


def known_units(to: str) -> tuple[str, ...]:
    """The units from which `to` can be reached, itself included; for a message."""
    return tuple(unit for unit in _TO_BASE if convertible(unit, to)) or (to,)


def convert(value: float, unit: str, to: str) -> float:
    """`value` in another unit. Raises `KeyError` where the two are not `convertible`."""
    if unit == to:
        return value
    (base, factor, offset), (other, other_factor, other_offset) = _TO_BASE[unit], _TO_BASE[to]
    if base != other:
        raise KeyError(to)
    exact = (value * factor + (offset - other_offset)) / other_factor
    return float(f"{exact:.14g}")  # 64.4 degF are 18 Cel, not 18.000000000000014: no sensor has so many digits
