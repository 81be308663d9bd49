"""PostgreSQL of the benchmark's own, for several workers: a free loopback port, a folder, stopped by its process id."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final, cast

import asyncpg

from plumbline.bench.processes import Program
from plumbline.broker import free_port
from plumbline.errors import PlumblineError

_USER: Final = "plumbline"
#: It refuses to run as root; Debian's package makes this user.
_UNPRIVILEGED: Final = "postgres"
_INSTALL: Final = "bench: PostgreSQL is not installed; as root: apt-get install postgresql"
#: What asking raises where there is no such server, database or table.
AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_connect: Final[Any] = cast("Any", asyncpg).connect  # it has no types


class PostgreSql(Program):
    """PostgreSQL, with the settings that its makers ship: each commit is on disk before it is answered."""

    def __init__(self) -> None:
        self._folder_of_data: Final = Path(
            tempfile.mkdtemp(prefix="plumbline-bench-")
        )  # its user cannot reach a folder of ours
        self.port: Final = free_port()
        self._connections: dict[str, Any] = {}
        as_user: tuple[str, ...] = ()
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(self._folder_of_data, owner.pw_uid, owner.pw_gid)
            as_user = ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")
        programs, data = _programs(), self._folder_of_data / "data"
        make = (str(programs / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        try:
            subprocess.run((*as_user, *make), check=True, capture_output=True, text=True, cwd="/")  # noqa: S603 - ours
        except (OSError, subprocess.CalledProcessError) as error:
            self.remove()
            raise PlumblineError(f"bench: initdb failed: {getattr(error, 'stderr', error)}") from None
        command = (str(programs / "postgres"), "-D", str(data), "-p", str(self.port), "-h", "127.0.0.1", "-k", "")
        log = self._folder_of_data.with_suffix(".log")
        super().__init__("postgres", (*as_user, *command), log=log, ready=self._answers, folder=Path("/"))

    def url(self, database: str) -> str:
        """Where a database is, as the setting `database` has it."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    async def create(self, database: str) -> None:
        """Make an empty database."""
        await self.ask("postgres", f'CREATE DATABASE "{database}"')

    async def ask(self, database: str, statement: str) -> Any:
        """The first value that a statement gives, `None` where there is none. Raises what is in `AWAY`."""
        if database not in self._connections:
            self._connections[database] = await _connect(self.url(database))
        return await self._connections[database].fetchval(statement)

    async def stop(self) -> None:
        """Let our own connections go, then stop as any program."""
        while self._connections:
            _, connection = self._connections.popitem()
            with contextlib.suppress(*AWAY):
                await connection.close()
        await super().stop()

    def remove(self) -> None:
        """Delete what it had on disk."""
        shutil.rmtree(self._folder_of_data, ignore_errors=True)
        self._folder_of_data.with_suffix(".log").unlink(missing_ok=True)

    async def _answers(self) -> bool:
        with contextlib.suppress(*AWAY):
            return bool(await self.ask("postgres", "SELECT 1"))
        return False


def _programs() -> Path:
    """The folder of its programs, which Debian has not in the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which("initdb")
    if program is None:
        raise PlumblineError(_INSTALL)
    return Path(program).parent
