"""Which worker is called what: a name is leased in the SQL database, so that no two live workers have the same.

The name is part of a worker's persistent sessions at the broker: two of one name would throw each other out, and a name made
anew at each start would leave a session behind each time. So a worker without a name takes the lowest number that is free, and
with it what the broker kept for whoever had that number before. A lease lasts while its owner renews it; one that was not
given back (the worker was killed) is free as soon as it is certain that its owner is gone: at once where it ran on this
machine, else when it was not renewed for `LAPSE_S`.
"""

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.patience import DATABASE_AWAY, Stop
from ingest.tables import worker_lease
from ingest.upsert import insert_into
from plumbline.errors import PlumblineError

_log: Final = structlog.get_logger()
_NS: Final = 1_000_000_000
#: How often a lease is renewed, and after which silence its owner counts as dead.
EVERY_S: Final = 5.0
LAPSE_S: Final = 30.0
_AGAIN_S: Final = 0.5
#: Names this process, also where process numbers start again with each container.
_PROCESS: Final = uuid.uuid4().hex
#: The leases held within this process: one that was let go while the database was away is nobody's, at once.
_held: Final[set[str]] = set()


class NameTakenError(PlumblineError):
    """Another live worker has the name, or took it over from us."""


class Lease:
    """The name of this worker, ours until `release`.

    Args:
        engine: the SQL database, migrated.
        wanted: the name that was asked for; `None`: the lowest free number.
        clock: UTC in ns.
        lapse_s: see `LAPSE_S`.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        wanted: str | None,
        *,
        clock: Callable[[], int] = time.time_ns,
        lapse_s: float = LAPSE_S,
    ) -> None:
        self._engine = engine
        self._wanted = wanted
        self._clock = clock
        self._lapse_ns = int(lapse_s * _NS)
        self.token = uuid.uuid4().hex
        """Ours alone, as long as this process runs."""
        self.name = ""

    async def take(self, stop: Stop) -> bool:
        """Get the name; false where told to stop first. Raises `NameTakenError`, and what says that the database is away.

        A name that was asked for and whose owner may be dead is waited for until that is certain.
        """
        seen_first: int | None = None
        while True:
            async with self._engine.begin() as connection:
                owner = await self._try(connection)
            if owner is None:
                _log.info("this worker's name", worker=self.name)
                return True
            seen_first = owner["seen_at"] if seen_first is None else seen_first
            if owner["process"] == _PROCESS or owner["seen_at"] != seen_first:  # it lives
                raise NameTakenError(
                    f"worker: '{self._wanted}' runs already on {owner['host']} (process {owner['pid']}); give this one another"
                    " name (--worker, PLUMBLINE_WORKER), or none: then it takes a free one"
                )
            if await stop.pause(_AGAIN_S):
                return False

    async def _try(self, connection: AsyncConnection) -> RowMapping | None:
        """Take the name, or a free number; returns who has it."""
        rows = (await connection.execute(select(worker_lease))).mappings().all()
        if (ours := next((row["name"] for row in rows if row["token"] == self.token), None)) is not None:
            self.name = ours  # an earlier try was committed, and its answer was lost
            return None
        taken = {row["name"]: row for row in rows if self._lives(row)}
        name = self._wanted or next(str(n) for n in range(1, len(taken) + 2) if str(n) not in taken)
        if (owner := taken.get(name)) is not None:
            return owner
        old = next((row["token"] for row in rows if row["name"] == name), None)
        now = self._clock()
        mine = {
            "token": self.token,
            "process": _PROCESS,
            "host": socket.gethostname()[:64],
            "pid": os.getpid(),
            "since": now,
            "seen_at": now,
        }
        if old is None:
            done = await connection.execute(
                insert_into(connection, worker_lease).on_conflict_do_nothing(), [mine | {"name": name}]
            )
        else:
            same = (worker_lease.c.name == name) & (worker_lease.c.token == old)
            done = await connection.execute(update(worker_lease).where(same).values(mine))
        if done.rowcount == 0:  # somebody was faster: the next look shows who
            return await self._try(connection)
        self.name = name
        _held.add(self.token)
        return None

    def _lives(self, row: RowMapping) -> bool:
        """Whether the owner of a lease may be alive."""
        if self._clock() - row["seen_at"] > self._lapse_ns:
            return False
        if row["process"] == _PROCESS:
            return row["token"] in _held
        if row["host"] != socket.gethostname()[:64]:
            return True
        # our own number, but not we: from an earlier life of this container
        return row["pid"] != os.getpid() and _runs(row["pid"])

    async def keep(self, stop: Stop, every_s: float = EVERY_S) -> None:
        """Renew it until told to stop. Raises `NameTakenError` where another took it while we could not."""
        while not await stop.pause(every_s):
            try:
                async with asyncio.timeout(LAPSE_S), self._engine.begin() as connection:
                    done = await connection.execute(
                        update(worker_lease).where(worker_lease.c.token == self.token).values(seen_at=self._clock())
                    )
            except (*DATABASE_AWAY, TimeoutError) as error:
                _log.debug("lease not renewed", worker=self.name, error=str(error)[:200])
                continue
            if done.rowcount == 0:
                raise NameTakenError(
                    f"worker '{self.name}': was silent for so long (this machine slept, or the database was away) that another took"
                    " its name; start it again"
                )

    async def others(self) -> bool:
        """Whether other workers live; where that cannot be known, not."""
        try:
            async with asyncio.timeout(2), self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                rows = (await connection.execute(select(worker_lease))).mappings().all()
        except (*DATABASE_AWAY, TimeoutError) as error:
            _log.debug("leases not read", worker=self.name, error=str(error)[:200])
            return False
        return any(row["token"] != self.token and self._lives(row) for row in rows)

    async def release(self) -> None:
        """Give it back; where that fails it lapses by itself."""
        if not self.name:
            return
        _held.discard(self.token)
        try:
            async with asyncio.timeout(2), self._engine.begin() as connection:
                await connection.execute(delete(worker_lease).where(worker_lease.c.token == self.token))
        except (*DATABASE_AWAY, TimeoutError) as error:
            _log.debug("lease not given back", worker=self.name, error=str(error)[:200])


def _runs(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
