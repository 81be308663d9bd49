"""How far each device is folded, kept in the database: in order as fixes come, and anew from a checkpoint where one comes late.

Folding anew takes place beside what is known (`Redo`), a bounded number of fixes at a time, and takes its place at once when it
has caught up: nobody sees a visit go and come again because an old fix arrived.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Row, and_, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.site import SiteFile
from tracking_service.geofence import fold
from tracking_service.geofence.fence import RADIUS_68, Fence, digest_of, fences_of, sigma_of
from tracking_service.geofence.fold import Entered, Happening, Left, Silent, State
from tracking_service.geofence.stay import Seen
from tracking_service.geofence.tables import checkpoint, movement, silence, tracker, visit
from tracking_service.tables import insert, insert_new

#: A checkpoint stands before the first fix of each span (ns); of those older than so many spans, the first of each day is kept.
SPAN_NS: Final = 3600 * 1_000_000_000
_KEPT: Final = 48
_DAY: Final = 24
_WHOSE: Final = ("site", "device")


class Redo(Struct):
    """A device's fixes, folded anew."""

    start: int
    """What was decided at this time (UTC, ns) and later is made anew."""
    fences: str
    state: State
    happened: list[Happening]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Redo)


class Ground(NamedTuple):
    """A site as the fold sees it."""

    site: SiteFile
    fences: Sequence[Fence]
    digest: str


def ground_of(site: SiteFile) -> Ground:
    """What the fold needs of a site file: made once for many devices."""
    return Ground(site, fences_of(site), digest_of(site))


class Course:
    """The fold of one device, in the caller's transaction.

    Args:
        connection: in a transaction.
        ground: whose zones count.
        device: its id.
        row: of `tracker`; `None`: nothing of the device was folded yet.
    """

    def __init__(self, connection: AsyncConnection, ground: Ground, device: str, row: Row[Any] | None) -> None:
        self._connection = connection
        self._site = ground.site
        self.device = device
        self._known = row is not None
        self._digest = ground.digest
        self._fences = ground.fences
        self._grid = ground.site.grid
        self._state = fold.decode(row.state) if row is not None else State()
        self._folded_with = row.fences if row is not None else self._digest
        self._redo = _decoder.decode(row.redo) if row is not None and row.redo is not None else None
        self.touched = False
        """Whether any visit may have changed."""

    @property
    def behind(self) -> bool:
        """Whether there is something to fold anew."""
        return self._redo is not None

    async def take(self, fresh: Sequence[Seen], late: int | None) -> None:
        """Fold fixes that just came and stand in `movement`; `late`: since when some others changed there."""
        if self._folded_with != self._digest and (self._redo is None or self._redo.fences != self._digest):
            await self._begin(None)
        ahead = [fix for fix in fresh if (fix.at, fix.id) > self._state.heard_last]
        if len(ahead) < len(fresh):
            old = min(fix.at for fix in fresh if (fix.at, fix.id) <= self._state.heard_last)
            late = old if late is None else min(old, late)
        if not self._known:  # what came before there was a site file is folded too
            late = 0
        if ahead and self._known:
            happened = await self._steps(self._state, ahead, checkpoints=self._redo is None and late is None)
            await self._apply(happened)
            self.touched = self.touched or bool(happened or self._state.inside)
        if late is not None:
            await self._begin(late)

    async def catch_up(self, limit: int) -> int:
        """Fold at most so many fixes anew; returns how many."""
        redo = self._redo
        if redo is None:
            return 0
        rows = await self._after(redo.state.heard_last, limit)
        redo.happened += await self._steps(redo.state, [seen(self._site, row) for row in rows], checkpoints=True)
        if len(rows) < limit:
            await self._undo(redo.start)
            await self._apply(redo.happened)
            self._state, self._folded_with, self._redo, self.touched = redo.state, redo.fences, None, True
        return len(rows)

    def row(self) -> dict[str, Any] | None:
        """How far it is, as a row of `tracker`; `None`: no fix is left."""
        last = self._state.last or (self._redo.state.last if self._redo is not None else None)
        if last is None and self._redo is None:
            return None
        lat, lon = self._grid.position(last.east, last.north) if last is not None else (self._site.lat, self._site.lon)
        return {
            "site": self._site.id,
            "device": self.device,
            "fences": self._folded_with,
            "at": last.at if last is not None else 0,
            "lat": lat,
            "lon": lon,
            "accuracy_m": last.sigma * RADIUS_68 if last is not None else None,
            "state": fold.encode(self._state),
            "redo": _encoder.encode(self._redo) if self._redo is not None else None,
        }

    async def forget(self) -> None:
        """No fix of the device is left."""
        await self._connection.execute(delete(tracker).where(self._mine(tracker)))

    async def _begin(self, late: int | None) -> None:
        """Fold anew from the newest checkpoint that has seen nothing of `late` or later; `None`: from the first fix."""
        redo = self._redo if self._redo is not None and self._redo.fences == self._digest else None
        if redo is not None and late is not None and late > redo.state.heard:
            return  # it gets there yet
        start, state = 0, State()
        if late is not None and self._known and (redo is not None or self._folded_with == self._digest):
            newest = select(checkpoint).where(self._mine(checkpoint), checkpoint.c.span <= late // SPAN_NS)
            row = (await self._connection.execute(newest.order_by(checkpoint.c.span.desc()).limit(1))).first()
            if row is not None:
                start, state = row.span * SPAN_NS, fold.decode(row.state)
        later = checkpoint.c.span > start // SPAN_NS if start else checkpoint.c.span >= 0
        await self._connection.execute(delete(checkpoint).where(self._mine(checkpoint), later))
        if redo is None:
            self._redo = Redo(start, self._digest, state, [])
        else:
            kept = [one for one in redo.happened if _decided(one) < start] if start >= redo.start else []
            self._redo = Redo(min(start, redo.start), self._digest, state, kept)

    async def _steps(self, state: State, fixes: Sequence[Seen], *, checkpoints: bool) -> list[Happening]:
        happened: list[Happening] = []
        rows: list[dict[str, Any]] = []
        before = state.heard // SPAN_NS
        for fix in fixes:
            span = fix.at // SPAN_NS
            if checkpoints and state.heard_id and span > state.heard // SPAN_NS:
                rows.append({"site": self._site.id, "device": self.device, "span": span, "state": fold.encode(state)})
            happened += fold.step(state, fix, self._fences)
        await insert_new(self._connection, checkpoint, rows)
        if rows and (rows[-1]["span"] // _DAY) > before // _DAY:
            await self._thin(rows[-1]["span"] - _KEPT)
        return happened

    async def _thin(self, before: int) -> None:
        old = select(checkpoint.c.span).where(self._mine(checkpoint), checkpoint.c.span < before).order_by(checkpoint.c.span)
        spans = (await self._connection.execute(old)).scalars().all()
        firsts = {span // _DAY: span for span in reversed(spans)}
        extra = [span for span in spans if firsts[span // _DAY] != span]
        for place in range(0, len(extra), 500):
            some = checkpoint.c.span.in_(extra[place : place + 500])
            await self._connection.execute(delete(checkpoint).where(self._mine(checkpoint), some))

    async def _undo(self, start: int) -> None:
        await self._connection.execute(delete(visit).where(self._mine(visit), visit.c.entered_at >= start))
        opened = {"until": None, "left_at": None, "left_id": None}
        await self._connection.execute(update(visit).where(self._mine(visit), visit.c.left_at >= start).values(opened))
        await self._connection.execute(delete(silence).where(self._mine(silence), silence.c.until >= start))

    async def _apply(self, happened: Sequence[Happening]) -> None:
        whose = {"site": self._site.id, "device": self.device}
        entered: dict[tuple[str, str], dict[str, Any]] = {}
        left: list[Left] = []
        silent: list[dict[str, Any]] = []
        for one in happened:
            if isinstance(one, Entered):
                times = {"since": one.at, "entered_at": one.decided_at, "until": None, "left_at": None, "left_id": None}
                entered[one.id, one.zone] = {"id": one.id, "zone": one.zone, **whose, **times}
            elif isinstance(one, Silent):
                silent.append({**whose, "since": one.since, "until": one.until})
            elif (row := entered.get((one.visit, one.zone))) is not None:
                row |= {"until": one.at, "left_at": one.decided_at, "left_id": one.id}
            else:
                left.append(one)
        await insert_new(self._connection, visit, list(entered.values()))
        await insert_new(self._connection, silence, silent)
        for one in left:
            here = and_(visit.c.id == one.visit, visit.c.zone == one.zone)
            values = {"until": one.at, "left_at": one.decided_at, "left_id": one.id}
            await self._connection.execute(update(visit).where(here).values(values))

    async def _after(self, place: tuple[int, str], limit: int) -> Sequence[Row[Any]]:
        later = tuple_(movement.c.at, movement.c.event_id) > place
        some = select(movement).where(self._mine(movement), movement.c.at >= place[0], later)
        return (await self._connection.execute(some.order_by(movement.c.at, movement.c.event_id).limit(limit))).all()

    def _mine(self, table: Any) -> ColumnElement[bool]:
        return and_(table.c.site == self._site.id, table.c.device == self.device)


async def save(connection: AsyncConnection, courses: Iterable[Course]) -> None:
    """Write down how far devices are; one of which no fix is left is forgotten."""
    rows: list[dict[str, Any]] = []
    for course in courses:
        row = course.row()
        if row is None:
            await course.forget()
        else:
            rows.append(row)
    if rows:
        statement = insert(connection, tracker)
        told = {name: statement.excluded[name] for name in rows[0] if name not in _WHOSE}
        await connection.execute(statement.on_conflict_do_update(index_elements=_WHOSE, set_=told), rows)


def seen(site: SiteFile, row: Row[Any]) -> Seen:
    """A row of `movement` in the site's metres."""
    east, north = site.grid.metres(row.lat, row.lon)
    return Seen(row.at, row.event_id, east, north, sigma_of(row.accuracy_m))


def _decided(one: Happening) -> int:
    return one.until if isinstance(one, Silent) else one.decided_at
