"""Whatever dies, the end is that of the undisturbed run: workers killed between any two steps, stores and brokers restarted.

Workers are processes (`plumbline ingest run`) over real Mosquitto, InfluxDB and PostgreSQL; they die by SIGKILL at a step
of their pipeline, not at a time. Gateways send out of order and twice. Compared are inbox, ledger, dead letters and every
point.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest import pipeline
from ingest.heat import projector
from plumbline.event import Event
from tests import end_state
from tests.batches import SITE
from tests.insistent_gateways import Gateways, day_of
from tests.servers import InfluxDb, Mosquitto, PostgreSql, open_folder, running

ROOT = Path(__file__).parents[2]
DEADLINE_S = 220
EVENTS: list[list[Event]] = [stream for gateway in (1, 2, 3) for stream in day_of(gateway, telemetry=600, business=150)]


@dataclass
class Place:
    """Where a run leaves what it leaves: a broker and databases of its own."""

    folder: Path
    broker: Mosquitto
    influx: InfluxDb
    influx_name: str
    sql: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    begun: dict[int, int] = field(default_factory=dict)
    """By worker: where its part of its log begins."""

    def worker(self, name: str, *death: str) -> subprocess.Popen[bytes]:
        """Start a worker, which may die at a step."""
        environment = os.environ | {
            "PLUMBLINE_BROKER": self.broker.url,
            "PLUMBLINE_DATABASE": self.sql,
            "PLUMBLINE_SERIES": f"influx:{self.influx.url}/{self.influx_name}",
            "PLUMBLINE_SITES": str(self.folder),
            "PLUMBLINE_WORKER": name,
            "PYTHONPATH": str(ROOT),
        }
        with self._log(name).open("ab") as log:
            written = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.dying_worker", *death], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        self.workers.append(process)
        self.begun[process.pid] = written
        return process

    async def receiving(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Wait until a worker takes messages of both classes."""
        while self._log(name).read_bytes()[self.begun[process.pid] :].count(b'"receiving"') < 2:
            assert process.poll() is None, self.said()
            await asyncio.sleep(0.05)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def said(self) -> str:
        """The end of the workers' logs, for a test that failed."""
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in self.folder.glob("*.log"))

    async def left(self) -> dict:
        """The end state."""
        return await end_state.sql_state(self.sql) | {"points": end_state.points(self.influx, self.influx_name)}


async def gone(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process; its return code."""
    return await asyncio.to_thread(process.wait, DEADLINE_S)


async def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a worker in order."""
    process.send_signal(signal.SIGTERM)
    assert await gone(process) == 0


SITE_FILE = (
    f"""
id = "yard"
title_en = "{SITE.title_en}"
title_zh = "{SITE.title_zh}"
timezone = "{SITE.timezone}"
lat = {SITE.lat}
lon = {SITE.lon}
"""
    + "".join(
        f'[[zones]]\nid = "{zone.id}"\ntitle_en = "{zone.title_en}"\ntitle_zh = "{zone.title_zh}"\nkind = "{zone.kind}"\n'
        f"polygon = {[list(corner) for corner in zone.polygon]}\n"
        for zone in SITE.zones
    )
    + "".join(
        f'[[devices]]\nid = "{one.id}"\ntitle_en = "{one.title_en}"\ntitle_zh = "{one.title_zh}"\nkind = "{one.kind}"\n'
        + (f'zone = "{one.zone}"\n' if one.zone else "")
        for one in SITE.devices
    )
)


@contextlib.asynccontextmanager
async def place(folder: Path, influx: InfluxDb, name: str, sql: str):
    """A run's place; its workers do not outlive it."""
    folder.mkdir()
    (folder / "site.toml").write_text(SITE_FILE)
    influx.query(f'CREATE DATABASE "{name}"')
    with running(Mosquitto(folder / "broker")) as broker:
        here = Place(folder, broker, influx, name, sql)
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield here
        except BaseException:
            print(here.said())  # noqa: T201 - pytest shows it with the failure
            raise
        finally:
            for process in here.workers:
                if process.poll() is None:
                    process.kill()
                    process.wait()


async def all_projected(here: Place) -> None:
    """Wait until the points of business events are in InfluxDB too, and all heat."""
    expected = sum(event.event_class == "business" for stream in EVENTS for event in stream)
    while end_state.business_points(here.influx, here.influx_name) < expected:  # noqa: ASYNC110 - what is waited for happens in servers
        await asyncio.sleep(0.05)
    while await end_state.heat_waits(here.sql):  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.05)


async def finish(here: Place, sending: asyncio.Task[None]) -> dict:
    """Wait until everything is committed and projected; the end state."""
    await sending
    await all_projected(here)
    for process in here.workers:
        if process.poll() is None:
            await end(process)
    await end_state.rolled_up(here.sql, here.influx, here.influx_name)
    return await here.left()


@pytest.fixture(scope="module")
def undisturbed(influxdb: InfluxDb, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a run leaves in which nothing happens."""

    async def run() -> dict:
        folder = tmp_path_factory.mktemp("calm")
        async with place(folder / "run", influxdb, "calm", f"sqlite:///{folder}/sql.db") as here:
            here.worker("only")
            return await finish(here, asyncio.create_task(Gateways(here.broker.url, EVENTS, seed=0).run()))

    left = asyncio.run(run())
    assert {row[-1] for row in left["ledger"]} == {0}, "something is missing"
    assert sum(row[6] + row[7] for row in left["ledger"]) == sum(map(len, EVENTS))
    assert len(left["letters"]) == 3
    return left


@pytest.fixture
def influx_name(unique_name) -> str:
    return unique_name("faults")


def same(left: dict, undisturbed: dict) -> None:
    """The two runs ended alike."""
    for what in ("ledger", "letters", "inbox", "movements"):
        assert left[what] == undisturbed[what], what
    assert left["points"].keys() == undisturbed["points"].keys()
    for measurement, rows in undisturbed["points"].items():
        assert left["points"][measurement] == rows, measurement


async def test_workers_killed_between_any_two_steps_leave_what_an_undisturbed_one_leaves(
    empty_database_url, influxdb, influx_name, tmp_path, undisturbed
):
    async with place(tmp_path / "run", influxdb, influx_name, empty_database_url) as here:
        gateways = Gateways(here.broker.url, EVENTS, seed=1, batch_size=10)
        deaths = [f"{step}:1" for step in (*pipeline.STEPS, *projector.STEPS)]
        gateways.allow(0)
        sending = asyncio.create_task(gateways.run())
        for number, death in enumerate(deaths):
            process = here.worker("one", death)
            gateways.allow((number + 1) / (len(deaths) + 1))
            assert await gone(process) == -signal.SIGKILL, death
        here.worker("one")
        gateways.allow(1)
        left = await finish(here, sending)
    same(left, undisturbed)


async def test_workers_killed_and_added_under_load_leave_what_one_leaves(
    influxdb, influx_name, postgresql, tmp_path, undisturbed
):
    sql = postgresql.new_database(influx_name.replace("-", "_"))
    async with place(tmp_path / "run", influxdb, influx_name, sql) as here:
        gateways = Gateways(here.broker.url, EVENTS, seed=2, batch_size=20)
        dying = [here.worker("a", "commit:1"), here.worker("b", "points:1")]
        for name, process in zip("abc", [*dying, here.worker("c")], strict=True):
            await here.receiving(name, process)
        gateways.allow(0.5)  # the broker deals it to all three
        sending = asyncio.create_task(gateways.run())
        for process, successor in zip(dying, ("d", "a"), strict=True):
            assert await gone(process) == -signal.SIGKILL
            await here.receiving(successor, here.worker(successor))
        gateways.allow(1)
        left = await finish(here, sending)
    same(left, undisturbed)


async def test_influxdb_killed_and_started_again_leaves_no_trace(empty_database_url, influx_name, tmp_path, undisturbed):
    with running(InfluxDb(tmp_path / "influx")) as influx:
        async with place(tmp_path / "run", influx, influx_name, empty_database_url) as here:
            gateways = Gateways(here.broker.url, EVENTS, seed=3, batch_size=10)
            here.worker("one")
            sending = asyncio.create_task(gateways.run())
            for share in (0.1, 0.4):
                await gateways.until(share)
                influx.kill()
                influx.start()
            left = await finish(here, sending)
    same(left, undisturbed)


async def test_postgresql_restarted_leaves_no_trace(influxdb, influx_name, tmp_path, undisturbed):
    with open_folder("postgresql") as folder, running(PostgreSql(folder / "server")) as server:
        async with place(tmp_path / "run", influxdb, influx_name, server.url) as here:
            gateways = Gateways(here.broker.url, EVENTS, seed=4, batch_size=10)
            here.worker("one")
            sending = asyncio.create_task(gateways.run())
            await gateways.until(0.1)
            server.stop()
            server.start()
            await gateways.until(0.4)
            server.kill()
            server.start()
            left = await finish(here, sending)
    same(left, undisturbed)


async def test_a_broker_that_is_killed_leaves_no_trace(influxdb, influx_name, tmp_path, undisturbed):
    sql = f"sqlite:///{tmp_path}/sql.db"
    async with place(tmp_path / "run", influxdb, influx_name, sql) as here:
        gateways = Gateways(here.broker.url, EVENTS, seed=5, batch_size=10)
        here.worker("one")
        sending = asyncio.create_task(gateways.run())
        await gateways.until(0.3)
        here.broker.kill()
        here.broker.start()
        left = await finish(here, sending)
    same(left, undisturbed)
