"""Who takes the messages: ingest, Node-RED, a naive Python program. How each is started, and how it is seen to listen."""

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any, Final, Protocol

from plumbline.bench.ingest.peers import Installed
from plumbline.bench.processes import Program
from plumbline.broker import free_port

#: What the peers gather into one write; InfluxDB likes 5,000 lines best.
_POINTS_A_WRITE: Final = 5_000
#: How many events a ledger has received.
RECEIVED: Final = "SELECT COALESCE(SUM(received), 0) FROM ledger_stream"


class Consumer(Protocol):
    """A program that subscribes with a session that outlives it, and writes what it gets into InfluxDB."""

    def __call__(self, folder: Path, *, broker_port: int, influx_port: int, database: str, per_message: int) -> Program:
        """The program, not started; `folder` is empty and its own, `per_message` says how many events a message holds."""
        ...


class Ingest(Program):
    """`plumbline ingest run`, as users run it: its settings come from the environment.

    Args:
        folder: new; the database and the log come here.
        broker_port: where MQTT is.
        series: the series store, as the setting `series` has it.
        site_file: content of the site file.
        core: the one core that it may use.
        database: URL of the SQL database; `None`: SQLite in the folder.
        worker: its name; no other worker of the same database has it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker_port: int,
        series: str,
        site_file: str,
        core: int | None = None,
        database: str | None = None,
        worker: str = "bench",
    ) -> None:
        sites = folder / "sites"
        sites.mkdir(parents=True)
        (sites / "bench.toml").write_text(site_file, encoding="utf-8")
        self._file = folder / "plumbline.db"
        self._database = database or f"sqlite:///{self._file}"
        self._environment_of_bench = {name: value for name, value in os.environ.items() if not name.startswith("PLUMBLINE_")}
        environment = self._environment_of_bench | {
            "PLUMBLINE_BROKER": f"mqtt://127.0.0.1:{broker_port}",
            "PLUMBLINE_DATABASE": self._database,
            "PLUMBLINE_SERIES": series,
            "PLUMBLINE_SITES": str(sites),
            "PLUMBLINE_WORKER": worker,
        }
        super().__init__(
            "plumbline ingest run",
            (sys.executable, "-m", "plumbline", "ingest", "run"),
            log=folder / "ingest.log",
            ready=self._receives,
            folder=folder,
            environment=environment,
            core=core,
        )
        self._ledger: sqlite3.Connection | None = None

    async def _receives(self) -> bool:
        return self.said().count("receiving") >= 2  # a lane a class

    async def received(self) -> int:
        """How many events the ledger of its own SQLite has received, as far as it is committed."""
        try:
            if self._ledger is None:
                self._ledger = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, isolation_level=None)
            return int(self._ledger.execute(RECEIVED).fetchone()[0])
        except sqlite3.OperationalError:  # the file or the table is not there yet
            return 0

    async def proof(self) -> dict[str, int]:
        """What `plumbline ledger` says over all streams."""
        ledger = Program(
            "plumbline ledger",
            (sys.executable, "-m", "plumbline", "ledger", "--json", "--database", self._database),
            log=self._file.with_name("ledger.json"),
            environment=self._environment_of_bench,
        )
        async with ledger:
            await ledger.exited()
        streams: list[dict[str, Any]] = json.loads(ledger.said().splitlines()[-1])
        names = ("received", "duplicate", "late", "dead", "thinned", "missing")
        return {name: sum(int(stream[name]) for stream in streams) for name in names}


def ingest(site_file: str) -> Consumer:
    """Ingest, as a consumer beside the peers."""

    def make(folder: Path, *, broker_port: int, influx_port: int, database: str, per_message: int) -> Program:  # noqa: ARG001
        series = f"influx:http://127.0.0.1:{influx_port}/{database}"
        return Ingest(folder, broker_port=broker_port, series=series, site_file=site_file)

    return make


def node_red(installed: Installed) -> Consumer:
    """Node-RED with the flow of bench/peers/node_red."""

    def make(folder: Path, *, broker_port: int, influx_port: int, database: str, per_message: int) -> Program:
        folder.mkdir(parents=True)
        for name in ("flow.json", "settings.js"):
            shutil.copy(installed.source / name, folder / name)
        (folder / "node_modules").symlink_to(installed.folder / "node_modules")  # where it looks for nodes
        environment = os.environ | {
            "NODE_ENV": "production",
            "BENCH_UI_PORT": str(free_port()),
            "BENCH_MQTT_HOST": "127.0.0.1",
            "BENCH_MQTT_PORT": str(broker_port),
            "BENCH_INFLUX_HOST": "127.0.0.1",
            "BENCH_INFLUX_PORT": str(influx_port),
            "BENCH_INFLUX_DATABASE": database,
            "BENCH_MESSAGES_A_WRITE": str(_POINTS_A_WRITE // per_message),
        }
        script = installed.folder / "node_modules" / "node-red" / "red.js"
        command = (*installed.program, str(script), "--userDir", str(folder), "--settings", str(folder / "settings.js"))
        return _that_says("Connected to broker", "Node-RED", command, folder, environment)

    return make


def naive_python(installed: Installed) -> Consumer:
    """The program of bench/peers/naive_python."""

    def make(folder: Path, *, broker_port: int, influx_port: int, database: str, per_message: int) -> Program:  # noqa: ARG001
        folder.mkdir(parents=True)
        command = (*installed.program, str(installed.source / "main.py"), str(broker_port), str(influx_port), database)
        return _that_says("subscribed", "the naive Python program", command, folder, dict(os.environ))

    return make


def _that_says(word: str, name: str, command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> Program:
    async def ready() -> bool:
        return word in program.said()

    program = Program(name, command, log=folder / "log", ready=ready, folder=folder, environment=environment)
    return program
