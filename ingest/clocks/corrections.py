"""The correction of what gateways sent before they knew the time (`plumbline.clock_set`).

A reference may come before, between or behind the events of its boot. What comes behind it is corrected on its way in
(`straighten`); what is there already, in the inbox and among the dead letters, by `Corrector.sweep`, which goes over it again
for a while, since another worker may have been on its way in at that moment. Points of a clock that was evidently not set
were never written, so they are written once, at the right time; points of a clock that merely nobody vouched for stay.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.projection.mail import announce
from ingest.receiving.parcel import AHEAD_NS, Letter, Parcel, wrong_with
from ingest.tables import clock_reference, dead_letter
from ingest.upsert import insert_into
from plumbline import codec
from plumbline.clock import Reference, corrected
from plumbline.clock_set import ClockSet
from plumbline.errors import CodecError
from plumbline.event import Event
from plumbline.inbox import inbox
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()
_quality: Final = attrgetter("clock.quality")

#: Dead letters that a correction may make good.
REASONS: Final = ("clock_unset", "clock_ahead")
#: So long after a reference was told, what was on its way in is looked for.
SETTLED_NS: Final = 120_000_000_000
#: Nothing of a boot arrives before it began, but our clock and the gateway's may differ.
_APART_NS: Final = 3_600_000_000_000
#: What was told so long ago was corrected before this service was started.
_OLD_NS: Final = 86_400 * 10**9
_PAGE: Final = 1000
#: Rows that are looked at again by the next sweep: numbers are not committed in their order.
_AGAIN: Final = 2000


class Boot(NamedTuple):
    """Whose clock."""

    site: str
    gateway: str
    boot: str


async def learn(connection: AsyncConnection, said: ClockSet, now: int) -> None:
    """Note the references that are new; the first word about a boot counts. One from a day ahead of us is not believed."""
    ahead = [one for one in said.boots if one.before_ns + one.offset_ns > now + AHEAD_NS]
    for one in ahead:
        _log.warning(
            "a gateway's clock was set ahead of ours: nothing is corrected by it",
            gateway=said.gateway,
            boot=one.boot,
            check="the gateway's time server or receiver, and our own clock",
        )
    rows = [
        {
            "site": said.site,
            "gateway": said.gateway,
            "boot": one.boot,
            "quality": one.quality,
            "offset_ns": one.offset_ns,
            "before_ns": one.before_ns,
            "told_at": now,
        }
        for one in said.boots
        if one not in ahead
    ]
    if rows:
        await connection.execute(insert_into(connection, clock_reference).on_conflict_do_nothing(), rows)


async def known(connection: AsyncConnection, gateways: Collection[tuple[str, str]]) -> Mapping[Boot, Reference]:
    """The references of some gateways."""
    table = clock_reference.c
    wanted = select(clock_reference).where(table.gateway.in_({gateway for _, gateway in gateways}))
    return {Boot(row.site, row.gateway, row.boot): _reference(row) for row in await connection.execute(wanted)}


def _reference(row: Any) -> Reference:
    return Reference(row.quality, row.offset_ns, row.before_ns)


def straighten_event(event: Event, references: Mapping[Boot, Reference]) -> Event | None:
    """The event corrected; `None` where there is nothing to correct, or nothing known."""
    clock = event.clock
    if clock.quality != "free" or (found := references.get(Boot(event.site, event.gateway, clock.boot))) is None:
        return None
    return corrected(event, clock.boot, found)


def doubtful(parcels: Sequence[Parcel]) -> set[tuple[str, str]]:
    """The gateways of events that nobody vouches for."""
    if _vouched_for(parcels):
        return set()
    return {
        (parcel.header.site, parcel.header.gateway)
        for parcel in parcels
        if parcel.header is not None
        and ("free" in map(_quality, parcel.events) or any(letter.reason in REASONS for letter in parcel.refused))
    }


def _vouched_for(parcels: Sequence[Parcel]) -> bool:
    """Whether nothing was refused and somebody vouches for each time."""
    for parcel in parcels:
        if parcel.refused:
            return False
        for event in parcel.events:
            if event.clock.quality == "free":
                return False
    return True


def straighten(parcels: Iterable[Parcel], references: Mapping[Boot, Reference], sites: Mapping[str, SiteFile]) -> None:
    """Correct what parcels hold, in place; what was refused for its time alone is taken in."""
    for parcel in parcels:
        events = [straighten_event(event, references) or event for event in parcel.events]
        refused: list[Letter] = []
        for letter in parcel.refused:
            event = _freed(letter.payload, references) if letter.reason in REASONS else None
            if event is not None and wrong_with(event, sites.get(event.site), parcel.received_at) is None:
                events.append(event)
            else:
                refused.append(letter)
        if len(refused) < len(parcel.refused):
            events.sort(key=lambda event: event.seq)
        parcel.events, parcel.refused = events, refused


def _freed(payload: bytes, references: Mapping[Boot, Reference]) -> Event | None:
    try:
        return straighten_event(codec.decode_event(payload), references)
    except CodecError:
        return None


@dataclass(slots=True)
class _Place:
    told_at: int
    position: int = 0
    """How far the inbox has been gone through for this boot; 0: not at all."""


class Corrector:
    """Corrects what lies in the database already.

    Args:
        engine: the SQL database, migrated.
        clock: UTC in ns.
    """

    def __init__(self, *, engine: AsyncEngine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock
        self._places: dict[Boot, _Place] = {}
        self._letters = 0
        """How far the dead letters have been gone through with the references of now."""

    async def sweep(self) -> int:
        """Go through what may need it; returns how many events were corrected. Raises what `Patience.insist` waits out."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            rows = (await connection.execute(select(clock_reference))).all()
        references = {Boot(row.site, row.gateway, row.boot): _reference(row) for row in rows}
        now, done = self._clock(), 0
        if any(boot not in self._places for boot in references):
            self._letters = 0
        for row in rows:
            boot = Boot(row.site, row.gateway, row.boot)
            old = now - row.told_at > _OLD_NS
            place = self._places.setdefault(boot, _Place(row.told_at, position=1 if old else 0))
            if place.position == 0 or now - place.told_at <= SETTLED_NS:
                done += await self._inbox(boot, references[boot], place)
        if references:
            done += await self._dead(references)
        return done

    async def _inbox(self, boot: Boot, reference: Reference, place: _Place) -> int:
        done, reached = 0, max(1, place.position - _AGAIN)
        since = reference.offset_ns - _APART_NS
        while True:
            chosen = (
                select(inbox.c.position, inbox.c.body)
                .where(inbox.c.position >= reached, inbox.c.received_at >= since)
                .where(inbox.c.site == boot.site, inbox.c.gateway == boot.gateway)
                .order_by(inbox.c.position)
                .limit(_PAGE)
            )
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                rows = (await connection.execute(chosen)).all()
            done += await self._rewrite([(row.position, row.body) for row in rows], boot, reference)
            if len(rows) < _PAGE:
                place.position = max(place.position, rows[-1].position if rows else reached)
                return done
            reached = rows[-1].position + 1

    async def _rewrite(self, rows: Sequence[tuple[int, bytes]], boot: Boot, reference: Reference) -> int:
        name = boot.boot.encode()
        changed: list[tuple[int, bytes, Event, bool]] = []
        for position, body in rows:
            if b'"free"' in body and name in body and (event := _freed(body, {boot: reference})) is not None:
                changed.append((position, body, event, codec.decode_event(body).clock.unset))
        if not changed:
            return 0
        async with self._engine.begin() as connection:
            for position, body, event, unset in changed:
                values: dict[str, Any] = {"body": codec.encode(event), "at": event.at, "processed_at": None}
                if unset:  # its points were held back
                    values["projected"] = False
                same = (inbox.c.position == position) & (inbox.c.body == body)
                await connection.execute(update(inbox).where(same).values(**values))
            await announce(connection)
        _log.info("events corrected", gateway=boot.gateway, boot=boot.boot, count=len(changed))
        return len(changed)

    async def _dead(self, references: Mapping[Boot, Reference]) -> int:
        """Ask for the replay of letters whose time is known now."""
        table, done = dead_letter.c, 0
        waits = table.replayed_at.is_(None) & table.replay_requested_at.is_(None)
        reached = max(0, self._letters - _AGAIN)
        while True:
            waiting = (
                select(table.id, table.payload)
                .where(table.id > reached, table.reason.in_(REASONS), table.seq.is_not(None))
                .where(waits)
                .order_by(table.id)
                .limit(_PAGE)
            )
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                rows = (await connection.execute(waiting)).all()
            freed = [(row.id, event) for row in rows if (event := _freed(row.payload, references)) is not None]
            if freed:
                async with self._engine.begin() as connection:
                    for number, event in freed:
                        body = codec.encode(event)
                        values = {"payload": body, "size": len(body), "replay_requested_at": self._clock()}
                        # Another worker may have had it replayed since we looked: once more it would count twice.
                        await connection.execute(update(dead_letter).where(table.id == number, waits).values(**values))
                done += len(freed)
            if rows:
                reached = rows[-1].id
            if len(rows) < _PAGE:
                self._letters = max(self._letters, reached)
                return done
