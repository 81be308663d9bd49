"""The ledger: which numbers of each stream are settled, and how many came in, came twice, came late, died, were thinned, or lost.

A number is *settled* once its event is committed, kept as a dead letter, or declared thinned or lost by its gateway; the watermark
is how far everything is settled. A stream's row is locked from `lock` to the end of the transaction, so that any number of
workers keep one account (`ingest.ledger.account`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Select, Update, bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.ledger.account import Account
from ingest.tables import COUNTS, ledger_day, ledger_lost, ledger_stream, ledger_thinned
from ingest.upsert import Insert, insert_into, insert_of, is_postgresql, larger, smaller
from plumbline import ranges
from plumbline.delivery import StreamKey
from plumbline.event import EventClass
from plumbline.prepared import Prepared, Row
from plumbline.ranges import Pairs

_counts: Final = attrgetter(*COUNTS)
_KEY: Final = ("site", "gateway", "epoch", "event_class")
#: Streams asked for at once: SQLite and PostgreSQL take some 32,000 parameters a statement.
_AT_ONCE: Final = 500
_pairs: Final = msgspec.json.Decoder(tuple[tuple[int, int], ...])
_Row = tuple[str, str, str, str, int, str, int, int]


def parse(upto: int, beyond: str) -> Pairs:
    """What a row's `upto` and `beyond` say is settled."""
    above = _pairs.decode(beyond)
    return ((1, upto), *above) if upto else above


async def peek(connection: AsyncConnection, keys: Collection[StreamKey]) -> dict[StreamKey, Pairs]:
    """What is settled, without a lock: a hint that only saves work (what is settled stays settled)."""
    found: dict[StreamKey, Pairs] = {}
    for some in _portions(keys):
        for site, gateway, epoch, cls, upto, text, _, _ in await _rows(connection, some, locked=False):
            found[StreamKey(site, gateway, epoch, cast("EventClass", cls))] = parse(upto, text)
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
    accounts: dict[StreamKey, Account] = {}
    for some in _portions(keys):
        for site, gateway, epoch, cls, upto, text, first, last in await _rows(connection, some, locked=True):
            key = StreamKey(site, gateway, epoch, cast("EventClass", cls))
            accounts[key] = Account(key, parse(upto, text), first, last)
    return accounts


def _portions(keys: Collection[StreamKey]) -> Iterator[Sequence[StreamKey]]:
    """The keys in their order, so many at once: workers that lock rows in one order never wait for each other in a ring."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


async def _rows(connection: AsyncConnection, keys: Sequence[StreamKey], *, locked: bool) -> Sequence[_Row]:
    postgresql = is_postgresql(connection)
    if len(keys) == 1:
        [key] = keys
        found = await connection.execute(_row_of_one(postgresql and locked), dict(zip(_KEY, _values(key), strict=True)))
    else:
        found = await connection.execute(_rows_of_many(postgresql and locked), {"keys": [_values(key) for key in keys]})
    return cast("Sequence[_Row]", found.all())


def _choice() -> Select[Any]:
    column = ledger_stream.c
    names = [column[name] for name in _KEY]
    return select(*names, column.upto, column.beyond, column.first_seen, column.last_seen).order_by(*names)


@cache
def _row_of_one(for_update: bool) -> Select[Any]:
    chosen = _choice().where(*(ledger_stream.c[name] == bindparam(name) for name in _KEY))
    return chosen.with_for_update() if for_update else chosen


@cache
def _rows_of_many(for_update: bool) -> Select[Any]:
    names = [ledger_stream.c[name] for name in _KEY]
    chosen = _choice().where(tuple_(*names).in_(bindparam("keys", expanding=True)))
    return chosen.with_for_update() if for_update else chosen


async def save(connection: AsyncConnection, accounts: Mapping[StreamKey, Account], now: int) -> None:
    """Write back what was entered since `lock`."""
    streams: list[Row] = []
    days: list[Row] = []
    thinned: list[dict[str, Any]] = []
    lost: list[dict[str, Any]] = []
    for key, account in sorted(accounts.items()):
        values = _values(key)
        upto, beyond = ranges.watermark(account.settled)
        streams.append((upto, msgspec.json.encode(beyond).decode(), *_counts(account.totals), now, *values))
        days += (
            (*values, day, *_counts(counts), counts.first_seq, counts.last_seq) for day, counts in sorted(account.days.items())
        )
        names = dict(zip(_KEY, values, strict=True)) if account.thinned or account.lost else {}
        thinned += [names | {"first": first, "last": last, "told_at": now} for first, last in account.thinned]
        lost += [names | {"first": first, "last": last, "told_at": now} for first, last in account.lost]
    await _STREAMS.write(connection, streams)
    await _DAYS.write(connection, days)
    if thinned:
        await connection.execute(insert_into(connection, ledger_thinned).on_conflict_do_nothing(), thinned)
    if lost:
        await connection.execute(insert_into(connection, ledger_lost).on_conflict_do_nothing(), lost)


def _stream_update(_postgresql: bool) -> Update:
    column = ledger_stream.c
    return (
        update(ledger_stream)
        .where(*(column[name] == bindparam(f"b_{name}") for name in _KEY))
        .values(
            {column[name]: column[name] + bindparam(f"b_{name}") for name in COUNTS}
            | {
                column.upto: bindparam("b_upto"),
                column.beyond: bindparam("b_beyond"),
                column.last_seen: bindparam("b_seen"),
            }
        )
    )


def _day_upsert(postgresql: bool) -> Insert:
    statement = insert_of(ledger_day, postgresql=postgresql)
    new, old = statement.excluded, ledger_day.c
    return statement.on_conflict_do_update(
        index_elements=[*_KEY, "day"],
        set_={name: old[name] + new[name] for name in COUNTS}
        | {
            "first_seq": smaller(old.first_seq, new.first_seq),
            "last_seq": larger(old.last_seq, new.last_seq),
        },
    )


_STREAMS: Final = Prepared(
    _stream_update, "b_upto", "b_beyond", *(f"b_{name}" for name in COUNTS), "b_seen", *(f"b_{name}" for name in _KEY)
)
_DAYS: Final = Prepared(_day_upsert, *_KEY, "day", *COUNTS, "first_seq", "last_seq")


def _values(key: StreamKey) -> tuple[str, str, str, str]:
    return key.site, key.gateway, key.epoch, key.event_class
