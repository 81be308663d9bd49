"""Which minutes of which measurement have new readings: marked in the transaction that settles these, for `ingest.rollups.roller`.

A mark says that rollups must be computed by a round that begins after it. Points are in the series store before their events
are settled. So as long as no new round has begun since this worker marked a minute, what it settles of that minute will be read
by the next one: the mark is there and need not be made again. The number of the round is looked up, and believed for a moment
(`TRUST_S`); a round that has begun lets twice as long pass before it looks at marks and points, so nothing is lost by that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from time import monotonic
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.rollups.tables import rollup_mark, rollup_round
from ingest.upsert import Insert, insert_of, larger
from plumbline.event import Event, Reading
from plumbline.prepared import Prepared
from plumbline.rollup import MINUTE_NS

#: Minutes of one measurement in one group above which whole hours are marked.
MOST_MINUTES: Final = 30
#: Minutes that lie so close are all marked, without a look at each reading.
_CLOSE: Final = 3
#: Seconds for which the number of the round is believed. By clocks of one process only, so none needs to be right.
TRUST_S: Final = 0.5
#: Marks that are remembered.
_MOST: Final = 20_000
_ROUND: Final = select(rollup_round.c.number)


class Mark(NamedTuple):
    """Minutes of a measurement that are to be computed anew."""

    site: str
    measurement: str
    minute: int
    """The first, counted since 1970."""
    minutes: int
    """How many: 1 or 60."""


class Noted(NamedTuple):
    """What a transaction marked; it counts once that is committed."""

    round: int
    marks: set[Mark]


class Marks:
    """Marks what one pipeline settles. Its memory is what it marked since the last round began."""

    def __init__(self) -> None:
        self._round = -1
        self._known: set[Mark] = set()
        self._seen = (-1, 0.0)

    async def note(
        self, connection: AsyncConnection, events: Sequence[Event], kinds: set[type[Event]], sites: set[str]
    ) -> Noted | None:
        """Mark the minutes of the readings among events whose points are stored. Call `remember` after the commit.

        `kinds` and `sites`: all that the events have; who calls knows them already.
        """
        if Reading not in kinds:
            return None
        readings: Sequence[Any] = events if len(kinds) == 1 else [event for event in events if type(event) is Reading]
        number, since = self._seen
        now = monotonic()
        if number < 0 or now - since >= TRUST_S:
            number = await connection.scalar(_ROUND) or 0
            self._seen = (number, now)
        wanted = marks_of(readings, sites)
        new = wanted - self._known if number == self._round else wanted
        if new:
            await mark(connection, new, number)
        return Noted(number, new)

    def remember(self, noted: Noted | None) -> None:
        """What was marked is committed."""
        if noted is None:
            return
        if noted.round != self._round or len(self._known) > _MOST:
            self._round, self._known = noted.round, set()
        self._known |= noted.marks


def marks_of(readings: Sequence[Reading], sites: set[str]) -> set[Mark]:
    """The marks that readings of some sites ask for; where these say many things in few minutes, some more than that."""
    measurements = {reading.measurement for reading in readings}
    times = [reading.at for reading in readings]
    first, last = min(times) // MINUTE_NS, max(times) // MINUTE_NS
    if (len(sites) == 1 or len(measurements) == 1) and last - first < _CLOSE:
        return {Mark(*names, minute, 1) for names in product(sites, measurements) for minute in range(first, last + 1)}
    found: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for reading in readings:
        found[reading.site, reading.measurement].add(reading.at // MINUTE_NS)
    return {entry for (site, measurement), minutes in found.items() for entry in _marks(site, measurement, minutes)}


def _marks(site: str, measurement: str, minutes: set[int]) -> Iterator[Mark]:
    if len(minutes) <= MOST_MINUTES:
        return (Mark(site, measurement, minute, 1) for minute in minutes)
    return (Mark(site, measurement, hour * 60, 60) for hour in {minute // 60 for minute in minutes})


async def mark(connection: AsyncConnection, marks: Iterable[Mark], number: int) -> None:
    """Put marks down, in their order: two workers never wait for each other in a ring."""
    await _MARKS.write(connection, [(*entry, number) for entry in sorted(marks)])


def _statement(postgresql: bool) -> Insert:
    statement = insert_of(rollup_mark, postgresql=postgresql)
    newer = larger(rollup_mark.c.round, statement.excluded.round)
    return statement.on_conflict_do_update(index_elements=list(rollup_mark.primary_key), set_={"round": newer})


_MARKS: Final = Prepared(_statement, *Mark._fields, "round")


def ranges(minutes: Iterable[int], *, gap: int = 2) -> Iterator[tuple[int, int]]:
    """Minutes as ranges (first, behind the last) in order; small gaps are taken in, and none goes over a quarter of an hour."""
    first = behind = None
    for minute in sorted(minutes):
        if first is None or behind is None:
            first = minute
        elif minute - behind > gap or minute // 15 != first // 15:
            yield first, behind
            first = minute
        behind = minute + 1
    if first is not None and behind is not None:
        yield first, behind
