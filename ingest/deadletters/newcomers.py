"""What letters wait for: a site, a device or a budget that the site files name by now.

Letters of a site whose file was merely late are replayed unasked: nobody had decided against them, and who connects a gateway
before its site is described expects to find its events afterwards. Letters of devices and names that were set aside stay until
somebody replays them: setting them aside was a decision, so letting them in is one too. The log says how many wait.
"""

from collections.abc import Callable, Mapping
from typing import Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.registry.sites import Registry
from ingest.tables import dead_letter
from plumbline.site import Budgets, SiteFile

_log: Final = structlog.get_logger()
#: After a change of the files letters may still come that were judged by those of before, here or by another worker.
AGAIN_NS: Final = 120_000_000_000
_EVERY_NS: Final = 10_000_000_000
#: Devices that are looked at for the log.
_MOST: Final = 1000


class Newcomers:
    """Looks for such letters at the start and after each change of the site files.

    Args:
        engine: the SQL database, migrated.
        sites: the site files by id.
        clock: UTC in ns.
    """

    def __init__(self, *, engine: AsyncEngine, sites: Mapping[str, SiteFile], clock: Callable[[], int]) -> None:
        self._engine = engine
        self._sites = sites
        self._clock = clock
        self._version = -1
        self._changed_at = 0
        self._looked_at = 0
        self._budgets: dict[str, Budgets] | None = None

    async def look(self) -> int:
        """Look, if it is time to; returns for how many letters a replay was asked. Raises what a database away raises."""
        now = self._clock()
        version = self._sites.version if isinstance(self._sites, Registry) else 0
        if version != self._version:
            self._version, self._changed_at, self._looked_at = version, now, 0
            await self._tell()
        if now - self._looked_at < _EVERY_NS or (self._looked_at and self._looked_at - self._changed_at > AGAIN_NS):
            return 0
        count = await self._call_up(now)
        self._looked_at = now
        return count

    async def _call_up(self, now: int) -> int:
        table = dead_letter.c
        waits = (
            table.reason == "unknown_site",
            table.site.in_(list(self._sites)),
            table.replayed_at.is_(None),
            table.replay_requested_at.is_(None),
        )
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            if (await connection.execute(select(table.id).where(*waits).limit(1))).first() is None:
                return 0
        async with self._engine.begin() as connection:
            count = (await connection.execute(update(dead_letter).where(*waits).values(replay_requested_at=now))).rowcount
        _log.info("letters of sites that are known now are replayed", letters=count)
        return count

    async def _tell(self) -> None:
        """Say which letters somebody may replay now."""
        table = dead_letter.c
        grouped = select(table.reason, table.site, table.device, func.count()).group_by(table.reason, table.site, table.device)
        held = table.reason.in_(("unknown_device", "over_budget")) & table.replayed_at.is_(None)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            rows = (await connection.execute(grouped.where(held).order_by(func.count().desc()).limit(_MOST))).all()
        before, self._budgets = self._budgets, {name: site.budgets for name, site in self._sites.items()}
        waiting = {"unknown_device": 0, "over_budget": 0}
        for reason, name, device, count in rows:
            site = self._sites.get(name or "")
            if site is None:
                continue
            if reason == "unknown_device":
                free = device in site.devices_by_id or site.unknown_devices == "take"
            else:
                free = before is not None and before.get(site.id) != site.budgets
            waiting[reason] += count if free else 0
        for reason, count in waiting.items():
            if count:
                _log.info(
                    "letters wait for somebody to replay them",
                    letters=count,
                    do=f"plumbline deadletters replay --reason {reason}",
                )
