"""From what a device sends to what is kept: scale, unit, and whether it can be true."""

import math

from plumbline.errors import PlumblineError
from plumbline.profile import Metric
from plumbline.units import convert


class ImplausibleError(PlumblineError):
    """A value cannot be true; the text says which and between what bounds it would be."""


def measured(metric: Metric, raw: float) -> float:
    """The value of `metric` in its unit. Raises `ImplausibleError` where it is outside what the metric declares, or not finite."""
    value = raw * metric.scale + metric.offset
    if metric.from_unit is not None:
        value = convert(value, metric.from_unit, metric.unit)
    low, high = metric.minimum, metric.maximum
    if not math.isfinite(value) or (low is not None and value < low) or (high is not None and value > high):
        told = f"{value:g} {metric.unit}".removesuffix(" 1")  # 1 is UCUM's word for no unit
        raise ImplausibleError(f"{told} is not plausible ({_bound(low)} to {_bound(high)}); not sent, check the sensor")
    return value


def _bound(limit: float | None) -> str:
    return "any" if limit is None else f"{limit:g}"
