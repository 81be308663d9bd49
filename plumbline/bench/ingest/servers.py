"""Mosquitto and InfluxDB of the benchmark's own: free loopback ports, a folder each, stopped by process id."""

import contextlib
import shutil
from pathlib import Path
from typing import Any, Final

import httpx

from plumbline.bench.ingest.load import COUNTED, MEASUREMENT
from plumbline.bench.processes import Program, listens
from plumbline.broker import find_mosquitto, free_port
from plumbline.errors import PlumblineError

#: As deploy/mosquitto/mosquitto.conf has it, but for the queue: the whole backlog waits in it.
_MOSQUITTO: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 30
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 100
set_tcp_nodelay true
log_type error
log_type warning
"""
#: As Debian has it, but for the folders and for what it says and keeps of itself.
_INFLUXDB: Final = """\
reporting-disabled = true
bind-address = "127.0.0.1:{own_port}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[monitor]
store-enabled = false
[logging]
level = "warn"
"""


class Broker(Program):
    """Mosquitto."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.port: Final = free_port()
        self.url: Final = f"mqtt://127.0.0.1:{self.port}"
        program = find_mosquitto()
        if program is None:
            raise PlumblineError("bench: mosquitto is not installed; as root: apt-get install mosquitto")
        settings = folder / "mosquitto.conf"
        as_root = "user root\n" if folder.owner() == "root" else ""  # else it drops to a user that may not write the folder
        settings.write_text(_MOSQUITTO.format(port=self.port, folder=folder) + as_root, encoding="utf-8")
        super().__init__("mosquitto", (program, "-c", str(settings)), log=folder / "mosquitto.log", ready=self._listens)

    async def _listens(self) -> bool:
        return await listens(self.port)


class Influx(Program):
    """InfluxDB 1.6.7."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.port: Final = free_port()
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False)
        settings = folder / "influxdb.conf"
        text = _INFLUXDB.format(port=self.port, own_port=free_port(), folder=folder)
        settings.write_text(text, encoding="utf-8")
        program = shutil.which("influxd")
        if program is None:
            raise PlumblineError("bench: influxd is not installed; as root: apt-get install influxdb")
        command = (program, "run", "-config", str(settings))
        super().__init__("influxd", command, log=folder / "influxdb.log", ready=self._pings)

    async def aclose(self) -> None:
        """Let our own connections to it go."""
        await self._client.aclose()

    async def create(self, database: str) -> None:
        """Make an empty database."""
        await self._query(f'CREATE DATABASE "{database}"')

    async def drop(self, database: str) -> None:
        """Let a database go, so that it costs nothing beside the next measurement."""
        await self._query(f'DROP DATABASE "{database}"')

    async def count(self, database: str) -> int:
        """How many points of the load are in a database."""
        result = await self._query(f'SELECT COUNT("{COUNTED}") FROM "{MEASUREMENT}"', database)  # noqa: S608 - both ours
        series = result.get("series")
        return int(series[0]["values"][0][1]) if series else 0

    async def accepted(self) -> int:
        """How many points it has taken since its start, each time they came: a counter of its own, which costs no query."""
        answer = await self._client.get("/debug/vars")
        answer.raise_for_status()
        told: dict[str, dict[str, Any]] = answer.json()
        return sum(int(one["values"]["pointsWrittenOK"]) for name, one in told.items() if name.startswith("httpd"))

    async def _query(self, influxql: str, database: str = "") -> dict[str, Any]:
        answer = await self._client.post("/query", params={"db": database, "epoch": "ns"}, data={"q": influxql})
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()["results"][0]
        if error := result.get("error"):
            raise PlumblineError(f"bench: InfluxDB refused '{influxql}': {error}")
        return result

    async def _pings(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return (await self._client.get("/ping", timeout=2)).status_code == 204
        return False
