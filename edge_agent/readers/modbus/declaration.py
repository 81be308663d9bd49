"""What was declared about one slave: profile and configuration put together, and checked."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from edge_agent.modbus import Limits, Point, place_of, point_of
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.profile import DeviceProfile, Identity, Metric, ModbusShape, ModbusState, Register


class SlaveSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One slave: by a profile, by what is declared here, or by both (what stands here wins)."""

    device: Name
    """Its name in events."""
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    """Its unit number (slave address); 1 to 247 on a serial bus."""
    profile: Name | None = None
    """Device profile that says which register holds what."""
    every_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    """How often it is read, instead of the profile's period (10 s without one)."""
    only: tuple[Name, ...] | None = None
    """The profile's metrics that are read, where not all are wanted."""
    measurement: Name | None = None
    """Name of the series that its readings belong to, instead of the profile's."""
    metrics: dict[Name, Metric] = {}
    """More metrics, or others than the profile's."""
    registers: dict[Name, Register] = {}
    """Metric → where it stands: `{ address = 0, table = "input", type = "float32", order = "CDAB" }`."""
    state: ModbusState | None = None
    """How the machine's state is read, instead of the profile's way."""
    identity: Identity | None = None
    """A register that says what the device is, instead of the profile's."""
    table: Literal["coil", "discrete", "input", "holding"] | None = None
    """Table of the registers declared here that do not name one, instead of the profile's (`holding` without one)."""
    order: Literal["ABCD", "BADC", "CDAB", "DCBA"] | None = None
    """Byte order of the registers declared here that do not name one, instead of the profile's (`ABCD` without one)."""
    max_registers: Annotated[int, Meta(ge=1, le=125)] | None = None
    """As many as the slave gives in one answer, instead of the profile's (125 without one)."""
    gap: Annotated[int, Meta(ge=0, le=124)] | None = None
    """Unwanted registers read along where that saves a request, instead of the profile's (8 without one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePoints:
    """Where a machine's state is read."""

    shape: ModbusState
    register: Point | None
    rules: tuple[Point | None, ...]
    code: Point | None


@dataclass(frozen=True, slots=True)
class Group:
    """What is read together, and how often."""

    every_s: float
    metrics: tuple[str, ...]
    state: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One slave."""

    device: str
    unit: int
    measurement: str
    metrics: Mapping[str, Metric]
    points: Mapping[str, Point]
    groups: tuple[Group, ...]
    limits: Limits
    state: StatePoints | None
    identity: tuple[Point, tuple[str, ...]] | None

    def needs(self, group: Group) -> set[Point]:
        """Every place that must be read for `group`."""
        wanted = [self.points[name] for name in group.metrics]
        if group.state and self.state is not None:
            wanted += [self.points[rule.metric] for rule in self.state.shape.rules if rule.metric is not None]
            wanted += [point for point in (self.state.register, self.state.code, *self.state.rules) if point is not None]
        return {place for point in wanted for place in point.needs}


def declaration_of(where: str, settings: SlaveSettings, profiles: Mapping[str, DeviceProfile]) -> Declaration:
    """Put profile and settings together. Raises `SettingsError` naming the key; `where` is the slave's place in the file."""
    profile = None if settings.profile is None else _profile(where, settings.profile, profiles)
    shape, own = _shapes(settings, profile)
    measurement = settings.measurement or (profile.measurement if profile else None)
    registers = _registers(where, settings, shape)
    metrics = {**(profile.metrics if profile else {}), **settings.metrics}
    for name in [*settings.metrics, *registers]:
        if name not in registers:
            raise SettingsError(f"{where}.metrics.{name}: no register is declared for it; add registers.{name}")
        if name not in metrics:
            raise SettingsError(f"{where}.registers.{name}: its metric is missing; add metrics.{name} with unit and titles")
        if registers[name].type == "string":
            raise SettingsError(f"{where}.registers.{name}.type: a string is no value to measure; only identity may be one")
    if registers and measurement is None:
        raise SettingsError(f"{where}.measurement: is missing although metrics are declared; name the series they belong to")
    if not registers and shape.state is None:
        raise SettingsError(
            f"{where}: says nothing to read; name a profile for Modbus, or declare metrics and registers, or state"
        )
    identity = shape.identity
    declaration = Declaration(
        device=settings.device,
        unit=settings.unit,
        measurement=measurement or "",
        metrics={name: metrics[name] for name in registers},
        points={name: point_of(one, own if name in settings.registers else shape) for name, one in registers.items()},
        groups=_groups(registers, shape),
        limits=Limits.of(shape),
        state=None if shape.state is None else _state(where, own if settings.state else shape, registers),
        identity=None
        if identity is None
        else (point_of(identity.register, own if settings.identity else shape), identity.expect),
    )
    _check_places(where, declaration)
    return declaration


def _profile(where: str, name: str, profiles: Mapping[str, DeviceProfile]) -> DeviceProfile:
    profile = profiles.get(name)
    if profile is None:
        near = difflib.get_close_matches(name, profiles, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "see firmware_configs/ for those there are"
        raise SettingsError(f"{where}.profile: there is no device profile '{name}'; {hint}")
    if profile.modbus is None:
        known = ", ".join(sorted(one.id for one in profiles.values() if one.modbus)) or "none"
        raise SettingsError(f"{where}.profile: '{name}' is no Modbus device; those with registers are: {known}")
    return profile


def _shapes(settings: SlaveSettings, profile: DeviceProfile | None) -> tuple[ModbusShape, ModbusShape]:
    """The shape for what the profile declares, and the one for what the settings declare: defaults do not reach across."""
    shape = (profile.modbus if profile else None) or ModbusShape()
    keys = ("every_s", "state", "identity", "max_registers", "gap")
    shape = structs.replace(shape, **{key: value for key in keys if (value := getattr(settings, key)) is not None})
    own = {key: value for key in ("table", "order") if (value := getattr(settings, key)) is not None}
    return shape, structs.replace(shape, **own)


def _registers(where: str, settings: SlaveSettings, shape: ModbusShape) -> dict[str, Register]:
    registers = {**shape.registers, **settings.registers}
    if settings.only is None:
        return registers
    for i, name in enumerate(settings.only):
        if name not in registers:
            near = difflib.get_close_matches(name, registers, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(registers)}"
            raise SettingsError(f"{where}.only[{i}]: there is no metric '{name}'; {hint}")
    return {name: registers[name] for name in registers if name in {*settings.only, *settings.registers}}


def _groups(registers: Mapping[str, Register], shape: ModbusShape) -> tuple[Group, ...]:
    periods: dict[float, list[str]] = {}
    for name, register in registers.items():
        periods.setdefault(register.every_s or shape.every_s, []).append(name)
    state_s = None if shape.state is None else shape.state.every_s or shape.every_s
    if state_s is not None:
        periods.setdefault(state_s, [])
    return tuple(Group(period, tuple(names), period == state_s) for period, names in sorted(periods.items()))


def _state(where: str, shape: ModbusShape, registers: Mapping[str, Register]) -> StatePoints:
    state = shape.state
    assert state is not None
    for i, rule in enumerate(state.rules):
        if rule.metric is not None and rule.metric not in registers:
            raise SettingsError(
                f"{where}.state.rules[{i}].metric: '{rule.metric}' is not read from this slave; declare its register"
            )
        if rule.register is not None and rule.register.type == "string":
            raise SettingsError(f"{where}.state.rules[{i}].register.type: a string cannot be compared; name a number")
    return StatePoints(
        shape=state,
        register=None if state.register is None else point_of(state.register, shape),
        rules=tuple(None if rule.register is None else point_of(rule.register, shape) for rule in state.rules),
        code=None if state.code is None else point_of(state.code, shape),
    )


def _check_places(where: str, declaration: Declaration) -> None:
    """Refuse what could never be read in one piece."""
    limits = declaration.limits
    places = {point: f"registers.{name}" for name, point in declaration.points.items()}
    if declaration.identity is not None:
        places[declaration.identity[0]] = "identity.register"
    wanted = {place for group in declaration.groups for place in declaration.needs(group)} | set(places)
    for point in sorted(wanted, key=lambda point: point.address):
        key = places.get(point, "registers")
        place = place_of(point.table, point.address, point.count)
        if point.table in {"coil", "discrete"} and point.type not in {"bit", "uint16"}:
            raise SettingsError(f"{where}.{key}.type: {place} holds bits, not a {point.type}; correct type or table")
        if point.table in {"coil", "discrete"} and (point.bits is not None or point.count > 16):
            raise SettingsError(f"{where}.{key}: {place} is bits already; leave out bit and bits, length takes up to 16")
        if point.count > limits.most(point.table):
            raise SettingsError(
                f"{where}.{key}: {place} is more than max_registers = {limits.registers} gives at once; raise it"
            )
        if limits.in_hole(point.table, point.address, point.end):
            raise SettingsError(f"{where}.{key}: {place} lies in a hole that must not be read; correct holes or the address")
