"""Points on their way into the series store."""

from collections.abc import Sequence
from typing import Final

import structlog

from plumbline.series import Point, SeriesWriter

_log: Final = structlog.get_logger()
#: Points of one write.
_CHUNK: Final = 5_000


class Send:
    """Writes points in portions and says which of them the store refused."""

    def __init__(self, writer: SeriesWriter) -> None:
        self._writer = writer

    async def __call__(self, points: Sequence[Point]) -> int:
        """Write them; returns how many. Raises `SeriesUnavailableError`: some of them may be stored."""
        for start in range(0, len(points), _CHUNK):
            refused = await self._writer.write(points[start : start + _CHUNK])
            if refused:
                first = refused[0]
                _log.error(
                    "tracking.mirror.refused",
                    measurement=first.point.measurement,
                    tags=dict(first.point.tags),
                    reason=first.reason,
                    points=len(refused),
                )
        return len(points)
