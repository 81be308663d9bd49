"""The readers, by the `type` that a configuration names. A new one is a folder here and a line in `READERS`.

Each module has `Settings` (a msgspec Struct that forbids unknown fields; `type` and `name` are taken off before) and
`build(name: str, settings: Settings, context: Context) -> Reader`. It is imported only when a configuration names it,
so that a gateway without cameras needs no OpenCV.
"""

from collections.abc import Mapping
from typing import Final

READERS: Final[Mapping[str, str]] = {
    "serial_scanner": "edge_agent.readers.serial_scanner",
    "nmea": "edge_agent.readers.nmea",
    "gpsd": "edge_agent.readers.gpsd",
    "line": "edge_agent.readers.line",
    "mqtt": "edge_agent.readers.mqtt",
    "camera": "edge_agent.readers.camera",
    "modbus": "edge_agent.readers.modbus",
    "wedge_scanner": "edge_agent.readers.wedge_scanner",
}
