"""The settings of the dialect, and what they say of one device: its name here and its kind."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Final

from msgspec import Meta, Struct

from plumbline.dialects.lorawan import loose
from plumbline.dialects.lorawan.message import Message
from plumbline.dialects.lorawan.servers import Server
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.ids import is_name

_Patterns = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=128)], ...], Meta(max_length=1024)]
_EUI_DIGITS: Final = frozenset("0123456789abcdef*?")


class Kind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices are of a kind. All that is given must hold; nothing given: every device. `*` and `?` as in file names."""

    profile: Name
    """The device profile (`firmware_configs/<id>/`), which says how the payload is decoded."""
    euis: _Patterns = ()
    """DevEUIs: `24e124136b324010`, or `24e124136*` for all that begin so."""
    devices: _Patterns = ()
    """The devices' names at the network server, or here."""
    types: _Patterns = ()
    """What the network server calls the kind of device: ChirpStack's device profile, the model at The Things Stack and ThingPark."""
    applications: _Patterns = ()
    """The network server's applications."""

    def fits(self, message: Message, device: str) -> bool:
        """Whether a message is of a device of this kind."""
        return (
            _any(self.euis, (message.eui or "",), plain=True)
            and _any(self.devices, (message.name or "", device))
            and _any(self.types, message.types)
            and _any(self.applications, (message.application or "",))
        )


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The uplinks of a LoRaWAN network server that publishes on the broker."""

    server: Server = "auto"
    """`chirpstack` (v4, v3, and gateways with such a server built in), `things_stack`, `loriot`, `thingpark`, or `auto`: whichever
    it is by the shape of its messages."""
    topics: Annotated[tuple[str, ...], Meta(min_length=1, max_length=32)] = (
        "application/+/device/+/event/+",
        "v3/+/devices/+/up",
        "v3/+/devices/+/join",
        "v3/+/devices/+/location/solved",
    )
    """Where its messages are published. Default: where ChirpStack and The Things Stack publish; LORIOT and ThingPark publish where
    their owner told them to."""
    names: Annotated[dict[str, Name], Meta(max_length=4096)] = {}
    """DevEUI (or the device's id at The Things Stack, where it has none) → its name here. A device that is not listed has its name
    at the network server, where that is a valid one, else `eui-` and its DevEUI."""
    profile: Name | None = None
    """The profile of every device that no kind fits."""
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=256)] = ()
    """Which device is of which kind; the first that fits counts."""


def _any(patterns: tuple[str, ...], told: tuple[str, ...], *, plain: bool = False) -> bool:
    if not patterns:
        return True
    return any(
        fnmatchcase(one.lower(), _plain(pattern) if plain else pattern.lower()) for pattern in patterns for one in told if one
    )


def _plain(text: str) -> str:
    """An EUI (or a pattern of one) as `loose.eui` writes it."""
    return text.strip().lower().removeprefix("eui-").replace("-", "").replace(":", "").replace(" ", "")


def known_names(names: Mapping[str, str]) -> dict[str, str]:
    """The table of names, with EUIs as we write them. Raises `SettingsError`."""
    known: dict[str, str] = {}
    for told, name in names.items():
        eui = loose.eui(told)
        plain = _plain(told)
        if eui is None and len(plain) >= 12 and set(plain) <= _EUI_DIGITS - {"*", "?"}:
            raise SettingsError(f"names: '{told}' has {len(plain)} hexadecimal digits, a DevEUI has 16; correct it")
        key = eui or told
        if key in known:
            raise SettingsError(f"names: '{told}' stands there twice; keep one")
        if name in known.values():
            raise SettingsError(f"names: two devices are called '{name}'; give each its own name")
        known[key] = name
    return known


def check_kinds(kinds: tuple[Kind, ...]) -> None:
    """Raises `SettingsError` for an EUI that no device can have."""
    for i, kind in enumerate(kinds):
        for pattern in kind.euis:
            plain = _plain(pattern)
            wild = set(plain) & {"*", "?"}
            if not set(plain) <= _EUI_DIGITS or (not wild and len(plain) != 16) or len(plain.replace("*", "")) > 16:
                raise SettingsError(
                    f"kinds[{i}].euis: '{pattern}' is no DevEUI of 16 hexadecimal digits; write '24e124136*' for all that begin so"
                )


def default_name(message: Message) -> str | None:
    """What a device is called that has no name in the table: as at the network server, else by its EUI."""
    if message.name is not None and is_name(message.name):
        return message.name
    return eui_name(message)


def eui_name(message: Message) -> str | None:
    """`eui-` and its DevEUI."""
    return None if message.eui is None else f"eui-{message.eui}"
