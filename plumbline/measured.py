"""Trade measures in GS1 codes, and the units in which orders count: a label that says 20 kg brings 0.02 of a line in tonnes.

Application identifiers 310n to 316n and 320n to 323n, the last digit of which is the number of decimals (GS1 General
Specifications, 3.6.2): net weight, length, area, volume of a trade item. Exact, in decimals.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

Dimension = Literal["mass", "length", "area", "volume"]


class _Unit(NamedTuple):
    dimension: Dimension
    factor: Decimal
    """Of the base: kg, m, m², m³."""


#: The first three digits of the identifier → what it measures, in the base.
_IDENTIFIERS: Final[Mapping[str, _Unit]] = {
    "310": _Unit("mass", Decimal(1)),
    "311": _Unit("length", Decimal(1)),
    "314": _Unit("area", Decimal(1)),
    "315": _Unit("volume", Decimal("0.001")),
    "316": _Unit("volume", Decimal(1)),
    "320": _Unit("mass", Decimal("0.45359237")),
    "321": _Unit("length", Decimal("0.0254")),
    "322": _Unit("length", Decimal("0.3048")),
    "323": _Unit("length", Decimal("0.9144")),
}
_NAMES: Final[tuple[tuple[Dimension, str, str], ...]] = (
    ("mass", "1000", "t to ton tons tonne tonnes mt tne 吨"),
    ("mass", "1", "kg kgs kgm kilogram kilograms 公斤 千克"),
    ("mass", "0.001", "g gr gram grams grm 克"),
    ("mass", "0.45359237", "lb lbs lbr 磅"),
    ("length", "1", "m mtr metre metres meter meters 米"),
    ("length", "1000", "km kmt 公里 千米"),
    ("length", "0.01", "cm cmt 厘米"),
    ("length", "0.001", "mm mmt 毫米"),
    ("length", "0.3048", "ft foot feet 英尺"),
    ("length", "0.0254", "in inch inches 英寸"),
    ("area", "1", "m2 m² sqm mtk 平方米 平米 ㎡"),
    ("volume", "1", "m3 m³ cbm mtq 立方米 方 ㎥"),
    ("volume", "0.001", "l ltr litre litres liter liters 升"),
)
#: How orders write units, without case and dots.
_UNITS: Final[Mapping[str, _Unit]] = {
    name: _Unit(dimension, Decimal(factor)) for dimension, factor, names in _NAMES for name in names.split()
}
_STEP: Final = Decimal("0.000001")


def measures(elements: Iterable[tuple[str, str]]) -> Mapping[Dimension, Decimal]:
    """What element strings say of mass, length, area and volume, in kg, m, m², m³; the first word of each counts."""
    found: dict[Dimension, Decimal] = {}
    for identifier, value in elements:
        unit = _IDENTIFIERS.get(identifier[:3]) if len(identifier) == 4 else None
        if unit is None or not (identifier[3].isdigit() and len(value) == 6 and value.isascii() and value.isdigit()):
            continue
        amount = Decimal(value).scaleb(-int(identifier[3])) * unit.factor
        if amount:
            found.setdefault(unit.dimension, amount)
    return found


def is_measure(unit: str) -> bool:
    """Whether an order's unit weighs or measures, so that no piece of it is one."""
    return unit.strip().rstrip(".").casefold() in _UNITS


def in_unit(told: Mapping[Dimension, Decimal], unit: str) -> Decimal | None:
    """A measure in an order's unit, to a millionth; `None`: that unit measures nothing that was told, or less than that."""
    known = _UNITS.get(unit.strip().rstrip(".").casefold())
    if known is None or known.dimension not in told:
        return None
    return (told[known.dimension] / known.factor).quantize(_STEP) or None
