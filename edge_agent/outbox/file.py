"""The outbox's SQLite file, without threads: numbers, transactions, ranges. `Outbox` gives it an asyncio face.

Write-ahead log; one connection writes. How hard a commit is brought to the disk is chosen per transaction by
`PRAGMA synchronous`: FULL waits for the disk, NORMAL survives the death of the process but may lose the last
transactions in a power cut.
"""

import contextlib
import json
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_agent.outbox import thinning
from edge_agent.outbox.correction import Corrections
from edge_agent.outbox.errors import OutboxDamagedError, OutboxRefusedError, explain
from plumbline import ranges
from plumbline.event import CLASSES, EventClass
from plumbline.ids import new_epoch
from plumbline.ranges import Pairs

VERSION: Final = 3
_MOST_PAGES: Final = 2**30
#: Rows a statement inserts. One statement for many rows matters: Python gives up its lock around every statement, and a
#: busy event loop would get in between each two rows.
_CHUNKS: Final = (256, 16, 1)
_INSERT: Final = {
    (event_class, rows): f"INSERT INTO {event_class}(seq, body) VALUES {','.join(['(?,?)'] * rows)}"  # noqa: S608 - our own names
    for event_class in CLASSES
    for rows in _CHUNKS
}


class Stored(NamedTuple):
    """An event as it lies in the file: its number and its JSON."""

    seq: int
    body: bytes


@dataclass(slots=True)
class Stream:
    """Where one class stands."""

    last: int = 0
    """The newest number; 0: none yet."""
    durable: int = 0
    """Up to here a power cut takes nothing away."""
    committed: Pairs = ()
    """What ingest holds."""
    thinned: Pairs = ()
    """Dropped by policy, which ingest does not know yet."""
    pending_bytes: int = 0
    history_bytes: int = 0

    @property
    def upto(self) -> int:
        """How far ingest holds everything."""
        return ranges.watermark(self.committed)[0]

    @property
    def pending(self) -> int:
        """How many events ingest does not hold yet."""
        return self.last - ranges.count(self.committed) - ranges.count(self.thinned)


class OutboxFile:
    """The open file. Not safe for several threads at once; `transaction` brackets every change.

    Raises `OutboxError` from everything; `OutboxDamagedError` where the content is broken.
    """

    def __init__(self, path: Path, *, site: str, gateway: str, history_bytes: int) -> None:
        self.path = path
        self.site = site
        self.gateway = gateway
        self._history_bytes = history_bytes
        self._waits: bool | None = None
        """Whether a commit waits for the disk, as last told to SQLite."""
        self._swept = 0
        """Where the sweep that thins telemetry has come to."""
        self._least = 0
        """Telemetry in these numbers cannot be thinned any more."""
        self.streams: dict[EventClass, Stream] = {event_class: Stream() for event_class in CLASSES}
        try:
            self._connection = connect(path)
        except sqlite3.Error as error:
            raise explain(path, error) from error
        self.corrections = Corrections(self._connection)
        try:
            with self._explained():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close in good order."""
        try:
            with self.transaction(full=True):
                self._connection.execute("UPDATE identity SET closed = 1")
        finally:
            self._connection.close()

    def abandon(self) -> None:
        """Close a file that is damaged."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self, *, full: bool) -> Generator[None]:
        """Commit all or nothing; `full` returns only when the disk has it, and so has everything before."""
        before: dict[EventClass, Stream] = {name: replace(self.streams[name]) for name in CLASSES}
        corrections = self.corrections.known
        try:
            with self._explained():
                if full is not self._waits:
                    self._connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
                    self._waits = full
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            self.streams, self.corrections.known = before, corrections
            raise
        if full:
            for stream in self.streams.values():
                stream.durable = stream.last

    def append(self, event_class: EventClass, bodies: Sequence[bytes]) -> None:
        """Add events whose JSON already carries the next numbers: `streams[event_class].last + 1` and on."""
        stream = self.streams[event_class]
        seq, at = stream.last + 1, 0
        for rows in _CHUNKS:
            statement = _INSERT[event_class, rows]
            while len(bodies) - at >= rows:
                values: list[Any] = [None] * (2 * rows)
                values[::2] = range(seq + at, seq + at + rows)
                values[1::2] = bodies[at : at + rows]
                self._connection.execute(statement, values)
                at += rows
        stream.last += len(bodies)
        stream.pending_bytes += sum(map(len, bodies))

    def mark(self) -> None:
        """Change a row, so that a `full` transaction without events still has something to bring to the disk."""
        self._connection.execute("UPDATE identity SET synced = synced + 1")

    def commit_watermark(self, event_class: EventClass, upto: int, beyond: Iterable[tuple[int, int]]) -> None:
        """Note what ingest holds, and drop history over its bound. Numbers that were never given are not noted."""
        stream = self.streams[event_class]
        said = ranges.union(((1, upto),) if upto > 0 else (), beyond)
        known = tuple((first, min(last, stream.last)) for first, last in said if 1 <= first <= stream.last)
        news = ranges.difference(known, stream.committed)
        if not news:
            return
        moved = sum(self._bytes(event_class, first, last) for first, last in news)
        stream.committed = ranges.union(stream.committed, news)
        stream.pending_bytes -= moved
        stream.history_bytes += moved
        self._note("committed", event_class, stream.committed)
        if stream.thinned:
            stream.thinned = ranges.difference(stream.thinned, stream.committed)
            self._note("thinned", event_class, stream.thinned)
        if stream.history_bytes > self._history_bytes:
            self._forget(event_class, stream, stream.history_bytes - self._history_bytes)

    @property
    def kept_bytes(self) -> int:
        """What all events take, without SQLite's own share."""
        return sum(stream.pending_bytes + stream.history_bytes for stream in self.streams.values())

    def make_room(self, wanted: int) -> int:
        """Free `wanted` bytes of events, or as many as policy gives, and return how many.

        First goes what ingest holds already, then telemetry that it does not: a block of numbers in two, from the oldest to
        the newest, and then again from the oldest, so that what is old becomes sparse and nothing of it blank. The dropped
        numbers are kept as `thinned` until ingest knows them. Business events stay, whatever happens.
        """
        freed = 0
        telemetry = self.streams["telemetry"]
        if not any(stream.history_bytes for stream in self.streams.values()) and telemetry.pending <= self._least:
            return 0  # what is left was tried already
        for event_class in reversed(CLASSES):
            stream = self.streams[event_class]
            if freed < wanted and stream.history_bytes:
                before = stream.history_bytes
                self._forget(event_class, stream, min(before, wanted - freed))
                freed += before - stream.history_bytes
        while freed < wanted and ((step := self._thin(wanted - freed)) or self._swept):
            freed += step
            self._swept = 0 if not step else self._swept
        self._least = telemetry.pending + thinning.BLOCK if freed < wanted else 0
        return freed

    def _thin(self, wanted: int) -> int:
        """Drop every second block of the telemetry that is owed, from where the last sweep has come to, until it is enough."""
        stream = self.streams["telemetry"]
        owed = ranges.difference(((self._swept + 1, stream.last),), [*stream.committed, *stream.thinned])
        dropped: list[tuple[int, int]] = []
        freed = 0
        for first, last in thinning.blocks(owed)[1::2]:
            if freed >= wanted:
                break
            freed += self._bytes("telemetry", first, last)
            self._connection.execute("DELETE FROM telemetry WHERE seq BETWEEN ? AND ?", (first, last))
            dropped.append((first, last))
        if dropped:
            self._swept = dropped[-1][1]
            stream.pending_bytes -= freed
            stream.thinned = ranges.union(stream.thinned, dropped)
            self._note("thinned", "telemetry", stream.thinned)
        return freed

    def shorten_log(self) -> None:
        """Give the write-ahead log's room back to the disk, as far as nobody reads it."""
        with self._explained():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def keep_log_short(self, size: int) -> None:
        """Write the log back into the file when it has about `size` bytes, so that there is always room for that."""
        with self._explained():
            page = self._connection.execute("PRAGMA page_size").fetchone()[0]
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {max(8, min(1000, size // page))}").fetchall()

    def may_grow(self, grow: bool) -> None:
        """Let the file grow, or hold it at the size it has: then a full file is noticed before its log fills the disk."""
        with self._explained():
            pages = _MOST_PAGES if grow else self._connection.execute("PRAGMA page_count").fetchone()[0]
            self._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    def _note(self, table: str, event_class: EventClass, what: Pairs) -> None:
        self._connection.execute(
            f"INSERT INTO {table}(class, ranges) VALUES (?1, ?2) ON CONFLICT(class) DO UPDATE SET ranges = ?2",  # noqa: S608 - our own name
            (event_class, json.dumps(what)),
        )

    def _forget(self, event_class: EventClass, stream: Stream, excess: int) -> None:
        """Delete the oldest committed events: at least `excess` bytes of them, where there are so many."""
        if excess >= stream.history_bytes and stream.committed == ((1, stream.upto),):
            self._connection.execute(f"DELETE FROM {event_class} WHERE seq <= ?", (stream.upto,))  # noqa: S608 - our own name
            stream.history_bytes = 0
            return
        cut = 0
        rows = self._connection.execute(
            f"SELECT seq, length(body) FROM {event_class} WHERE seq <= ? ORDER BY seq",  # noqa: S608 - our own name
            (stream.upto,),
        )
        for seq, size in rows:
            cut, excess = seq, excess - size
            stream.history_bytes -= size
            if excess <= 0:
                break
        rows.close()
        self._connection.execute(f"DELETE FROM {event_class} WHERE seq <= ?", (cut,))  # noqa: S608 - our own name

    def _bytes(self, event_class: EventClass, first: int, last: int) -> int:
        query = f"SELECT coalesce(sum(length(body)), 0) FROM {event_class} WHERE seq BETWEEN ? AND ?"  # noqa: S608 - our own name
        return int(self._connection.execute(query, (first, last)).fetchone()[0])

    def _prepare(self) -> None:
        run = self._connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise OutboxRefusedError(f"{self.path}: was written by a newer agent (form {version}); install that one again")
        if run("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise OutboxRefusedError(f"{self.path}: the file system cannot hold a write-ahead log; put 'data' on a local disk")
        if version == 0:
            self._create()
        elif version < VERSION:
            self._upgrade(version)
        row = run("SELECT epoch, site, gateway, closed FROM identity").fetchone()
        if row is None:
            raise OutboxDamagedError(f"{self.path}: has lost its identity; it is put aside and what can be read is kept")
        self.epoch, owner = str(row[0]), (row[1], row[2])
        if owner != (self.site, self.gateway):
            raise OutboxRefusedError(
                f"{self.path}: belongs to {owner[0]}/{owner[1]}, this is {self.site}/{self.gateway}; give 'data' another folder,"
                " or the gateway its old name until everything is sent"
            )
        if not row[3]:
            found = run("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise OutboxDamagedError(f"{self.path}: is damaged ({found}); it is put aside and what can be read is kept")
        for event_class, stream in self.streams.items():
            self._restore(event_class, stream)
        self.corrections.load()
        with self.transaction(full=True):
            run("UPDATE identity SET closed = 0")

    def _create(self) -> None:
        with self.transaction(full=True):
            for statement in _schema():
                self._connection.execute(statement)
            self._connection.execute(
                "INSERT INTO identity(one, epoch, site, gateway, closed, synced) VALUES (1, ?, ?, ?, 1, 0)",
                (new_epoch(), self.site, self.gateway),
            )
            self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _upgrade(self, version: int) -> None:
        """From version 1: there was nothing thinned; from 1 and 2: nothing was corrected."""
        wanted = ("CREATE TABLE IF NOT EXISTS thinned", "CREATE TABLE IF NOT EXISTS correction")[version - 1 :]
        with self.transaction(full=True):
            for statement in _schema():
                if statement.lstrip().startswith(wanted):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _restore(self, event_class: EventClass, stream: Stream) -> None:
        stream.committed, stream.thinned = self._noted("committed", event_class), self._noted("thinned", event_class)
        newest = self._connection.execute(f"SELECT max(seq) FROM {event_class}").fetchone()[0]  # noqa: S608 - our own name
        stream.last = max([newest or 0, *(last for _, last in (*stream.committed, *stream.thinned))])
        stream.history_bytes = sum(self._bytes(event_class, first, last) for first, last in stream.committed)
        stream.pending_bytes = self._bytes(event_class, 0, stream.last) - stream.history_bytes

    def _noted(self, table: str, event_class: EventClass) -> Pairs:
        query = f"SELECT ranges FROM {table} WHERE class = ?"  # noqa: S608 - our own name
        row = self._connection.execute(query, (event_class,)).fetchone()
        return () if row is None else ranges.union((int(first), int(last)) for first, last in json.loads(row[0]))

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self.path, error) from error


def _schema() -> list[str]:
    return resources.files("edge_agent.outbox").joinpath("schema.sql").read_text(encoding="utf-8").split(";\n")


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that leaves transactions to us; whoever opens it uses it from one thread at a time."""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def read(
    connection: sqlite3.Connection,
    event_class: EventClass,
    wanted: Iterable[tuple[int, int]],
    *,
    max_events: int,
    max_bytes: int,
) -> list[Stored]:
    """Read the events of `wanted` in order, up to the limits but at least one; numbers that are gone are passed over."""
    found: list[Stored] = []
    size = 0
    query = f"SELECT seq, body FROM {event_class} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own name
    for first, last in wanted:
        rows = connection.execute(query, (first, last, max_events - len(found)))
        for row in rows:
            size += len(row[1])
            if found and size > max_bytes:
                rows.close()
                return found
            found.append(Stored(row[0], row[1]))
        if len(found) >= max_events:
            break
    return found
