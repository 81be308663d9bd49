"""One class's way through a lane's messages: heard in their order, made events, numbered, and committed by the pipeline.

A group's numbers are given when it is made and stay with it however often its commit is tried. The transaction that commits
them moves the class's place from before the group to behind it, so a message is counted once whatever became of the tries.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar, cast

import structlog
from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.direct.messages import Kept, Messages
from ingest.direct.remarks import Remarks
from ingest.direct.settings import Table
from ingest.direct.stamp import Stamper
from ingest.patience import Patience, Stop
from ingest.pipeline import Beside, Pipeline
from ingest.receiving.parcel import Letter, Parcel, wrong_with
from ingest.receiving.strangers import told
from plumbline import codec
from plumbline.capture import Capture
from plumbline.delivery import BatchHeader, StreamKey
from plumbline.dialects import Said, Trouble
from plumbline.dialects.document import shown
from plumbline.errors import CodecError, PlumblineError
from plumbline.event import Event, EventClass
from plumbline.filters import Filters
from plumbline.listening import Entry, States
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

T = TypeVar("T")

#: Messages of one group.
_MOST: Final = 64
_DONE: Final = -1
#: How often windows that have ended are looked for, and the database where nobody said that there is something new.
_LOOK_S: Final = 1.0


class MovedError(PlumblineError):
    """A class's place is not where this group begins: it was committed already, or in part."""


@dataclass(frozen=True, slots=True)
class Step:
    """Which way through the messages a parcel goes; it stands where other parcels have their acknowledgement."""

    before: int
    after: int

    def __call__(self) -> None:
        """Nothing waits for it: the broker was told long ago."""


def step_of(parcel: Parcel) -> Step:
    """Which way a parcel of ours goes."""
    assert isinstance(parcel.ack, Step)
    return parcel.ack


@dataclass(slots=True)
class Numbers:
    """The numbers of one stream: whose it is, and which is the next."""

    stream: StreamKey
    next: int = 1

    def header(self, first: int) -> BatchHeader | None:
        """The header of what was numbered since `first`; `None` where nothing was."""
        if self.next == first:
            return None
        key = self.stream
        return BatchHeader(
            site=key.site, gateway=key.gateway, epoch=key.epoch, event_class=key.event_class, ranges=((first, self.next - 1),)
        )


@dataclass(slots=True)
class Opened:
    """What is made of one message."""

    parcel: Parcel
    captures: list[Capture] = field(default_factory=list[Capture])
    lost: list[str] = field(default_factory=list[str])
    said: bool = False


def class_of(one: Said | Capture) -> EventClass:
    """Which class the event will be."""
    kind = cast("type[Event]", getattr(one.event, "func", one.event))
    return kind.event_class


def judge(table: Table, site: SiteFile | None, event: Event, now: int) -> tuple[str, str] | None:
    """What stands against taking an event of a direct device: (reason, detail), or `None`."""
    if (wrong := wrong_with(event, site, now, known=True)) is not None or site is None:
        return wrong
    take = site.takes_unknown_devices(direct=True) if table.unknown_devices is None else table.unknown_devices == "take"
    return None if take or event.device in site.devices_by_id else ("unknown_device", told(event.device, site))


class Reading:
    """Reads one class of a lane until told to stop. Raises `LaneLostError` once another worker has the lane.

    Args:
        event_class: which.
        table: what is declared.
        epoch: of the numbers.
        messages: the lane's.
        entry: a dialect of its own, which has heard the announcements.
        pipeline: makes the pipeline around what belongs into its transactions.
        sites: the site files by id.
        stop: ends the reading: the group under way is committed, the rest stays where it is.
        on_commit: called after each commit.
        patience: how long to wait for a store.
        clock: UTC in ns.
    """

    def __init__(
        self,
        *,
        event_class: EventClass,
        table: Table,
        epoch: str,
        messages: Messages,
        entry: Entry,
        pipeline: Callable[[EventClass, Beside], Pipeline],
        sites: Mapping[str, SiteFile],
        stop: Stop,
        on_commit: Callable[[], None],
        failed: Callable[[str], None],
        patience: Patience,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._class: EventClass = event_class
        self._table = table
        self._messages = messages
        self._entry = entry
        self._pipeline = pipeline(event_class, self._beside)
        self._sites = sites
        self._stop = stop
        self._on_commit = on_commit
        self._failed = failed
        self._patience = patience
        self._clock = clock
        self._numbers = Numbers(StreamKey(table.site, table.name, epoch, event_class))
        self._stamper = Stamper(table.site, table.name)
        self._filters = Filters()
        self._states = States()
        self._remarks = Remarks(table.site, table.name)
        self._news = asyncio.Event()
        self._place = 0

    def wake(self) -> None:
        """There are new messages."""
        self._news.set()

    async def run(self, place: int) -> None:
        """Read from behind `place`."""
        self._place = place
        caught_up = False
        while not self._stop.is_set():
            self._news.clear()
            # While messages of before are read, windows end by the times of those messages alone.
            ended = self._ended(self._clock() / 1e9) if caught_up else []
            kept = await self._insist(lambda: self._messages.read(self._place, _MOST))
            if kept is None:
                return
            parcels = [*ended, *[await self._open(one) for one in kept]]
            if parcels and not await self._commit(parcels):
                return
            caught_up = len(kept) < _MOST
            if caught_up:
                await self._pause()
        if ended := self._ended(float("inf")):  # what windows hold at the end of service; where a store is away it is lost
            await self._commit(ended)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                waits = [asyncio.create_task(one.wait()) for one in (self._news, self._stop)]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for one in waits:
                        one.cancel()
        except TimeoutError:
            pass

    async def _commit(self, parcels: list[Parcel]) -> bool:
        """Commit a group, however many tries it takes; false where told to stop first."""
        while parcels:
            outcome = await self._insist(partial(self._try, parcels))
            if outcome is None:
                return False
            if outcome == _DONE:
                break
            parcels = [one for one in parcels if step_of(one).after > outcome]
            self._place = outcome
        if parcels:
            self._place = step_of(parcels[-1]).after
        self._on_commit()
        return True

    async def _try(self, parcels: Sequence[Parcel]) -> int:
        """Commit; returns `_DONE`, or how far an earlier try had come of which we had no answer."""
        try:
            await self._pipeline.commit(parcels)
        except MovedError:
            return await self._messages.place(self._class)
        return _DONE

    async def _beside(self, connection: AsyncConnection, parcels: Sequence[Parcel]) -> None:
        """In the transaction of a group, or of a part of one."""
        before, after = step_of(parcels[0]).before, step_of(parcels[-1]).after
        if not await self._messages.move(connection, self._class, before, after):
            raise MovedError(f"{self._table.site}/{self._table.name}: {self._class} was read further already")

    async def _open(self, kept: Kept) -> Parcel:
        """Hear a message and make a parcel of what it says. Never fails: whatever is wrong becomes a letter or a remark."""
        before, self._place = self._place, kept.position
        opened = Opened(Parcel(kept.topic, kept.payload, kept.received_at, Step(before, kept.position)))
        for one in await self._entry.hear(kept.topic, kept.payload):
            if isinstance(one, Trouble):
                self._trouble(kept, one, opened)
            elif not kept.retain or self._entry.accept_retained:
                opened.said = True
                self._say(one, kept, opened)
        # One that is older than what came before it must not take part in what is remembered of those.
        stamper = Stamper(self._table.site, self._table.name) if kept.again else self._stamper
        stamper.begin(kept.topic, kept.payload, kept.received_at)
        self._number(opened, stamper)
        if opened.lost and (not kept.retain or self._entry.accept_retained):
            reason = "partly_undecodable" if opened.said else "undecodable"
            detail = f"{shown(kept.topic)}: {'; '.join(opened.lost[:20])}"
            place = (self._table.site, self._table.name)
            letter = Letter(kept.topic, reason, detail, kept.payload, received_at=kept.received_at, place=place)
            opened.parcel.letters.append(letter)
        return opened.parcel

    def _trouble(self, kept: Kept, trouble: Trouble, opened: Opened) -> None:
        """Of the two readings of a message, that of business tells what is wrong with it."""
        if self._class != "business":
            return
        what = f"{trouble.device}: {trouble.what}" if trouble.device else trouble.what
        if trouble.lost and not kept.retain:
            opened.lost.append(what)
        else:
            self._remarks.say(trouble.device, kept.topic, trouble.what, kept.received_at)

    def _say(self, said: Said, kept: Kept, opened: Opened) -> None:
        if class_of(said) != self._class:
            return
        if kept.again:
            opened.captures.append(Capture(said.device, said.event, said.at_ns, "ntp", said.metrics))
            return
        turned = self._states.turn(said)
        if turned is None:
            return
        capture = Capture(turned.device, turned.event, turned.at_ns, "ntp", turned.metrics)
        ended, own = self._filters.take(capture, kept.received_at / 1e9)
        opened.captures += ended
        if own is not None:
            opened.captures.append(own)

    def _ended(self, now_s: float) -> list[Parcel]:
        """What windows and intervals that have ended hold, as a parcel of no message."""
        captures = self._filters.flush(now_s) if self._class == "telemetry" else []
        if not captures:
            return []
        now = self._clock()
        self._stamper.tick(now)
        opened = Opened(Parcel(self._table.name, b"", now, Step(self._place, self._place)), captures)
        self._number(opened, self._stamper)
        for what in opened.lost:
            self._remarks.say("", self._table.name, what, now)
        return [opened.parcel]

    def _number(self, opened: Opened, stamper: Stamper) -> None:
        """Complete and number the captures of a message; those that may not come in are refused with their number."""
        parcel, numbers = opened.parcel, self._numbers
        first, site, now = numbers.next, self._sites.get(self._table.site), self._clock()
        for capture in opened.captures:
            try:
                event = stamper.complete(capture)
            except CodecError as error:
                opened.lost.append(f"{capture.device}: {error.detail}")
                continue
            if event is None:
                continue
            event = structs.replace(event, epoch=numbers.stream.epoch, seq=numbers.next)
            numbers.next += 1
            if (wrong := judge(self._table, site, event, now)) is None:
                parcel.events.append(event)
            else:
                word, detail = wrong
                detail = f"{shown(parcel.topic)} #{event.seq}: {detail}"
                parcel.refused.append(Letter(parcel.topic, word, detail, codec.encode(event), numbers.stream, event.seq))
        parcel.header = numbers.header(first)

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T | None:
        return await self._patience.insist(
            act, task=f"direct {self._table.name} {self._class}", stop=self._stop, failed=self._failed
        )
