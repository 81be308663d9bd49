"""What happens to a damaged outbox: it is put aside under another name, and what can be read moves to a new file.

The new file has a new epoch and numbers the saved events anew. Their ids stay, so that what ingest already had is
recognised as a repetition.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog
from msgspec import structs

from edge_agent.outbox import wal
from edge_agent.outbox.correction import Corrections
from edge_agent.outbox.errors import OutboxDamagedError, OutboxError
from edge_agent.outbox.file import OutboxFile, connect
from plumbline import ranges
from plumbline.codec import decode_event, encode
from plumbline.errors import CodecError
from plumbline.event import CLASSES, Event, EventClass

_log = structlog.get_logger(__name__)
_PAGE: Final = 500
_WAITING: Final = ".salvage-"


def check_log(path: Path) -> None:
    """Look at the log that a killed agent left, before SQLite reads it. Raises `OutboxError`."""
    try:
        hole = wal.has_hole(_wal(path))
    except OSError as error:
        raise OutboxError(f"{_wal(path)}: cannot be read ({error.strerror}); check the disk and the file's owner") from error
    if hole:
        raise OutboxDamagedError(f"{_wal(path)}: is damaged before its end; it is put aside and what can be read is kept")


def put_aside(path: Path) -> None:
    """Rename the file and its log to `<name>.salvage-<UTC time>`: to be rescued. Raises `OutboxError`."""
    stem = f"{path.name}{_WAITING}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    aside, n = path.with_name(stem), 1
    while aside.exists() or _done(aside).exists():
        aside, n = path.with_name(f"{stem}-{n}"), n + 1
    _rename(_wal(path), _wal(aside))
    _rename(path, aside)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def finish(path: Path) -> None:
    """Complete a `put_aside` that a power cut interrupted between the log and its file. Raises `OutboxError`.

    Without its log the file could pass for a sound one that lacks its newest events.
    """
    for log in path.parent.glob(f"{path.name}{_WAITING}*-wal"):
        aside = log.with_name(log.name.removesuffix("-wal"))
        if not aside.exists():
            _rename(path, aside)


def rescue_all(into: OutboxFile) -> None:
    """Move what is readable and not committed from every file put aside into the open one.

    A file keeps its `.salvage-` name until all of it is in, so that an agent that dies in the middle does it again: the
    repetitions have the same ids. Then it is called `.damaged-` and left for whoever wants to look. Raises `OutboxError`.
    """
    for aside in sorted(into.path.parent.glob(f"{into.path.name}{_WAITING}*")):
        if aside.name.endswith(("-wal", "-shm")):
            continue
        try:
            wal.mend(_wal(aside))
        except OSError as error:
            raise OutboxError(f"{_wal(aside)}: cannot be mended ({error.strerror}); check the disk") from error
        _take_references(aside, into)
        saved = sum(_rescue(aside, into, event_class) for event_class in CLASSES)
        aside.with_name(aside.name + "-shm").unlink(missing_ok=True)
        _rename(_wal(aside), _wal(_done(aside)))
        _rename(aside, _done(aside))
        _log.error("outbox.salvaged", kept_as=str(_done(aside)), saved_events=saved, epoch=into.epoch)


def _done(aside: Path) -> Path:
    return aside.with_name(aside.name.replace(_WAITING, ".damaged-"))


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _rename(old: Path, new: Path) -> None:
    try:
        if old.exists():
            old.rename(new)
    except OSError as error:
        raise OutboxError(f"{old}: is damaged and cannot be renamed ({error.strerror}); check the folder's owner") from error


def _rescue(aside: Path, into: OutboxFile, event_class: EventClass) -> int:
    saved = 0
    page: list[Event] = []
    for event in _readable(aside, event_class):
        if (event.site, event.gateway) != (into.site, into.gateway):
            _log.warning("outbox.salvage.lost", file=str(aside), id=event.id, owner=f"{event.site}/{event.gateway}")
            continue
        page.append(event)
        if len(page) == _PAGE:
            saved += _add(into, event_class, page)
            page = []
    return saved + _add(into, event_class, page)


def _add(into: OutboxFile, event_class: EventClass, events: list[Event]) -> int:
    if events:
        seq = into.streams[event_class].last + 1
        with into.transaction(full=True):
            settled = [into.corrections.settle(event) for event in events]
            bodies = [encode(structs.replace(event, epoch=into.epoch, seq=seq + i)) for i, event in enumerate(settled)]
            into.append(event_class, bodies)
    return len(events)


def _take_references(aside: Path, into: OutboxFile) -> None:
    """Take over what corrects the events of earlier boots, so that it does so as they come in."""
    try:
        with closing(connect(aside)) as connection:
            old = Corrections(connection)
            old.load()
    except sqlite3.Error as error:
        _log.warning("outbox.salvage.references_lost", file=str(aside), error=str(error))
        return
    with into.transaction(full=True):
        for boot, correction in old.known.items():
            into.corrections.note(boot, correction.reference, into.streams)


def _readable(aside: Path, event_class: EventClass) -> Iterator[Event]:
    """Events that can still be read, in order: from the front up to the first broken page, then what is behind it."""
    try:
        with closing(connect(aside)) as connection:
            committed = _committed(connection, event_class)
            reached = 0
            try:
                for seq, body in connection.execute(f"SELECT seq, body FROM {event_class} ORDER BY seq"):  # noqa: S608 - our own name
                    reached = seq
                    yield from _good(seq, body, committed)
            except sqlite3.Error as error:
                _log.warning("outbox.salvage.gap", file=str(aside), event_class=event_class, behind=reached, error=str(error))
                yield from _from_the_end(connection, event_class, reached, committed)
    except sqlite3.Error as error:
        _log.error("outbox.salvage.unreadable", file=str(aside), event_class=event_class, error=str(error))


def _from_the_end(
    connection: sqlite3.Connection, event_class: EventClass, reached: int, committed: ranges.Pairs
) -> Iterator[Event]:
    tail: list[int] = []
    try:
        query = f"SELECT seq FROM {event_class} WHERE seq > ? ORDER BY seq DESC"  # noqa: S608 - our own name
        tail.extend(seq for (seq,) in connection.execute(query, (reached,)))
    except sqlite3.Error:
        _log.warning("outbox.salvage.gap", event_class=event_class, before=tail[-1] if tail else None)
    for seq in reversed(tail):
        try:
            row = connection.execute(f"SELECT body FROM {event_class} WHERE seq = ?", (seq,)).fetchone()  # noqa: S608 - our own name
        except sqlite3.Error as error:
            _log.warning("outbox.salvage.lost", event_class=event_class, seq=seq, error=str(error))
            continue
        if row is not None:
            yield from _good(seq, row[0], committed)


def _committed(connection: sqlite3.Connection, event_class: EventClass) -> ranges.Pairs:
    try:
        rows: Iterable[tuple[int, int]] = connection.execute(
            "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
            " FROM committed, json_each(committed.ranges) WHERE class = ?",
            (event_class,),
        ).fetchall()
        return ranges.union(rows)
    except sqlite3.Error as error:
        _log.warning("outbox.salvage.watermark_lost", event_class=event_class, error=str(error))
        return ()


def _good(seq: int, body: object, committed: ranges.Pairs) -> Iterator[Event]:
    if ranges.contains(committed, seq):
        return
    try:
        event = decode_event(body if isinstance(body, bytes) else b"")
    except CodecError as error:
        _log.warning("outbox.salvage.lost", seq=seq, error=str(error))
    else:
        yield event
