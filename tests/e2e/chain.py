"""The product as an operator runs it: each part a process of its own, over real servers, in a folder of the test's own."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.servers import Mosquitto, Server, free_port, plumbline, wait_until

SITE = "chain"
GATEWAY = "gw-1"
#: The zones only give scans a place; the receiver may have been anywhere.
SITE_FILE = f"""
id = "{SITE}"
title_en = "Chain"
title_zh = "全链路"
timezone = "Europe/Berlin"
lat = 48.0
lon = 11.0

[[zones]]
id = "gate"
title_en = "Gate"
title_zh = "大门"
kind = "gate"
polygon = [[11.0, 48.0], [11.001, 48.0], [11.001, 48.001], [11.0, 48.001]]

[[devices]]
id = "camera"
title_en = "Gate camera"
title_zh = "大门相机"
kind = "camera"
zone = "gate"

[[devices]]
id = "truck-1"
title_en = "Truck 1"
title_zh = "1 号卡车"
kind = "machine"
"""


class Chain:
    """Broker, ingest, tracking and one gateway, started, killed and asked."""

    def __init__(self, folder: Path, *, series: str, database: str, smtp: str, receiver: str) -> None:
        self.folder = folder
        self.photos = folder / "photos"
        self.photos.mkdir()
        (folder / "sites").mkdir()
        (folder / "sites" / "chain.toml").write_text(SITE_FILE, encoding="utf-8")
        self.broker = Mosquitto(folder / "broker")
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}"
        self.database = database
        self._influx, _, self._influx_database = series.rpartition("/")
        self._environment = {
            "PLUMBLINE_BROKER": self.broker.url,
            "PLUMBLINE_DATABASE": database,
            "PLUMBLINE_SERIES": f"influx:{series}",
            "PLUMBLINE_SITES": str(folder / "sites"),
            "PLUMBLINE_SMTP": smtp,
            "PLUMBLINE_PORT": str(self.port),
        }
        (folder / "gateway.toml").write_text(self._gateway(receiver), encoding="utf-8")
        self.ingest = self._part("ingest", "run", "--worker", "one")
        self.tracking = self._part("tracking", "run", ready=self._tracking_ready)
        self.edge = self._part("edge", "run", "--config", str(folder / "gateway.toml"))

    def _gateway(self, receiver: str) -> str:
        return f"""
site = "{SITE}"
gateway = "{GATEWAY}"
data = "edge"

[server]
brokers = ["{self.broker.url}"]

[uplink]
resend_after_s = 2.0

[[reader]]
type = "camera"
name = "camera"
folder = "{self.photos}"
settle_s = 0.1
poll_s = 0.1
budget_ms = 10000

[[reader]]
type = "nmea"
name = "truck-1"
address = "{receiver}"
interval_s = 0.0
silence_s = 3600.0
"""

    def _part(self, *arguments: str, ready: Any = lambda: True) -> Server:
        log = self.folder / f"{arguments[0]}.log"
        return Server(plumbline(*arguments), log, ready, environment=self._environment)

    def _tracking_ready(self) -> bool:
        try:
            return httpx.get(f"{self.api}/ready", timeout=2).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Stop what still runs, in the order of the data's way."""
        for part in (self.edge, self.ingest, self.tracking, self.broker):
            part.stop()

    def ledger(self) -> list[dict[str, Any]]:
        """What `plumbline ledger --json` proves."""
        command = plumbline("ledger", "--json", "--database", self.database)
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | self._environment)
        return json.loads(done.stdout)

    def get(self, path: str) -> Any:
        """A JSON answer of the API."""
        answer = httpx.get(f"{self.api}{path}", timeout=120)
        answer.raise_for_status()
        return answer.json()

    def points(self, measurement: str, fields: str) -> list[dict[str, Any]]:
        """A measurement's points in InfluxDB, times in ns."""
        answer = httpx.post(
            f"{self._influx}/query",
            params={"db": self._influx_database, "epoch": "ns"},
            data={"q": f'SELECT {fields} FROM "{measurement}"'},
            timeout=120,
        )
        series = answer.raise_for_status().json()["results"][0].get("series", [])
        return [dict(zip(one["columns"], row, strict=True)) for one in series for row in one["values"]]

    def milestone(self) -> dict[str, Any]:
        """The chain's one milestone as the wall shows it."""
        orders = self.get(f"/api/wall?site={SITE}")["orders"]
        return orders[0]["milestones"][0] if orders else {"percent": None}

    def wait_for_percent(self, percent: float) -> None:
        """Wait until the milestone stands at `percent`."""
        wait_until(lambda: self.milestone()["percent"] == percent, f"the milestone to reach {percent} %")
