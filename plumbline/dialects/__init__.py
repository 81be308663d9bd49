"""Dialects: what devices that publish on an MQTT broker say, and how it becomes events. Pure: no connection, no clock.

    topic, payload ── Dialect.read ──► Said (device, event without header, the device's own time), or Trouble

The edge agent's MQTT reader and ingest (for devices that publish straight to the site's broker) read with this one piece
of code. A new dialect is a module here with `Settings` and `build` (see `DialectModule`), and a line in `DIALECTS`.
"""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, Final, cast

from plumbline import settings
from plumbline.dialects.said import Announced, Dialect, DialectModule, Patient, Said, Slow, Trouble
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile

__all__ = ["DIALECTS", "Announced", "Dialect", "DialectModule", "Patient", "Said", "Slow", "Trouble", "make"]

#: Name in a configuration → module; imported when a configuration names it.
DIALECTS: Final[Mapping[str, str]] = {
    "declared": "plumbline.dialects.declared",
    "lorawan": "plumbline.dialects.lorawan",
    "esphome": "plumbline.dialects.esphome",
    "owntracks": "plumbline.dialects.owntracks",
    "sparkplug": "plumbline.dialects.sparkplug",
    "tasmota": "plumbline.dialects.tasmota",
    "zigbee2mqtt": "plumbline.dialects.zigbee2mqtt",
}


def make(table: Mapping[str, Any], profiles: Mapping[str, DeviceProfile], where: str) -> Dialect:
    """The dialect that a table of a configuration describes: its key `dialect` (default `declared`) and that one's `Settings`.

    Raises `SettingsError` that begins with `where` and names the key.
    """
    rest = dict(table)
    name = rest.pop("dialect", "declared")
    if not isinstance(name, str) or name not in DIALECTS:
        near = difflib.get_close_matches(name, DIALECTS, n=1) if isinstance(name, str) else []
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise SettingsError(f"{where}: dialect: there is no dialect {name!r}; {hint}known are {', '.join(DIALECTS)}")
    module = cast("DialectModule", importlib.import_module(DIALECTS[name]))
    own = settings.convert(rest, module.Settings, where)
    try:
        return module.build(own, profiles)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
