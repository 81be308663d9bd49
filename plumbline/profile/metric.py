"""One quantity that a device reports: its unit, where it stands, what is plausible, and how much of it is sent on."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from plumbline.units import convertible, known_units


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values gathered over a time and sent on as few: the windows lie end to end and begin with the first value."""

    every_s: Annotated[float, Meta(gt=0, le=86_400)]
    give: Annotated[tuple[Literal["mean", "min", "max", "last", "count"], ...], Meta(min_length=1, max_length=5)] = ("mean",)
    """What is sent of each window. The first has the metric's own name, the others get `_min`, `_max` … behind it."""


class Filter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a metric is sent on. What is declared here is applied in this order; nothing declared: every value."""

    window: Window | None = None
    min_interval_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    """At most one value in this time; what comes sooner is passed over."""
    on_change: bool = False
    """Only a value that differs from the last one sent (counters, switches, states)."""
    deadband: Annotated[float, Meta(gt=0)] | None = None
    """Only a value that differs from the last one sent by more than this, in the metric's unit."""
    at_least_every_s: Annotated[float, Meta(gt=0, le=86_400)] = 900.0
    """A value that `on_change` or `deadband` would hold back is sent all the same after this time: silence means trouble."""


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantity that a device reports."""

    unit: str
    """UCUM code of the unit in which it is sent on, for example `ug/m3`, `Cel`, `dB[A]`."""
    title_en: str
    title_zh: str
    path: str | None = None
    """Where it stands in the device's JSON, dots between levels; default: the metric's own name."""
    from_unit: str | None = None
    """UCUM code of what the device sends, where it is another: `[degF]`, `[psi]`, `kW`; converted after `scale` and `offset`."""
    scale: float = 1.0
    offset: float = 0.0
    minimum: float | None = None
    """Below this, after scaling, the value is not plausible and the reading is reported instead of sent."""
    maximum: float | None = None
    filter: Filter | None = None
    limit: float | None = None
    """What the law or the contract allows; above it the wall says so. Name the source in the profile's README."""

    def __post_init__(self) -> None:
        """Refuse a `from_unit` that cannot become `unit`."""
        if self.from_unit is not None and not convertible(self.from_unit, self.unit):
            known = ", ".join(known_units(self.unit))
            raise ValueError(f"from_unit: {self.from_unit!r} cannot become {self.unit!r}; known are {known}")
