"""The correction of what was stamped before the gateway knew the time: in place, in slices, once per boot.

The reference of a boot is noted with the newest number of each class; from there the events are gone through to the oldest
of that boot. An agent that dies in the middle goes on where it was: an event is corrected or it is not, and with the same
reference it is corrected the same way. What is appended later is corrected as it comes. Numbers and ids stay.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from plumbline import ranges
from plumbline.clock import Reference, corrected
from plumbline.codec import decode_event, encode
from plumbline.errors import CodecError
from plumbline.event import CLASSES, Event, EventClass

if TYPE_CHECKING:
    from edge_agent.outbox.file import Stream

#: Events of one transaction: those that devices wait for share it.
SLICE: Final = 500
#: An event grows by at most so much: `original` comes in.
ROOM_BYTES: Final = 64
#: Boots whose reference is remembered.
_BOOTS: Final = 16


@dataclass(frozen=True, slots=True)
class Correction:
    """The first reference of a boot, and up to which number each class is still to be gone through."""

    reference: Reference
    left: Mapping[EventClass, int]

    @property
    def done(self) -> bool:
        """Whether everything has been gone through."""
        return not any(self.left.values())


class Corrections:
    """The corrections noted in a file. Within its transactions; `known` is to be put back where one fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.known: dict[str, Correction] = {}
        """By boot, oldest first."""

    def load(self) -> None:
        """Read what is noted."""
        rows = self._connection.execute("SELECT boot, quality, offset, mono, business, telemetry FROM correction ORDER BY made")
        self.known = {
            boot: Correction(Reference(quality, offset, mono), {"business": business, "telemetry": telemetry})
            for boot, quality, offset, mono, business, telemetry in rows
        }

    def note(self, boot: str, reference: Reference, streams: "Mapping[EventClass, Stream]") -> None:
        """Note the first reference of a boot; one that is noted stays."""
        if boot in self.known:
            return
        left: dict[EventClass, int] = {event_class: streams[event_class].last for event_class in CLASSES}
        self._connection.execute(
            "INSERT INTO correction(boot, quality, offset, mono, business, telemetry) VALUES (?, ?, ?, ?, ?, ?)",
            (boot, *reference, left["business"], left["telemetry"]),
        )
        self.known = {**self.known, boot: Correction(reference, left)}
        for old in [old for old, correction in self.known.items() if correction.done][: max(0, len(self.known) - _BOOTS)]:
            self._connection.execute("DELETE FROM correction WHERE boot = ?", (old,))
            self.known = {name: correction for name, correction in self.known.items() if name != old}

    def step(self, streams: "Mapping[EventClass, Stream]") -> None:
        """Go through the next slice of the oldest correction that is not done."""
        for boot, correction in self.known.items():
            for event_class, left in correction.left.items():
                if left:
                    left = self._slice(boot, correction.reference, event_class, left, streams[event_class])  # noqa: PLW2901 - what is left now
                    self._connection.execute(f"UPDATE correction SET {event_class} = ? WHERE boot = ?", (left, boot))  # noqa: S608 - our own name
                    self.known = {**self.known, boot: replace(correction, left={**correction.left, event_class: left})}
                    return

    def _slice(self, boot: str, reference: Reference, event_class: EventClass, left: int, stream: "Stream") -> int:
        query = f"SELECT seq, body FROM {event_class} WHERE seq <= ? ORDER BY seq DESC LIMIT ?"  # noqa: S608 - our own name
        rows: list[tuple[int, bytes]] = self._connection.execute(query, (left, SLICE)).fetchall()
        name = boot.encode()
        ours = [(seq, body) for seq, body in rows if name in body]
        changed = [(seq, body, new) for seq, body in ours if (new := _rewritten(body, boot, reference)) is not None]
        self._connection.executemany(
            f"UPDATE {event_class} SET body = ? WHERE seq = ?",  # noqa: S608 - our own name
            [(new, seq) for seq, _, new in changed],
        )
        for seq, body, new in changed:
            if ranges.contains(stream.committed, seq):
                stream.history_bytes += len(new) - len(body)
            else:
                stream.pending_bytes += len(new) - len(body)
        # The events of a boot are together: a slice without any lies before it.
        return rows[-1][0] - 1 if len(rows) == SLICE and ours else 0

    def settle(self, event: Event) -> Event:
        """The event as it is to be kept: corrected, where it was stamped before the reference of its boot and comes late."""
        if event.clock.quality != "free" or (correction := self.known.get(event.clock.boot)) is None:
            return event
        return corrected(event, event.clock.boot, correction.reference) or event


def _rewritten(body: bytes, boot: str, reference: Reference) -> bytes | None:
    if b'"free"' not in body:
        return None
    try:
        event = corrected(decode_event(body), boot, reference)
    except CodecError:  # nobody will be able to read it: let ingest say so
        return None
    return None if event is None else encode(event)
