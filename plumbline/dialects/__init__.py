"""Dialects: what devices that publish on an MQTT broker say, and how it becomes events. Pure: no connection, no clock.

    topic, payload ── Dialect.read ──► Said (device, event without header, the device's own time), or Trouble

The edge agent's MQTT reader and ingest (for devices that publish straight to the site's broker) read with this one piece
of code. A new dialect is a module here with `Settings` and `build`, and a line in `DIALECTS`.
"""

from collections.abc import Mapping
from typing import Final

from plumbline.dialects.said import Dialect, Said, Trouble

__all__ = ["DIALECTS", "Dialect", "Said", "Trouble"]

#: Name in a configuration → module; imported when a configuration names it.
DIALECTS: Final[Mapping[str, str]] = {}
