"""Asks gateways for numbers that are missing: what is known of, since when, how often, and no more often than that.

A hole is asked for when it has stood for a while although its gateway is online, soon after that gateway was born again, and
then ever more rarely. What lies *behind* the highest number is not known to the ledger (a database that was restored or
emptied says nothing of it): a gateway that says it is there and then sends nothing is asked once for whatever comes next. It
answers with what it has, and says what it will never have (`BatchHeader.lost`); what is on its way it does not repeat.

Any number of workers may keep watch: who asks is decided by the row of the stream in `gap_request`. Old epochs are not asked
for: their outbox is gone. What is thinned, dead or lost is settled, so it is no hole. Devices that publish straight to the
broker have nothing to send again and are never asked.
"""

import itertools
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import msgspec
import structlog
from sqlalchemy import ColumnElement, RowMapping, and_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.ledger import books
from ingest.ledger.direct_proof import places as places_of_direct
from ingest.ledger.verdict import ranges_text
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.tables import gap_request, ledger_stream
from ingest.upsert import insert_into, is_postgresql
from plumbline import codec, ranges, topics
from plumbline.delivery import Presence, ReplayRequest, StreamKey
from plumbline.event import CLASSES, EventClass
from plumbline.ranges import Pairs

_log: Final = structlog.get_logger()
_KEY: Final = ("site", "gateway", "epoch", "event_class")
_NS: Final = 1_000_000_000
_END: Final = 2**63 - 1
#: Ranges in one request: a gateway fills the lowest first, the next request asks for the rest.
MOST_RANGES: Final = 256
#: Streams with holes that are watched at a time, those that moved last first; names come from whoever publishes.
MOST_STREAMS: Final = 1000
_MOST_GATEWAYS: Final = 20_000

Say = Callable[[str, bytes], bool]
"""Publishes a payload to a topic; false where there is no connection now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """When gateways are asked."""

    every_s: float = 5.0
    """How often the ledger is looked at."""
    after_s: float = 15.0
    """A watermark that has stood still for so long before a hole is asked about."""
    born_s: float = 3.0
    """So long after the birth of a gateway a hole of before is asked for."""
    silent_s: float = 30.0
    """A gateway that is online and has sent nothing for so long is asked for what comes next, once."""
    cap_s: float = 3600.0
    """The longest wait between two requests for the same."""
    most: int = 50
    """Requests in one round."""

    def wait_s(self, in_vain: int) -> float:
        """How long after a request the next one may follow, when so many in a row have moved nothing."""
        return min(self.cap_s, self.after_s * 2.0 ** min(in_vain, 30))


@dataclass(slots=True)
class _Said:
    """What a gateway said of itself last."""

    online: bool
    epoch: str | None
    heard_at: int
    born: bool
    """Said just now, not only kept by the broker."""
    probed: bool = False


@dataclass(slots=True)
class _Hole:
    """A watermark that something is missing behind, and since when it has not moved."""

    upto: int
    since: int


class GapKeeper:
    """Watches the ledger for holes and asks for them until told to stop.

    Args:
        engine: the SQL database.
        say: how a request leaves.
        stop: ends it.
        metrics: counters.
        patience: how long to wait for a database that is away.
        asking: when gateways are asked.
        clock: UTC in ns.
        chance: gives a number in [0, 1): keeps several workers from asking at the same instant.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        say: Say,
        stop: Stop,
        metrics: Metrics,
        patience: Patience,
        asking: Asking | None = None,
        clock: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._say = say
        self._stop = stop
        self._metrics = metrics
        self._patience = patience
        self._asking = asking or Asking()
        self._clock = clock
        self._chance = chance
        self._said: dict[tuple[str, str], _Said] = {}
        self._holes: dict[StreamKey, _Hole] = {}

    def said(self, presence: Presence, retained: bool) -> None:
        """A gateway's birth, will or goodbye was heard; `retained`: the broker had kept it."""
        if len(self._said) >= _MOST_GATEWAYS:
            self._said.pop(next(iter(self._said)))
        place = (presence.site, presence.gateway)
        self._said.pop(place, None)
        self._said[place] = _Said(presence.online, presence.epoch, self._clock(), presence.online and not retained)

    def still_since(self, key: StreamKey) -> int | None:
        """Since when (ns) the watermark of a stream with holes has not moved, as far as this worker has seen."""
        hole = self._holes.get(key)
        return hole and hole.since

    async def run(self) -> None:
        """Serve until told to stop."""
        while not await self._stop.pause(self._asking.every_s * (0.5 + self._chance())):
            await self._patience.insist(
                self.look, task="gaps", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )

    async def look(self) -> int:
        """Look at the ledger once and ask for what is due; returns how many requests left. Raises what `insist` waits out."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            direct = await places_of_direct(connection)
            due = await self._open_holes(connection, direct)
            quiet = self._quiet(direct)
            silent = await self._silent(connection, quiet)
        asked = 0
        for key in due[: self._asking.most]:
            asked += await self._ask(key)
        for key in silent:
            asked += await self._probe(key)
        for said in quiet.values():
            said.probed = True
        return asked

    # Holes.

    async def _open_holes(self, connection: AsyncConnection, direct: Collection[tuple[str, str]]) -> list[StreamKey]:
        """Streams whose hole has stood long enough, as far as that is known without asking who asked last."""
        columns = [ledger_stream.c[name] for name in (*_KEY, "upto")]
        statement = select(*columns).where(ledger_stream.c.beyond != "[]")
        statement = statement.order_by(ledger_stream.c.last_seen.desc()).limit(MOST_STREAMS)
        now = self._clock()
        holes: dict[StreamKey, _Hole] = {}
        for row in (await connection.execute(statement)).mappings():
            key = _stream(row)
            if (key.site, key.gateway) in direct:
                continue
            known = self._holes.get(key)
            holes[key] = known if known is not None and known.upto == row["upto"] else _Hole(row["upto"], now)
        self._holes = holes
        due: list[StreamKey] = []
        for key, hole in holes.items():
            said = self._said.get((key.site, key.gateway))
            if said is not None and (not said.online or said.epoch not in {None, key.epoch}):
                continue
            since, wait_s = hole.since, self._asking.after_s
            if said is not None and said.born and hole.since <= said.heard_at:
                since, wait_s = said.heard_at, self._asking.born_s
            if now - since >= wait_s * _NS:
                due.append(key)
        return await self._not_asked_lately(connection, due)

    async def _not_asked_lately(self, connection: AsyncConnection, keys: Sequence[StreamKey]) -> list[StreamKey]:
        """Leave out what it is too early to ask for again, so that no transaction begins for nothing."""
        rows = await requests(connection, keys)
        return [key for key in keys if self._is_due(key, rows.get(key), self._holes[key].upto)]

    def _is_due(self, key: StreamKey, row: RowMapping | None, upto: int) -> bool:
        if row is None or row["asked_at"] is None:
            return True
        said = self._said.get((key.site, key.gateway))
        now = self._clock()
        if said is not None and said.born and row["asked_at"] <= said.heard_at:
            return True
        return now >= row["asked_at"] + self._asking.wait_s(row["in_vain"] if row["upto"] == upto else 0) * _NS

    async def _ask(self, key: StreamKey) -> bool:
        """Ask for the holes of a stream, unless another worker just did."""
        now = self._clock()
        async with self._engine.begin() as connection:
            row = await _claimed(connection, key)
            state = await _state_of(connection, key)
            if state is None:
                return False
            settled = books.parse(state["upto"], state["beyond"])
            missing = ranges.holes(settled)[:MOST_RANGES]
            if not missing or not self._is_due(key, row, state["upto"]) or not self._send(key, missing):
                return False
            in_vain = row["in_vain"] + 1 if row["upto"] == state["upto"] and row["asked_at"] is not None else 1
            asked = msgspec.json.encode(missing).decode()
            values = {"times": row["times"] + 1, "asked_at": now, "asked": asked, "upto": state["upto"], "in_vain": in_vain}
            await connection.execute(update(gap_request).where(_is(key)).values(values))
        _log.info(
            "missing numbers asked for",
            **place(key),
            ranges=ranges_text(missing),
            numbers=ranges.count(missing),
            times=row["times"] + 1,
        )
        return True

    # What lies behind the highest number.

    def _quiet(self, direct: Collection[tuple[str, str]]) -> dict[tuple[str, str], _Said]:
        """Gateways that said a while ago that they are there, and were not asked since."""
        now = self._clock()
        quiet = (
            (where, said)
            for where, said in self._said.items()
            if where not in direct
            and said.online
            and said.epoch
            and not said.probed
            and now - said.heard_at >= self._asking.silent_s * _NS
        )
        return dict(itertools.islice(quiet, self._asking.most))

    async def _silent(self, connection: AsyncConnection, quiet: Mapping[tuple[str, str], _Said]) -> list[StreamKey]:
        """Those of their streams of which nothing was committed since."""
        if not quiet:
            return []
        keys = [StreamKey(*where, cast("str", said.epoch), name) for where, said in quiet.items() for name in CLASSES]
        columns = [ledger_stream.c[name] for name in _KEY]
        statement = select(*columns, ledger_stream.c.last_seen).where(tuple_(*columns).in_([_values(key) for key in keys]))
        seen = {_stream(row): row["last_seen"] for row in (await connection.execute(statement)).mappings()}
        return [key for key in keys if seen.get(key, 0) <= quiet[key.site, key.gateway].heard_at]

    async def _probe(self, key: StreamKey) -> bool:
        """Ask for whatever comes after the highest number, unless another worker just did."""
        said = self._said.get((key.site, key.gateway))
        if said is None:
            return False
        async with self._engine.begin() as connection:
            row = await _claimed(connection, key)
            if row["probed_at"] is not None and row["probed_at"] > said.heard_at:
                return False
            state = await _state_of(connection, key)
            settled = books.parse(state["upto"], state["beyond"]) if state else ()
            highest = settled[-1][1] if settled else 0
            if highest >= _END or not self._send(key, ((highest + 1, _END),)):
                return False
            await connection.execute(update(gap_request).where(_is(key)).values(probed_at=self._clock()))
        _log.debug("asked for what comes next", **place(key), first=highest + 1)
        return True

    def _send(self, key: StreamKey, wanted: Pairs) -> bool:
        request = ReplayRequest(epoch=key.epoch, event_class=key.event_class, ranges=wanted)
        sent = self._say(topics.replay(key.site, key.gateway), codec.encode(request))
        if sent:
            self._metrics.asked.labels(key.event_class).inc()
        return sent


def place(key: StreamKey) -> dict[str, str]:
    """A stream for the log."""
    return {"site": key.site, "gateway": key.gateway, "epoch": key.epoch, "event_class": key.event_class}


async def requests(connection: AsyncConnection, keys: Sequence[StreamKey]) -> dict[StreamKey, RowMapping]:
    """What was asked of streams."""
    if not keys:
        return {}
    columns = [gap_request.c[name] for name in _KEY]
    statement = select(gap_request).where(tuple_(*columns).in_([_values(key) for key in keys]))
    return {_stream(row): row for row in (await connection.execute(statement)).mappings()}


async def _claimed(connection: AsyncConnection, key: StreamKey) -> RowMapping:
    """The row of a stream, ours until the transaction ends."""
    await connection.execute(
        insert_into(connection, gap_request).on_conflict_do_nothing(), [dict(zip(_KEY, _values(key), strict=True))]
    )
    statement = select(gap_request).where(_is(key))
    if is_postgresql(connection):
        statement = statement.with_for_update()
    return (await connection.execute(statement)).mappings().one()


async def _state_of(connection: AsyncConnection, key: StreamKey) -> RowMapping | None:
    table = ledger_stream.c
    columns = [table[name] == value for name, value in zip(_KEY, _values(key), strict=True)]
    return (await connection.execute(select(table.upto, table.beyond).where(*columns))).mappings().one_or_none()


def _is(key: StreamKey) -> ColumnElement[bool]:
    return and_(*(gap_request.c[name] == value for name, value in zip(_KEY, _values(key), strict=True)))


def _stream(row: RowMapping) -> StreamKey:
    return StreamKey(row["site"], row["gateway"], row["epoch"], cast("EventClass", row["event_class"]))


def _values(key: StreamKey) -> tuple[str, str, str, str]:
    return key.site, key.gateway, key.epoch, key.event_class
