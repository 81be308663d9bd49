"""Devices whose words we know: from the values of a message to readings and a state, as table and configuration say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from msgspec import Struct, structs

from plumbline.dialects.document import FieldError, Json, shown
from plumbline.dialects.mapping import state_of
from plumbline.dialects.memory import Memory
from plumbline.dialects.naming import Namer, metric_name
from plumbline.dialects.quantities import QUANTITIES
from plumbline.dialects.said import Said, Trouble
from plumbline.event import Event, Name, Reading
from plumbline.measure import ImplausibleError, measured
from plumbline.profile import Metric, StateFields
from plumbline.units import convertible

#: What one `Reading` holds at most (see `plumbline.event.Reading`).
_MOST: Final = 64
#: In place of a sensor's name where a device has more than one.
_SEVERAL: Final = "\0"
_TRUTH: Final = {
    "on": 1,
    "off": 0,
    "true": 1,
    "false": 0,
    "open": 1,
    "closed": 0,
    "yes": 1,
    "no": 0,
    "locked": 1,
    "unlocked": 0,
}


class Own(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is declared about one device."""

    measurement: Name | None = None
    """The series of all its readings."""
    metrics: dict[Name, Metric] = {}
    """As for the family; what stands here wins."""
    state: StateFields | None = None
    """The device's value that is a machine's state, and what its words mean."""
    ignore: tuple[str, ...] = ()
    """Keys that are passed over without a report."""


class FamilySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every family of known devices lets a configuration say."""

    names: dict[str, Name] = {}
    """What a device calls itself → its name: `"0x00158d0001abcd" = "noise-3"`."""
    measurement: Name | None = None
    """The series of all readings, instead of the one that each quantity belongs to."""
    metrics: dict[Name, Metric] = {}
    """What the built-in table does not know (`path`: the device's own key), or knows otherwise (bounds, unit, filter)."""
    ignore: tuple[str, ...] = ()
    """Keys that are passed over without a report."""
    own: dict[Name, Own] = {}
    """By device: `own.pump-3 = { measurement = "equipment", state = { state = "POWER", words = { ON = "working" } } }`."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a message."""

    key: str
    """What the device calls it; where values are nested, with dots between."""
    raw: Json
    quantity: str | None = None
    """Its entry in `QUANTITIES`; `None`: not known."""
    unit: str | None = None
    """UCUM code of what the device sends, where it is known; else the quantity's own."""
    channel: str = ""
    """Tells it from others of its sort in the device: always part of the metric's name."""
    sensor: str = ""
    """Tells it from others of its sort in the message: part of the name where there are several."""
    scale: float = 1.0
    name: str | None = None
    """The metric's name where it is not made of quantity, channel and sensor."""
    metric: Metric | None = None
    """What the device itself announced about a value of no quantity."""
    beside: bool = False
    """Said beside the measurements: passed over without a report, unless it is declared."""


class Family:
    """Makes events of values for one configured family.

    Args:
        settings: what is declared.
        measurement: the series of declared metrics that no quantity knows.
    """

    def __init__(self, settings: FamilySettings, measurement: str = "equipment") -> None:
        self.namer = Namer(settings.names)
        self._settings = settings
        self._measurement = measurement
        self._reported: Memory[tuple[str, str], bool] = Memory()
        self._sensors: Memory[tuple[str, str], str] = Memory()
        self._owners: Memory[tuple[str, str], str] = Memory()
        self._known: Memory[tuple[str, str | None], Metric | str] = Memory(1024)

    def named(self, told: str, *aliases: str) -> Iterator[Trouble]:
        """What to remark about a device's name, the first time."""
        name = self.namer.name(told, *aliases)
        if remark := self.namer.remark(told, name):
            yield Trouble(name, remark, lost=False)

    def read(self, device: str, values: Sequence[Value], at_ns: int | None = None) -> Iterator[Said | Trouble]:
        """Readings, one for each series, and the state; what cannot be used as `Trouble`."""
        own = self._settings.own.get(device) or Own()
        if own.state is not None:
            yield from self._state(device, own.state, values, at_ns)
        declared = {**self._settings.metrics, **own.metrics}
        by_path = {metric.path: name for name, metric in declared.items() if metric.path is not None}
        ignored = {*own.ignore, *self._settings.ignore, own.state.state if own.state else ""} - by_path.keys()
        self._count(device, values)
        claimed = {by_path[value.key]: value.key for value in values if value.key in by_path}
        series: dict[str, dict[str, float]] = {}
        metrics: dict[str, Metric] = {}
        for value in values:
            if value.raw is None or value.key in ignored:
                continue  # null is how a device says that it does not know
            name = by_path.get(value.key) or self._name(device, value)
            if value.beside and name not in declared:
                continue
            if claimed.setdefault(name, value.key) != value.key or (name not in declared and self._taken(device, name, value)):
                what = f"{shown(value.key)} would be named {name} as another value is; name it under 'metrics'"
                yield from self._once(device, value.key, what)
                continue
            found = self._measured(device, value, declared.get(name))
            if isinstance(found, Trouble):
                yield found
            elif found is not None:
                quantity = QUANTITIES.get(value.quantity or "")
                usual = quantity.measurement if quantity else self._measurement
                series.setdefault(own.measurement or self._settings.measurement or usual, {})[name] = found[1]
                metrics[name] = found[0]
        for measurement, numbers in series.items():
            rows = list(numbers.items())
            for i in range(0, len(rows), _MOST):
                event: partial[Event] = partial(Reading, measurement=measurement, values=dict(rows[i : i + _MOST]))
                yield Said(device, event, at_ns, metrics)

    def _measured(self, device: str, value: Value, declared: Metric | None) -> tuple[Metric, float] | Trouble | None:
        """The value in its unit; what is wrong with it; or nothing, where that was said before."""
        metric = declared or self._built_in(value)
        if isinstance(metric, str):
            return next(self._once(device, value.key, metric), None)
        try:
            return metric, measured(metric, _number(value) * (1.0 if declared else value.scale))
        except (FieldError, ImplausibleError) as error:
            return Trouble(device, f"{value.key}: {error}")

    def _state(self, device: str, fields: StateFields, values: Sequence[Value], at_ns: int | None) -> Iterator[Said | Trouble]:
        document: dict[str, Json] = {value.key: value.raw for value in values}
        if document.get(fields.state) is None:
            return
        try:
            yield Said(device, state_of(fields, document), at_ns)
        except FieldError as error:
            yield Trouble(device, str(error))

    def _count(self, device: str, values: Sequence[Value]) -> None:
        """Find out of what a device has several: from then on their names say which."""
        for value in values:
            if value.quantity is None or value.raw is None:
                continue
            key = device, f"{value.quantity}/{value.channel}"
            known = self._sensors.get(key)
            if known is None:
                self._sensors.put(key, value.sensor)
            elif known not in {value.sensor, _SEVERAL}:
                self._sensors.put(key, _SEVERAL)

    def _once(self, device: str, key: str, what: str) -> Iterator[Trouble]:
        if self._reported.first((device, key), True):
            yield Trouble(device, what, lost=False)

    def _taken(self, device: str, name: str, value: Value) -> bool:
        """Whether a name that was made of the device's own key is already that of another key."""
        if value.name is None:
            return False
        owner = self._owners.get((device, name))
        if owner is None:
            self._owners.put((device, name), value.key)
        return owner not in {None, value.key}

    def _name(self, device: str, value: Value) -> str:
        if value.name is not None:
            return value.name
        if value.quantity is None:
            return metric_name(value.key)
        several = self._sensors.get((device, f"{value.quantity}/{value.channel}")) == _SEVERAL
        parts = (value.quantity, value.channel, value.sensor if several else "")
        return metric_name("_".join(part for part in parts if part))

    def _built_in(self, value: Value) -> Metric | str:
        """The metric of a known quantity, or what to declare."""
        if value.metric is not None:
            return value.metric
        if value.quantity is None:
            example = f"metrics.{metric_name(value.key)} with path = {shown(value.key)}"
            return f"not declared: {shown(value.key)} ({shown(value.raw)}); add {example}, or list it under 'ignore'"
        key = value.quantity, value.unit
        known = self._known.get(key)
        if known is None:
            metric = QUANTITIES[value.quantity].metric
            if value.unit is None or value.unit == metric.unit:
                known = metric
            elif convertible(value.unit, metric.unit):
                known = structs.replace(metric, from_unit=value.unit)
            else:
                known = f"{value.key}: {value.unit} cannot become {metric.unit}; declare it under 'metrics' with its own unit"
            self._known.put(key, known)
        return known


def _number(value: Value) -> float:
    """The number of a value: truth values are 0 and 1, and so are the usual words for them."""
    raw = value.raw
    if isinstance(raw, bool):
        return float(raw)
    if isinstance(raw, int | float):
        try:
            return float(raw)
        except OverflowError:
            raise FieldError(f"{shown(raw)} is beyond any measurement") from None
    if isinstance(raw, str) and (truth := _TRUTH.get(raw.strip().lower())) is not None:
        return float(truth)
    raise FieldError(f"{shown(raw)} is not a number")


def is_truth(word: str) -> bool:
    """Whether a word is one of those that mean yes or no."""
    return word.strip().lower() in _TRUTH


def flat(document: Mapping[str, Json], parent: str = "", depth: int = 4) -> Iterator[tuple[str, str, Json]]:
    """Each value in nested objects: the keys above it with dots between, its own key, itself; lists stay whole."""
    for key, value in document.items():
        if isinstance(value, dict) and depth > 0:
            yield from flat(value, f"{parent}.{key}" if parent else key, depth - 1)
        else:
            yield parent, key, value
