"""What the command lends one service of another's: services never import each other."""

import time
from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.ledger.report import report


class MissingByGateway:
    """What ingest's ledger misses, for tracking's wall: asked at most every ten seconds for all screens together."""

    _EVERY_S: Final = 10.0

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[float, dict[str, int]]] = {}

    async def __call__(self, site: str) -> Mapping[str, int]:
        """Missing events of each gateway of a site."""
        asked, known = self._known.get(site, (float("-inf"), {}))
        if time.monotonic() - asked < self._EVERY_S:
            return known
        fresh: dict[str, int] = {}
        for stream in await report(self._engine, site=site):
            fresh[stream.gateway] = fresh.get(stream.gateway, 0) + (stream.missing or 0)
        self._known[site] = (time.monotonic(), fresh)
        return fresh
