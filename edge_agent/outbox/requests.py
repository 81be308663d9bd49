"""What is asked of the thread that writes: add events, note a watermark, bring all to the disk, correct times.

Each request waits in a `Future` for its answer; many share a transaction.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import structs

from edge_agent.outbox.correction import ROOM_BYTES
from edge_agent.outbox.errors import OutboxDamagedError, OutboxRefusedError
from edge_agent.outbox.file import OutboxFile
from plumbline.clock import Reference
from plumbline.codec import MAX_EVENT_BYTES, encode
from plumbline.delivery import Watermark
from plumbline.errors import CodecError
from plumbline.event import Event, EventClass


@dataclass(slots=True, eq=False)
class Append:
    """Keep these events, in this order."""

    events: Sequence[Event]
    done: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Commit:
    """Note what ingest holds."""

    watermark: Watermark
    done: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Sync:
    """Bring everything to the disk."""

    done: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Correct:
    """The first reference of a boot is to be noted, or the next slice to be corrected."""

    first: tuple[str, Reference] | None
    done: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Broken:
    """Somebody who read the file of `epoch` found it damaged."""

    epoch: str
    error: OutboxDamagedError
    done: asyncio.Future[None]


Work = Append | Commit | Sync | Correct | Broken


def is_telemetry(work: Work) -> bool:
    """Whether a request may be put off while the disk is full."""
    return type(work) is Append and all(event.event_class == "telemetry" for event in work.events)


def apply(work: Work, file: OutboxFile) -> Exception | None:  # noqa: C901 - one case for each kind of request
    """Do one request within a transaction; what is wrong with it alone is its answer, what is wrong for all is raised."""
    match work:
        case Append():
            try:
                bodies = _encoded(work.events, file)
            except OutboxRefusedError as error:
                return error
            for event_class, texts in bodies.items():
                file.append(event_class, texts)
        case Commit():
            if work.watermark.epoch == file.epoch:
                _commit(file, work.watermark)
        case Sync():
            file.mark()
        case Correct():
            if work.first is None:
                file.corrections.step(file.streams)
            else:
                file.corrections.note(*work.first, file.streams)
        case Broken():
            if work.epoch == file.epoch:
                raise work.error
    return None


def _commit(file: OutboxFile, mark: Watermark) -> None:
    newest = max([mark.upto, *(last for _, last in mark.beyond)])
    ours = file.streams[mark.event_class].last
    if newest > ours:
        raise OutboxDamagedError(
            f"{file.path}: ingest holds {mark.event_class} number {newest} but this file ends at {ours}: it is an older"
            " copy; it is put aside and what ingest does not hold moves to a new one"
        )
    file.commit_watermark(mark.event_class, mark.upto, mark.beyond)


def _encoded(events: Sequence[Event], file: OutboxFile) -> dict[EventClass, list[bytes]]:
    """Number and encode; touches nothing, so that an event that cannot be written leaves no hole."""
    bodies: dict[EventClass, list[bytes]] = {}
    streams, epoch, corrections = file.streams, file.epoch, file.corrections
    for given in events:
        event = corrections.settle(given)
        texts = bodies.setdefault(event.event_class, [])
        seq = streams[event.event_class].last + len(texts) + 1
        try:
            body = encode(structs.replace(event, epoch=epoch, seq=seq))
        except (CodecError, msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise OutboxRefusedError(f"{event.device}: the event {event.id} cannot be written as JSON: {error}") from error
        limit = MAX_EVENT_BYTES - (ROOM_BYTES if event.clock.quality == "free" else 0)
        if len(body) > limit:
            raise OutboxRefusedError(f"{event.device}: the event {event.id} has {len(body)} bytes, at most {limit} are sent")
        texts.append(body)
    return bodies
