"""Who holds a lane: one worker at a time, since most dialects understand a message by those before it.

The holder beats: it counts up a number in the lane's row. Whoever sees the same number for `LAPSE_S` of its own time takes the
lane over; no clock of one machine is compared with another's. What the holder writes carries its token: after a take-over
nothing of it is committed any more, so nobody needs to know whether it is dead or only slow.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.direct.tables import direct_lane
from ingest.upsert import insert_into, is_postgresql
from plumbline.errors import PlumblineError

#: How often the holder beats, and after which silence somebody else takes over.
BEAT_S: Final = 2.0
LAPSE_S: Final = 10.0


class LaneLostError(PlumblineError):
    """Another worker took the lane over."""


class Hold:
    """One worker's hold on one lane.

    Args:
        engine: the SQL database, migrated.
        site, gateway: which lane.
        worker: our name; no two live workers have the same.
        lapse_s: see `LAPSE_S`.
        mono_s: seconds that only grow.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        site: str,
        gateway: str,
        worker: str,
        *,
        lapse_s: float = LAPSE_S,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._site = site
        self._gateway = gateway
        self._worker = worker[:64]
        self._lapse_s = lapse_s
        self._mono_s = mono_s
        self._token = ""
        self._seen: tuple[str | None, int, float] | None = None

    async def take(self) -> bool:
        """Take the lane where nobody lives who holds it; to be asked again and again. Raises what says that the database is away."""
        row = direct_lane.c
        async with self._engine.begin() as connection:
            new = {"site": self._site, "gateway": self._gateway}
            await connection.execute(insert_into(connection, direct_lane).on_conflict_do_nothing(), new)
            found = (await connection.execute(select(row.token, row.worker, row.beat).where(self._lane()))).one()
            token, worker, beat = found
            now = self._mono_s()
            if worker is not None and worker != self._worker:
                if self._seen is None or self._seen[:2] != (token, beat):
                    self._seen = token, beat, now
                if now - self._seen[2] < self._lapse_s:
                    return False
            mine = secrets.token_hex(16)
            free = self._lane() & (row.beat == beat) & (row.token.is_(None) if token is None else row.token == token)
            taken = await connection.execute(
                update(direct_lane).where(free).values(token=mine, worker=self._worker, beat=beat + 1)
            )
            if taken.rowcount != 1:  # somebody was faster
                return False
        self._token, self._seen = mine, None
        return True

    async def beat(self, heard_until: int | None) -> None:
        """Say that we live, and until when we were subscribed (ns; `None`: not now). Raises `LaneLostError`."""
        values = {} if heard_until is None else {"heard_until": heard_until}
        async with self._engine.begin() as connection:
            beaten = await connection.execute(
                update(direct_lane).where(self._lane(), self._ours()).values(beat=direct_lane.c.beat + 1, **values)
            )
        if beaten.rowcount != 1:
            raise self._lost()

    async def fence(self, connection: AsyncConnection, *, alone: bool = False) -> None:
        """Let nobody take over before this transaction ends. Raises `LaneLostError` where somebody has.

        `alone`: wait until all other transactions that fenced have ended: also one of ours of which we have no answer.
        """
        ours = select(direct_lane.c.beat).where(self._lane(), self._ours())
        if await connection.scalar(ours.with_for_update(read=not alone) if is_postgresql(connection) else ours) is None:
            raise self._lost()

    async def heard_until(self) -> int | None:
        """When the last holder was certainly subscribed (ns)."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            return await connection.scalar(select(direct_lane.c.heard_until).where(self._lane()))

    async def release(self) -> None:
        """Give it back, so that nobody waits for us. Raises what says that the database is away."""
        async with self._engine.begin() as connection:
            await connection.execute(update(direct_lane).where(self._lane(), self._ours()).values(worker=None))

    def _lane(self) -> ColumnElement[bool]:
        return (direct_lane.c.site == self._site) & (direct_lane.c.gateway == self._gateway)

    def _ours(self) -> ColumnElement[bool]:
        return direct_lane.c.token == self._token

    def _lost(self) -> LaneLostError:
        return LaneLostError(f"{self._site}/{self._gateway}: another worker reads these devices now; this one waits")
