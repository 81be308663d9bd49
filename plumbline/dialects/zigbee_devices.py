"""What Zigbee2MQTT announces: its devices, the units they speak in (`exposes`), and its groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from plumbline.dialects.document import FieldError

_MOST_DEVICES: Final = 2000
_MOST_PROPERTIES: Final = 256


class _Expose(Struct):
    property: str | None = None
    unit: str | None = None
    category: str | None = None
    features: list["_Expose"] = []


class _Definition(Struct):
    exposes: list[_Expose] = []


class _Device(Struct):
    friendly_name: str
    ieee_address: str = ""
    type: str = ""
    definition: _Definition | None = None


class _Nameless(Struct):
    friendly_name: str


@dataclass(frozen=True, slots=True)
class Announced:
    """One device of the bridge."""

    address: str
    units: Mapping[str, str]
    """Property → unit as Zigbee2MQTT writes it."""
    settings: frozenset[str]
    """Properties that say how the device is set, not what it measures."""


def announced(payload: bytes) -> dict[str, Announced]:
    """Devices by friendly name, out of `bridge/devices`. Raises `FieldError` where it is no list of them."""
    devices: dict[str, Announced] = {}
    for raw in _listed(payload):
        try:
            one = msgspec.json.decode(raw, type=_Device)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
            continue  # one that we do not understand is a device whose units we do not know
        if one.type != "Coordinator" and len(devices) < _MOST_DEVICES:
            exposes = list(_flat(one.definition.exposes if one.definition else []))[:_MOST_PROPERTIES]
            devices[one.friendly_name] = Announced(
                address=one.ieee_address,
                units={expose.property: expose.unit for expose in exposes if expose.property and expose.unit},
                settings=frozenset(expose.property for expose in exposes if expose.property and expose.category == "config"),
            )
    return devices


def group_names(payload: bytes) -> frozenset[str]:
    """The friendly names out of `bridge/groups`. Raises `FieldError` where it is no list of them."""
    names: set[str] = set()
    for raw in _listed(payload):
        try:
            names.add(msgspec.json.decode(raw, type=_Nameless).friendly_name)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            continue
    return frozenset(names)


def _listed(payload: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(payload, type=list[msgspec.Raw])[:_MOST_DEVICES]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise FieldError(f"is not the list that Zigbee2MQTT announces: {error}") from None


def _flat(exposes: list[_Expose], depth: int = 4) -> Iterator[_Expose]:
    for expose in exposes:
        yield expose
        if depth:
            yield from _flat(expose.features, depth - 1)
