"""The ledger: which numbers of each stream are settled, and how many came in, came twice, came late, died, were thinned, or lost.

A number is *settled* once its event is committed, kept as a dead letter, or declared thinned or lost by its gateway; the watermark
is how far everything is settled. A stream's row is locked from `lock` to the end of the transaction, so that any number of
workers keep one account. `settle` and `Account` are arithmetic without a database.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec
from sqlalchemy import Select, bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.days import SiteDays
from ingest.tables import COUNTS, ledger_day, ledger_lost, ledger_stream, ledger_thinned
from ingest.upsert import insert_into, is_postgresql, larger, smaller
from plumbline import ranges
from plumbline.delivery import BatchHeader, StreamKey, Watermark
from plumbline.event import Event, EventClass
from plumbline.ranges import Pairs

#: Received this long after it happened, an event counts as late.
LATE_NS: Final = 300 * 1_000_000_000
#: Ranges kept beyond the watermark. A batch that would tear more holes waits until the gateway has filled some.
MAX_BEYOND: Final = 10_000
#: Ranges beyond the watermark that are told to the gateway: enough to save most repetition, small on the wire.
TOLD_BEYOND: Final = 256

_KEY: Final = ("site", "gateway", "epoch", "event_class")
_pairs: Final = msgspec.json.Decoder(tuple[tuple[int, int], ...])
N = TypeVar("N")
_Row = tuple[str, str, str, str, int, str, int]


class Settlement(NamedTuple):
    """What a batch changes in a stream."""

    settled: Pairs
    """Everything settled afterwards."""
    fresh: Pairs
    """The batch's numbers that were not settled before."""
    thinned: Pairs
    """Numbers that the gateway dropped by policy and had not said so before."""
    lost: Pairs = ()
    """Numbers that the gateway will never have again and had not said so before."""


def settle(settled: Pairs, numbers: Pairs, thinned: Pairs, lost: Pairs = ()) -> Settlement:
    """Put a batch's numbers, its thinned and its lost ones into what is settled."""
    fresh = numbers
    if settled and numbers and numbers[0][0] <= settled[-1][1]:
        fresh = ranges.difference(numbers, settled)
    after = ranges.union(settled, fresh) if fresh else settled
    dropped: Pairs = ()
    if thinned:
        dropped = ranges.difference(thinned, after)
        after = ranges.union(after, dropped)
    gone: Pairs = ()
    if lost:
        gone = ranges.difference(lost, after)
        after = ranges.union(after, gone)
    return Settlement(after, fresh, dropped, gone)


def pick(items: Sequence[tuple[int, N]], wanted: Pairs, total: int) -> list[N]:
    """Of (number, item) pairs those whose number is `wanted`; `total` numbers were asked about."""
    count = ranges.count(wanted)
    if count == total:
        return [item for _, item in items]
    if not count:
        return []
    numbers = {n for first, last in wanted for n in range(first, last + 1)}
    return [item for number, item in items if number in numbers]


@dataclass(slots=True)
class Counts:
    """The counters of a stream or of one of its days."""

    received: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    thinned: int = 0
    lost: int = 0
    first_seq: int = 2**63 - 1
    last_seq: int = 0

    def see(self, first: int, last: int) -> None:
        """Widen the span of numbers."""
        self.first_seq, self.last_seq = min(self.first_seq, first), max(self.last_seq, last)


@dataclass(slots=True)
class Account:
    """One stream's account while its row is locked; `save` writes what was entered."""

    key: StreamKey
    settled: Pairs
    first_seen: int
    totals: Counts = field(default_factory=Counts)
    days: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    thinned: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    lost: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def enter(self, header: BatchHeader, now: int, calendar: SiteDays) -> Pairs | None:
        """Settle a batch's numbers and return the fresh ones; `None`: too many holes, nothing was entered."""
        result = settle(self.settled, header.ranges, header.thinned, header.lost)
        if len(result.settled) > MAX_BEYOND and len(result.settled) > len(self.settled):
            return None
        self.settled = result.settled
        if result.thinned:
            count = ranges.count(result.thinned)
            self.thinned.extend(result.thinned)
            self.totals.thinned += count
            day = self.days[calendar.day(now)]
            day.thinned += count
            day.see(result.thinned[0][0], result.thinned[-1][1])
        if result.lost:
            count = ranges.count(result.lost)
            self.lost.extend(result.lost)
            self.totals.lost += count
            day = self.days[calendar.day(now)]
            day.lost += count
            day.see(result.lost[0][0], result.lost[-1][1])
        return result.fresh

    def book(self, fresh: Collection[Event], repeated: Collection[Event], now: int, calendar: SiteDays) -> None:
        """Count events that were taken in, and those that had been before, each on its site-local day."""
        for day, events in _by_day(fresh, calendar):
            counts = self.days[day]
            late = sum(now - event.at > LATE_NS for event in events)
            counts.received += len(events)
            counts.late += late
            counts.see(events[0].seq, events[-1].seq)
            self.totals.received += len(events)
            self.totals.late += late
        for day, events in _by_day(repeated, calendar):
            self.days[day].duplicate += len(events)
            self.days[day].see(events[0].seq, events[-1].seq)
            self.totals.duplicate += len(events)

    def bury(self, numbers: Sequence[int], repeated: int, day: str) -> None:
        """Count refused events on the day of their arrival: `numbers` are fresh, `repeated` more had died before."""
        if numbers:
            self.days[day].dead += len(numbers)
            self.days[day].see(min(numbers), max(numbers))
            self.totals.dead += len(numbers)
        self.totals.duplicate += repeated

    def revive(self, event: Event, buried: str, calendar: SiteDays) -> None:
        """Count a replayed dead letter as received after all."""
        self.totals.dead -= 1
        self.totals.received += 1
        self.days[buried].dead -= 1
        self.days[buried].see(event.seq, event.seq)
        day = self.days[calendar.day(event.at)]
        day.received += 1
        day.see(event.seq, event.seq)

    def watermark(self) -> Watermark:
        """What the gateway is told."""
        upto, beyond = ranges.watermark(self.settled)
        return Watermark(
            site=self.key.site,
            gateway=self.key.gateway,
            epoch=self.key.epoch,
            event_class=self.key.event_class,
            upto=upto,
            beyond=beyond[:TOLD_BEYOND],
        )


def _by_day(events: Collection[Event], calendar: SiteDays) -> Iterable[tuple[str, list[Event]]]:
    """Runs of events of one day; nearly always there is just one."""
    if not events:
        return
    run: list[Event] = []
    today = ""
    for event in events:
        day = calendar.day(event.at)
        if day != today and run:
            yield today, run
            run = []
        today = day
        run.append(event)
    yield today, run


def _rows_of(keys: Iterable[StreamKey]) -> Select[Any]:
    columns = [ledger_stream.c[name] for name in _KEY]
    wanted = [(key.site, key.gateway, key.epoch, key.event_class) for key in keys]
    chosen = select(*columns, ledger_stream.c.upto, ledger_stream.c.beyond, ledger_stream.c.first_seen)
    return chosen.where(tuple_(*columns).in_(wanted)).order_by(*columns)


def parse(upto: int, beyond: str) -> Pairs:
    """What a row's `upto` and `beyond` say is settled."""
    above = _pairs.decode(beyond)
    return ((1, upto), *above) if upto else above


async def peek(connection: AsyncConnection, keys: Collection[StreamKey]) -> dict[StreamKey, Pairs]:
    """What is settled, without a lock: a hint that only saves work (what is settled stays settled)."""
    rows = cast("list[_Row]", (await connection.execute(_rows_of(keys))).all())
    found = {
        StreamKey(site, gateway, epoch, cast("EventClass", cls)): parse(upto, text)
        for site, gateway, epoch, cls, upto, text, _ in rows
    }
    return {key: found.get(key, ()) for key in keys}


async def lock(connection: AsyncConnection, keys: Collection[StreamKey], now: int) -> dict[StreamKey, Account]:
    """Open the accounts of streams until the transaction ends; streams never seen get a row. Always in the order of the keys."""
    accounts = await _locked(connection, keys)
    missing = sorted(set(keys) - accounts.keys())
    if missing:  # after the insert, ours or another worker's, the rows are there
        new = [dict(zip(_KEY, _values(key), strict=True), first_seen=now, last_seen=now) for key in missing]
        await connection.execute(insert_into(connection, ledger_stream).on_conflict_do_nothing(), new)
        accounts |= await _locked(connection, missing)
    return accounts


async def _locked(connection: AsyncConnection, keys: Collection[StreamKey]) -> dict[StreamKey, Account]:
    statement = _rows_of(keys)
    found = await connection.execute(statement.with_for_update() if is_postgresql(connection) else statement)
    rows = cast("list[_Row]", found.all())
    accounts: dict[StreamKey, Account] = {}
    for site, gateway, epoch, event_class, upto, beyond, first_seen in rows:
        key = StreamKey(site, gateway, epoch, cast("EventClass", event_class))
        accounts[key] = Account(key, parse(upto, beyond), first_seen)
    return accounts


async def save(connection: AsyncConnection, accounts: Mapping[StreamKey, Account], now: int) -> None:
    """Write back what was entered since `lock`."""
    streams: list[dict[str, Any]] = []
    days: list[dict[str, Any]] = []
    thinned: list[dict[str, Any]] = []
    lost: list[dict[str, Any]] = []
    for key, account in sorted(accounts.items()):
        names = dict(zip(_KEY, _values(key), strict=True))
        upto, beyond = ranges.watermark(account.settled)
        totals = {f"b_{name}": getattr(account.totals, name) for name in COUNTS}
        where = {f"b_{name}": value for name, value in names.items()}
        streams.append(where | totals | {"b_upto": upto, "b_beyond": msgspec.json.encode(beyond).decode(), "b_seen": now})
        for day, counts in sorted(account.days.items()):
            values = {name: getattr(counts, name) for name in (*COUNTS, "first_seq", "last_seq")}
            days.append(names | {"day": day} | values)
        thinned += [names | {"first": first, "last": last, "told_at": now} for first, last in account.thinned]
        lost += [names | {"first": first, "last": last, "told_at": now} for first, last in account.lost]
    table = ledger_stream
    if streams:
        await connection.execute(
            update(table)
            .where(*(table.c[name] == bindparam(f"b_{name}") for name in _KEY))
            .values(
                {table.c[name]: table.c[name] + bindparam(f"b_{name}") for name in COUNTS}
                | {
                    table.c.upto: bindparam("b_upto"),
                    table.c.beyond: bindparam("b_beyond"),
                    table.c.last_seen: bindparam("b_seen"),
                }
            ),
            streams,
        )
    if days:
        statement = insert_into(connection, ledger_day)
        new, old = statement.excluded, ledger_day.c
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[*_KEY, "day"],
                set_={name: old[name] + new[name] for name in COUNTS}
                | {
                    "first_seq": smaller(old.first_seq, new.first_seq),
                    "last_seq": larger(old.last_seq, new.last_seq),
                },
            ),
            days,
        )
    if thinned:
        await connection.execute(insert_into(connection, ledger_thinned).on_conflict_do_nothing(), thinned)
    if lost:
        await connection.execute(insert_into(connection, ledger_lost).on_conflict_do_nothing(), lost)


def _values(key: StreamKey) -> tuple[str, str, str, str]:
    return key.site, key.gateway, key.epoch, key.event_class
