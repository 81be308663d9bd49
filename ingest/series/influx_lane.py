"""One connection to InfluxDB over which lines go in order, and the search for those of them that the server refuses."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from ingest.series.http_wire import Answer
from ingest.series.influx_refusals import Kind, kind_of, named, suspects, understood
from ingest.series.influx_server import InfluxServer
from ingest.series.line_protocol import Encoded
from plumbline.series import RefusedPoint, SeriesUnavailableError

_log: Final = structlog.get_logger()

_TOO_LARGE: Final = 413
_MOST_ROUNDS: Final = 16
"""How often the points that an answer names are left out before the rest is searched by halves."""
_PATIENCE: Final = 128
"""How many parts of points of one kind may be refused in a search before what is left of them is refused as it is."""
_LITTLE_PATIENCE: Final = 24
"""The same, for a kind with which patience ended before."""
_MOST_KINDS: Final = 1_000
_MOST_LEVELS: Final = 64
"""Of a search; by halves alone, 13 are enough for 5,000 points."""

Refused = list[RefusedPoint]


class Lane:
    """Sends one request at a time, in the order of `put`.

    A request that fails fails all that waited behind it too: they must not overtake it.
    """

    def __init__(self, server: InfluxServer, *, packed: bool, lines_per_request: int) -> None:
        self._server = server
        self._packed = packed
        self._lines = lines_per_request
        self._last: asyncio.Task[Refused] | None = None
        self._lost_patience: set[Kind] = set()

    def put(self, encoded: Encoded) -> asyncio.Task[Refused]:
        """Send these lines once those before are through; the task gives what the server refuses."""
        before = self._last if self._last is not None and not self._last.done() else None
        self._last = asyncio.create_task(self._after(before, encoded), name="series lane")
        return self._last

    async def drain(self) -> None:
        """Return once everything is through, or failed."""
        if self._last is not None:
            await asyncio.wait([self._last])

    async def _after(self, before: "asyncio.Task[Refused] | None", encoded: Encoded) -> Refused:
        if before is not None:
            await asyncio.wait([before])
            error = None if before.cancelled() else before.exception()
            if isinstance(error, SeriesUnavailableError):
                raise SeriesUnavailableError(str(error), wait_s=error.wait_s, ours=error.ours)
        refused: Refused = []
        for part in encoded.parts(self._lines):
            refused += await self._settle(part)
        return refused

    async def _settle(self, encoded: Encoded) -> Refused:
        """Store lines; leave out those that an answer names and send the others again until none is refused."""
        refused: Refused = []
        for _ in range(_MOST_ROUNDS):
            answer = await self._post(encoded)
            if answer.is_success:
                return refused
            if answer.status == _TOO_LARGE:
                return refused + await self._in_halves(encoded)
            meant = named(understood(answer.content, encoded), encoded.points)
            if not meant:
                break
            refused += _refused(encoded, meant)
            encoded = _without(encoded, meant)
            if not len(encoded):
                return refused
        found = await self._search(encoded)
        refused += found
        no = {id(entry.point) for entry in found}
        rest = encoded.chosen(id(point) not in no for point in encoded.points)
        if len({(head, point.at) for head, point in zip(rest.heads, rest.points, strict=True)}) < len(rest):
            # Some point is said twice, and the search sent them in an order of its own: the later word counts.
            await self._post(rest)
        return refused

    async def _in_halves(self, encoded: Encoded) -> Refused:
        """Store lines that are too much for one request, and send less at once from now on."""
        if len(encoded) == 1:
            return [RefusedPoint(encoded.points[0], "the point alone is larger than the server takes in one request")]
        self._lines = min(self._lines, len(encoded) // 2)
        first, second = _halves(encoded)
        return await self._settle(first) + await self._settle(second)

    async def _search(self, encoded: Encoded) -> Refused:
        """Find what is refused where no answer names it: by halves, equals side by side, larger parts first.

        Ends after some hundred requests whatever the server answers: where ever more parts of one kind of points are
        refused and no end is seen, what is left of that kind in refused parts is refused as it is, and the reason says so.
        """
        kinds = [kind_of(point) for point in encoded.points]
        order = sorted(range(len(encoded)), key=lambda index: (kinds[index], encoded.heads[index]))
        level = [encoded.ordered(order)]
        refused: Refused = []
        tries: Counter[Kind] = Counter()
        for _ in range(_MOST_LEVELS):
            parts, level = level, list[Encoded]()
            for part in parts:
                answer = await self._post(part)
                if not answer.is_success:
                    level += self._narrowed(part, answer, tries, refused)
        for part in level:
            refused += _refused(part, dict.fromkeys(range(len(part)), f"one of {len(part)} points refused together"))
        places = {id(point): index for index, point in enumerate(encoded.points)}
        return sorted(refused, key=lambda entry: places[id(entry.point)])

    def _narrowed(self, part: Encoded, answer: Answer, tries: Counter[Kind], refused: Refused) -> list[Encoded]:
        """The parts of a refused part in which to look on; what is sure goes to `refused`."""
        if answer.status == _TOO_LARGE and len(part) > 1:
            return _halves(part)
        refusal = understood(answer.content, part)
        meant = {0: refusal.reason} if len(part) == 1 else named(refusal, part.points)
        if meant:
            refused += _refused(part, meant)
            rest = _without(part, meant)
            return [rest] if len(rest) else []
        kind = kind_of(part.points[0])
        if kind == kind_of(part.points[-1]):  # equals lie side by side, so all of the part are
            tries[kind] += 1
            if tries[kind] > (_LITTLE_PATIENCE if kind in self._lost_patience else _PATIENCE):
                self._lose_patience(kind, refusal.reason)
                reason = (
                    f"{refusal.reason} (one of {len(part)} points refused together, after many requests to tell them apart)"
                )
                refused += _refused(part, dict.fromkeys(range(len(part)), reason))
                return []
        doubtful = set(suspects(refusal, part.points))
        if 0 < len(doubtful) < len(part):
            return [part.chosen(index in doubtful for index in range(len(part))), _without(part, doubtful)]
        return _halves(part)

    def _lose_patience(self, kind: Kind, reason: str) -> None:
        if kind in self._lost_patience:
            return
        if len(self._lost_patience) >= _MOST_KINDS:
            self._lost_patience.clear()
        self._lost_patience.add(kind)
        _log.warning(
            "many points of one kind refused", measurement=kind[0], fields=[name for name, _ in kind[1]], reason=reason
        )

    async def _post(self, encoded: Encoded) -> Answer:
        body = encoded.body
        if self._packed:
            body = await asyncio.to_thread(gzip.compress, body, 1)
        return await self._server.write(body, packed=self._packed)


def _refused(encoded: Encoded, reasons: Mapping[int, str]) -> Refused:
    return [RefusedPoint(encoded.points[index], reason) for index, reason in sorted(reasons.items())]


def _without(encoded: Encoded, which: Mapping[int, str] | set[int]) -> Encoded:
    return encoded.chosen(index not in which for index in range(len(encoded)))


def _halves(part: Encoded) -> list[Encoded]:
    middle = len(part) // 2
    return [part.ordered(range(middle)), part.ordered(range(middle, len(part)))]
