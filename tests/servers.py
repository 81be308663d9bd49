"""Real servers for tests: on free loopback ports, with their own configuration and data folder, stopped by PID.

Each is a context manager that returns when the server answers. `kill` is SIGKILL; `start` again keeps port and data.
"""

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import httpx

S = TypeVar("S", bound="Server")

POSTGRESQL_BIN = Path("/usr/lib/postgresql/15/bin")
DEADLINE_S = 120.0


#: Below the ports that Linux gives by itself (32768 and up), so that no other socket gets one between choosing and listening.
_BLOCKS = range(12_000, 32_000, 200)
_held: list[socket.socket] = []


@functools.cache
def _block(_process: int) -> Iterator[int]:
    """The ports of a block that is this process's as long as it lives: it listens on the first of them."""
    for first in _BLOCKS:
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", first))
            holder.listen()
        except OSError:
            holder.close()
            continue
        _held.append(holder)
        return itertools.cycle(range(first + 1, first + _BLOCKS.step))
    raise RuntimeError(f"every port of {_BLOCKS} is taken")


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given: each of this process's in turn."""
    for port in itertools.islice(_block(os.getpid()), _BLOCKS.step):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("every port of this process's block is taken")


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition` holds; fail naming `what` when it does not within the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_s:g} s for {what}")
        time.sleep(0.02)  # the pause of a poll, not an assumption about time


def answers(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


#: The kernel ends a server whose test process was killed.
_GUARD = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


class Server:
    """A child process that serves: started, killed and started again at will. It never outlives the test process.

    Args:
        command: to run.
        log: the file to which it says what it says.
        ready: whether it answers.
        user: who runs it, instead of us.
        environment: its variables, beside ours.
        folder: where it runs.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        ready: Callable[[], bool],
        user: str | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = command
        self.log = log
        self._ready = ready
        self._user = user
        self._environment = environment or {}
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*_GUARD, *self.command],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                user=self._user,
                env={**os.environ, **self._environment},
                cwd=self._folder,
            )
        try:
            wait_until(lambda: self._died() or self._ready(), f"{self.command[0]} to answer")
        except TimeoutError:
            self.stop()
            raise
        if self._died():
            raise RuntimeError(f"{self.command[0]} ended at once:\n{self.log.read_text(errors='replace')[-2000:]}")

    def _died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM (SIGKILL after 10 s), and wait for the end."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        self.process = None


def _stat(pid: int) -> list[str]:
    """State, parent and more of a process (proc(5)); empty where there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _runs(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _children(parent: int) -> list[int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _stat(pid)[1:2] == [str(parent)]]


class Mosquitto(Server):
    """Eclipse Mosquitto 2.0."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        settings = folder / "mosquitto.conf"
        settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
            "autosave_interval 1\nset_tcp_nodelay true\nmax_queued_messages 100000\nlog_type error\nlog_type warning\n"
        )
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin") or "mosquitto"
        super().__init__([program, "-c", str(settings)], folder / "mosquitto.log", lambda: answers(self.port))
        if os.geteuid() == 0:
            settings.write_text(settings.read_text() + "user root\n")


class InfluxDb(Server):
    """InfluxDB 1.6.7."""

    def __init__(self, folder: Path, database: str = "plumbline") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = database
        settings = folder / "influxdb.conf"
        settings.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nquery-log-enabled = false\n'
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n[logging]\nlevel = "warn"\n'
        )
        super().__init__(["influxd", "run", "-config", str(settings)], folder / "influxdb.log", self._pings)

    def _pings(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/ping", timeout=2).status_code == 204
        return False

    def start(self) -> None:
        super().start()
        self.query(f'CREATE DATABASE "{self.database}"')

    def query(self, influxql: str) -> list[dict[str, object]]:
        """Ask in InfluxQL; rows of all series with their tags, times in ns."""
        answer = httpx.post(f"{self.url}/query", params={"db": self.database, "epoch": "ns"}, data={"q": influxql}, timeout=120)
        answer.raise_for_status()
        rows: list[dict[str, object]] = []
        for result in answer.json()["results"]:
            if "error" in result:
                raise RuntimeError(result["error"])
            for series in result.get("series", []):
                tags = series.get("tags", {})
                rows += [dict(zip(series["columns"], values, strict=True)) | tags for values in series.get("values", [])]
        return rows


class PostgreSql(Server):
    """PostgreSQL 15, without fsync (a test's data need not survive the machine).

    Its user must be able to reach `folder`: pytest's own temporary folders are closed to others, `open_folder` makes one.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = self.url_of("plumbline")
        user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        data = folder / "data"
        if user:
            owner = pwd.getpwnam(user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                POSTGRESQL_BIN / "initdb",
                "-D",
                data,
                *["-U", "plumbline", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            ],
            check=True,
            capture_output=True,
            user=user,
        )
        options = [*f"-p {self.port} -h 127.0.0.1 -F -c max_connections=60 -c full_page_writes=off".split(), "-k", ""]
        super().__init__(
            [str(POSTGRESQL_BIN / "postgres"), "-D", str(data), *options],
            folder.parent / f"postgresql-{self.port}.log",
            self._accepts,
            user,
        )
        self._created = False

    def _accepts(self) -> bool:
        check = [
            POSTGRESQL_BIN / "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "plumbline",
            "-d",
            "postgres",
        ]
        return subprocess.run(check, check=False).returncode == 0

    def start(self) -> None:
        super().start()
        if not self._created:
            self.sql("CREATE DATABASE plumbline", database="postgres")
            self._created = True

    def kill(self) -> None:
        children = [] if self.process is None else _children(self.process.pid)
        super().kill()
        for child in children:  # they hold its memory until they notice, and until then it cannot be started again
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        wait_until(lambda: not any(map(_runs, children)), "the database's processes to end")

    def stop(self) -> None:
        self._signal(signal.SIGINT)  # "fast": does not wait for clients

    def sql(self, statement: str, database: str = "plumbline") -> list[list[str]]:
        """Run a statement; rows as text."""
        done = subprocess.run(
            [
                "psql",
                "-X",
                "-A",
                "-t",
                "-F",
                "\t",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "plumbline",
                "-d",
                database,
                "-c",
                statement,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return [line.split("\t") for line in done.stdout.splitlines() if line]

    def url_of(self, name: str) -> str:
        """The URL of a database, whether it is there or not."""
        return f"postgresql+asyncpg://plumbline@127.0.0.1:{self.port}/{name}"

    def new_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        self.sql(f'CREATE DATABASE "{name}" STRATEGY FILE_COPY', database="postgres")
        return self.url_of(name)


@contextlib.contextmanager
def open_folder(stem: str) -> Iterator[Path]:
    """A temporary folder that other users can reach."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix=f"plumbline-test-{os.getpid()}-{stem}-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _sweep() -> None:
    """Remove what test processes left that were killed: a database server's folder holds gigabytes."""
    for folder in Path(tempfile.gettempdir()).glob("plumbline-test-*-*"):
        owner = folder.name.split("-")[2]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)  # another test process may sweep it, too


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """Start, lend and stop a server."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def plumbline(*arguments: str) -> list[str]:
    """The command line of `plumbline …` in this environment."""
    return [sys.executable, "-c", "from plumbline.cli import main; main()", *arguments]
