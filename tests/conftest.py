"""Fixtures that every kind of test shares: real servers, one of each a session, and the corpus."""

import gc
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import migrate
from plumbline.mqtt.through_paho import PahoLink
from tests import databases
from tests.servers import InfluxDb, Mosquitto, PostgreSql, open_folder, running

# Time limits per example would test the machine, not the code.
settings.register_profile("plumbline", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100)
# Developers explore; a change is not refused in CI for an example that another change would have met.
settings.register_profile("ci", parent=settings.get_profile("plumbline"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "plumbline")

_names = itertools.count()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that sets the logs up in a test's own process writes to a standard error that ends with the test."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus of third-party data; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("PLUMBLINE_CORPUS", Path(__file__).parents[1] / ".." / "shared" / "corpus")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no corpus at {folder}; set PLUMBLINE_CORPUS")
    return folder


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A shared broker. A test that kills its broker starts one of its own."""
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    """A shared InfluxDB 1.6.7."""
    server = InfluxDb(tmp_path_factory.mktemp("influxdb"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """A shared PostgreSQL 15; take a database of your own with `new_database`."""
    with open_folder("postgresql") as folder, running(PostgreSql(folder / "server")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is not there yet, on SQLite and on PostgreSQL; `tests.databases.opened` makes it, with tables."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/plumbline.db"
    server: PostgreSql = request.getfixturevalue("postgresql")
    return server.url_of(f"test_{os.getpid()}_{next(_names)}")


@pytest.fixture
def empty_database_url(database_url: str, request: pytest.FixtureRequest) -> str:
    """The same, without tables."""
    if not database_url.startswith("sqlite"):
        request.getfixturevalue("postgresql").new_database(database_url.rpartition("/")[2])
    return database_url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """That database with the tables of ingest; tests of tracking make their own with both."""
    engine = await databases.opened(database_url, migrate)
    yield engine
    await engine.dispose()


@pytest.fixture
def influx_database(influxdb: InfluxDb) -> str:
    """An empty InfluxDB database of the test's own."""
    name = f"test_{os.getpid()}_{next(_names)}"
    influxdb.query(f'CREATE DATABASE "{name}"')
    return name


@pytest.fixture(params=["ours", "paho"])
def spoken_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who speaks MQTT behind `Connection`: the test runs once with each."""
    if request.param == "paho":
        monkeypatch.setattr("plumbline.mqtt.connection.speaker", lambda _address: PahoLink)
    return request.param


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Names that no other test uses: `unique_name("gw")` → `gw-7`."""
    return lambda stem: f"{stem}-{next(_names)}"


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays: the collector need not look at it again, and stops no test for so long."""
    gc.collect()
    gc.freeze()


_figures = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a figure at the end of the run, where people see it also when everything passed."""
    return request.config.stash.setdefault(_figures, []).append


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With several test processes: hand the figures of this one to the one that prints."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["figures"] = session.config.stash.get(_figures, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the figures of a test process that ended."""
    node.config.stash.setdefault(_figures, []).extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured."""
    if figures := terminalreporter.config.stash.get(_figures, None):
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.line(figure)
