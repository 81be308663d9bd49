"""The demo's two gateways: a configuration file each, and the agent that runs it in a process of its own."""

import contextlib
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plumbline import child
from plumbline.broker import free_port, is_free
from plumbline.mqtt import Version

GATE: Final = "gw-gate"
YARD: Final = "gw-yard"


#: Where the gateways' own pages are, where nobody else is there.
_PAGES: Final = {GATE: 8090, YARD: 8091}


def page_ports() -> Mapping[str, int]:
    """A port for each gateway's page: the usual one where it is free."""
    return {gateway: port if is_free(port) else free_port() for gateway, port in _PAGES.items()}


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What a gateway's configuration needs to know of its surroundings."""

    site: str
    folder: Path
    """Where configurations, pseudo-terminals, pictures and the agents' data lie."""
    server: str
    """The office's broker as the gateway reaches it."""
    local: str
    """The gateway's own broker, where its devices publish."""
    version: Version
    page: int
    """Port of the gateway's own page."""

    def config(self, gateway: str) -> str:
        """The TOML text of a gateway's configuration."""
        readers = {GATE: self._gate, YARD: self._yard}[gateway]()
        return f"""\
site = "{self.site}"
gateway = "{gateway}"
data = "{gateway}"

[server]
brokers = ["{self.server}"]
version = "{self.version}"

[health]
every_s = 5.0

[page]
listen = "127.0.0.1:{self.page}"
{readers}"""

    def _gate(self) -> str:
        return f"""
[[reader]]
type = "serial_scanner"
name = "gate-scanner"
port = "{self.folder}/tty-gate-scanner"
profile = "serial-scanner"

[[reader]]
type = "camera"
name = "gate-camera"
folder = "{self.folder}/gate-camera"

[[reader]]
type = "mqtt"
name = "gate-broker"
client_id = "{GATE}-devices"
broker = "{self.local}"
version = "{self.version}"

[[reader.devices]]
profile = "badge-reader"
topic = "devices/gate-badge/badge"

[[reader.devices]]
profile = "esphome-environment"
topic = "devices/dust-gate/environment"
"""

    def _yard(self) -> str:
        return f"""
[[reader]]
type = "serial_scanner"
name = "yard-scanner"
port = "{self.folder}/tty-yard-scanner"
profile = "serial-scanner"

[[reader]]
type = "nmea"
name = "excavator-1"
port = "{self.folder}/tty-excavator-1"
profile = "u-blox-neo-m8"

[[reader]]
type = "mqtt"
name = "yard-broker"
client_id = "{YARD}-devices"
broker = "{self.local}"
version = "{self.version}"

[[reader.devices]]
profile = "crane-telemetry"

[[reader.devices]]
profile = "phone-tracker"

[[reader.devices]]
profile = "esphome-environment"
topic = "devices/dust-towers/environment"
"""


@contextlib.asynccontextmanager
async def agent(gateway: str, wiring: Wiring) -> AsyncGenerator[None]:
    """Write the gateway's configuration and keep its agent running for the length of the block; its log is beside it."""
    path = wiring.folder / f"{gateway}.toml"
    path.write_text(wiring.config(gateway), encoding="utf-8")
    command = (sys.executable, "-m", "plumbline", "edge", "run", "--config", str(path))
    async with child.kept(*command, log=wiring.folder / f"{gateway}.log", name=gateway):
        yield
