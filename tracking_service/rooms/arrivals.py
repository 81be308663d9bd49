"""What scans brought and what went back: linked to lines, or waiting for a person.

What becomes of a scan follows from its content, the orders, and the office's acts about it, in their order: it is made anew
from these whenever one of them changes (`relink`). What of it counts is `counting`'s.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, select, tuple_, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from plumbline.event import Scan
from plumbline.linking import Identity, Known, Linked, Share, Unlinked, identify, link, quantity_of
from plumbline.material import Coded, Line
from plumbline.prepared import Prepared
from plumbline.text import Text, visible
from tracking_service import acts, catalogue
from tracking_service.log.tables import act, voided
from tracking_service.rooms.ground import Ground, portions
from tracking_service.tables import (
    certificate,
    evidence,
    insert_all,
    kept,
    material_line,
    millionths,
    orders,
    unlinked_scan,
)

#: Acts that say what becomes of a scan.
_ABOUT_SCANS: Final = ("link", "unlink", "quantity")
_NOTHING: Final = Decimal(0)
#: The device of what the office did.
OFFICE: Final = "office"
#: An import looks through so many of the newest unlinked scans of the site.
LOOKED_AGAIN: Final = 10_000
_THERE: Final = (evidence.c.event_id, evidence.c.line_id, evidence.c.piece)
#: What is known of these pieces, and of these events.
_KNOWN: Final = union_all(
    select(*_THERE).where(tuple_(evidence.c.line_id, evidence.c.piece).in_(bindparam("pieces", expanding=True))),
    select(*_THERE).where(evidence.c.event_id.in_(bindparam("events", expanding=True))),
)
_COLUMNS: Final = tuple(column.name for column in evidence.c)
_INSERT: Final = Prepared(
    lambda postgres: (
        (postgresql if postgres else sqlite)
        .insert(evidence)
        .values({name: bindparam(name) for name in _COLUMNS})
        .on_conflict_do_nothing()
    ),
    *_COLUMNS,
)
_VOIDED: Final = select(voided.c.ref).where(among(voided.c.ref, "some"))

Found = Linked | Known | Unlinked


class Row(NamedTuple):
    """A line's piece: what is counted together."""

    line: str
    piece: str


class Alone(NamedTuple):
    """A scan that brought a piece of which nothing else is known: it counts, and its row says so already."""

    event: str
    line: str
    at: int
    quantity: Decimal
    certified: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """What was made of scans."""

    found: Sequence[tuple[Scan, Found]] = ()
    fresh: frozenset[Row] = frozenset()
    """Pieces that came of which more is known: what of that counts is yet to be said."""
    alone: frozenset[Alone] = frozenset()
    """The others; what they brought is yet to be added to their lines."""
    lines: frozenset[str] = frozenset()
    """Lines of which rows were taken away or changed: they are counted anew."""
    lacking: frozenset[str] = frozenset()
    """Scans of what has not its certificate."""

    def and_(self, other: "Stored") -> "Stored":
        """Both."""
        return Stored(
            [*self.found, *other.found],
            self.fresh | other.fresh,
            self.alone | other.alone,
            self.lines | other.lines,
            self.lacking | other.lacking,
        )


async def store(connection: AsyncConnection, scans: Sequence[Scan], ground: Ground) -> Stored:
    """Take in scans; those that came before with another time are made anew."""
    moved = {scan.id for scan in scans if scan.clock.original is not None}
    before = await forget(connection, moved) if moved else Stored()
    return before.and_(await _write(connection, scans, ground, acted=moved))


async def relink(connection: AsyncConnection, ids: Collection[str], ground: Ground) -> Stored:
    """Make anew what became of these events; of those that do not count nothing is left."""
    if not ids:
        return Stored()
    before = await forget(connection, ids)
    gone = await voided_of(connection, ids)
    events = await ground.events(connection, [one for one in ids if one not in gone])
    scans = [event for event in events if isinstance(event, Scan)]
    return before.and_(await _write(connection, scans, ground, acted=set(ids)))


async def forget(connection: AsyncConnection, ids: Collection[str]) -> Stored:
    """Take away what scans or returns brought."""
    lines: set[str] = set()
    for some in portions(sorted(ids)):
        theirs = select(evidence.c.line_id).where(evidence.c.event_id.in_(some)).distinct()
        lines.update((await connection.execute(theirs)).scalars())
        await connection.execute(delete(evidence).where(evidence.c.event_id.in_(some)))
        await connection.execute(delete(unlinked_scan).where(unlinked_scan.c.event_id.in_(some)))
    return Stored(lines=frozenset(lines))


async def of_order(connection: AsyncConnection, number: str, site: str) -> set[str]:
    """The scans that a change of an order may concern: its own, and those of its site that wait."""
    here = select(material_line.c.id).where(material_line.c.order_number == number)
    own = select(evidence.c.event_id).where(evidence.c.line_id.in_(here), evidence.c.device != OFFICE)
    waiting = (
        select(unlinked_scan.c.event_id)
        .where(unlinked_scan.c.site == site, unlinked_scan.c.kind == "scan", unlinked_scan.c.reason != "unreadable")
        .order_by(unlinked_scan.c.event_id.desc())  # by the time of capture, which no correction moves
        .limit(LOOKED_AGAIN)
    )
    return {*(await connection.execute(own)).scalars(), *(await connection.execute(waiting)).scalars()}


async def refuse(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note events that cannot be read; they wait among the unlinked with their reason."""
    await insert_all(connection, unlinked_scan, rows)


async def return_(connection: AsyncConnection, done: acts.ReturnAct, *, site: str, at: int) -> Stored:
    """Note what went back; of the piece that a scan brought, where it is named."""
    piece, batch = f"return:{done.id}", done.batch
    if done.event is not None:
        here = (evidence.c.event_id == done.event) & (evidence.c.line_id == done.line)
        known = (await connection.execute(select(evidence.c.piece, evidence.c.batch).where(here))).first()
        if known is not None:
            piece, batch = known.piece, batch or known.batch
    required = select(material_line.c.id).where(material_line.c.id == done.line, material_line.c.certificate_required)
    needing = (await connection.execute(required)).scalars().all()
    row = _row(done.id, done.line, site=site, device=OFFICE, at=at, piece=piece, quantity=-done.quantity, batch=batch)
    await _insert(connection, [row], needing)
    return Stored(lines=frozenset((done.line,)))


async def returns_of(connection: AsyncConnection, number: str) -> Stored:
    """Note again what went back of an order's lines: a line that was gone may be back."""
    here = (act.c.order_number == number) & (act.c.kind == "return") & act.c.id.not_in(select(voided.c.ref))
    found = Stored()
    lines = set((await connection.execute(select(material_line.c.id).where(material_line.c.order_number == number))).scalars())
    for row in (await connection.execute(select(act).where(here).order_by(act.c.position))).all():
        if row.about in lines:
            found = found.and_(await return_(connection, acts.read(row.body, f"act {row.id}"), site=row.site, at=row.at))
    return found


async def voided_of(connection: AsyncConnection, ids: Collection[str]) -> set[str]:
    """Which of these events and acts do not count."""
    found: set[str] = set()
    for some in portions(sorted(ids)):
        found.update((await connection.execute(_VOIDED, {"some": some})).scalars())
    return found


async def _write(connection: AsyncConnection, scans: Sequence[Scan], ground: Ground, *, acted: Collection[str]) -> Stored:
    """Write what becomes of scans; `acted`: those that acts may be about."""
    if not scans:
        return Stored()
    identities = {scan.id: identify(scan.text, scan.gs1) for scan in scans}
    known = await catalogue.look_up(connection, identities.values(), ground.names)
    found = [(scan, link(identities[scan.id], scan.site, known)) for scan in scans]
    if acted:
        decisions = await _decisions(connection, acted)
        found = [(scan, await _decided(connection, identities[scan.id], one, decisions[scan.id])) for scan, one in found]
    rows = [
        _row(
            scan.id,
            share.line.id,
            site=scan.site,
            device=scan.device,
            at=scan.at,
            piece=one.piece_of(scan.id),
            quantity=share.quantity,
            batch=identities[scan.id].batch,
        )
        for scan, one in found
        if isinstance(one, Linked)
        for share in one.shares
    ]
    needing = {
        share.line.id for _, one in found if isinstance(one, Linked) for share in one.shares if share.line.certificate_required
    }
    single = range(len(rows)) if ground.deferred else await _single(connection, rows)
    for place in single:
        rows[place]["counted"] = rows[place]["quantity"]
    await _insert(connection, rows, needing)
    waiting = [(scan, one) for scan, one in found if isinstance(one, Unlinked)]
    await insert_all(connection, unlinked_scan, [_waiting(scan, one) for scan, one in waiting])
    if ground.deferred:  # each line is counted at the end: that finds the few scans of pieces that came before
        return Stored(found)
    lacking = frozenset(row["event_id"] for row in rows if not row["certified"])
    alone = {_alone(rows[place]) for place in single}
    counted = {(one.event, one.line) for one in alone}
    fresh = {_piece_of(row) for row in rows if (row["event_id"], row["line_id"]) not in counted}
    return Stored(found, frozenset(fresh), frozenset(alone), lacking=lacking)


async def _single(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """The places of rows that bring something of a piece of which nothing else is known, there or among `rows`."""
    known, events = Counter(_piece_of(row) for row in rows), set[str]()
    for some in portions(rows, 200):
        asked = {"pieces": [_piece_of(row) for row in some], "events": [row["event_id"] for row in some]}
        for row in await connection.execute(_KNOWN, asked):
            known[Row(row.line_id, row.piece)] += 1
            events.add(row.event_id)
    return [
        place
        for place, row in enumerate(rows)
        if row["quantity"] > 0 and known[_piece_of(row)] == 1 and row["event_id"] not in events
    ]


def _piece_of(row: Mapping[str, Any]) -> Row:
    return Row(row["line_id"], row["piece"])


def _alone(row: Mapping[str, Any]) -> Alone:
    return Alone(row["event_id"], row["line_id"], row["at"], row["quantity"], row["certified"])


async def _decisions(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, Sequence[Any]]:
    """What the office decided about scans, in order."""
    found: dict[str, list[Any]] = defaultdict(list)
    rows: list[Any] = []
    for some in portions(sorted(ids)):
        here = act.c.about.in_(some) & act.c.kind.in_(_ABOUT_SCANS) & act.c.id.not_in(select(voided.c.ref))
        rows += (await connection.execute(select(act).where(here))).all()
    for row in sorted(rows, key=lambda row: row.position):
        found[row.about].append(acts.read(row.body, f"act {row.id}"))
    return found


async def _decided(connection: AsyncConnection, identity: Identity, found: Found, decisions: Sequence[Any]) -> Found:
    """What becomes of a scan after all that was decided about it."""
    for done in decisions:
        match done:
            case acts.LinkAct():
                line = await _line(connection, done.line)
                if line is None:
                    found = Unlinked(
                        "unknown_line", Text(f"there is no line {done.line} any more", f"已没有 {done.line} 这一行")
                    )
                else:
                    quantity = done.quantity or quantity_of(identity, Coded(line)) or Decimal(1)
                    found = Linked((Share(line, quantity),), _piece(identity, line))
            case acts.UnlinkAct():
                found = Unlinked("unlinked", Text(f"it was taken off its line: {done.why}", f"已从物料行移除：{done.why}"))
            case _ if isinstance(found, Linked):
                chosen = done.line if done.line is not None else found.shares[0].line.id
                shares = tuple(
                    replace(share, quantity=done.quantity) if share.line.id == chosen else share for share in found.shares
                )
                found = replace(found, shares=shares)
            case _:
                pass
    return found


async def _line(connection: AsyncConnection, line_id: str) -> Line | None:
    statement = (
        select(*catalogue.LINE_COLUMNS)
        .join(orders, orders.c.number == material_line.c.order_number)
        .where(material_line.c.id == line_id)
    )
    row = (await connection.execute(statement)).first()
    return catalogue.line_of(row) if row is not None else None


def _piece(identity: Identity, line: Line) -> str | None:
    if identity.own is not None:
        return f"label:{line.number}/{identity.own[2]}" if identity.own[2] is not None else None
    if identity.gtin is not None and identity.serial is not None:
        return f"item:{identity.gtin}/{identity.serial}"
    return f"sscc:{identity.sscc}" if identity.sscc is not None else None


def _row(
    event_id: str,
    line_id: str,
    *,
    site: str,
    device: str,
    at: int,
    piece: str,
    quantity: Decimal,
    batch: str | None,
) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "line_id": line_id,
        "site": site,
        "device": device,
        "at": at,
        "piece": piece,
        "quantity": kept(quantity),
        "batch": visible(batch) if batch is not None else None,
        "certified": True,
        "certified_at": 0,
        "counted": _NOTHING,
    }


async def _insert(connection: AsyncConnection, rows: Sequence[dict[str, Any]], needing: Collection[str] = ()) -> None:
    """Write rows that are not there yet, with what is known of their certificates."""
    if needing:
        there = await certificates(connection, needing)
        own: dict[str, str | None] = {}
        for some in portions(sorted(needing)):
            statement = select(material_line.c.id, material_line.c.batch).where(material_line.c.id.in_(some))
            own |= {row.id: row.batch for row in await connection.execute(statement)}
        for row in rows:
            if row["line_id"] in needing:
                row["certified"], row["certified_at"] = holds(there[row["line_id"]], row["batch"] or own[row["line_id"]])
    await _INSERT.write(connection, [_for_the_driver(row) for row in rows])


def _for_the_driver(row: Mapping[str, Any]) -> tuple[Any, ...]:
    exact = {"quantity": millionths(row["quantity"]), "counted": millionths(row["counted"])}
    plain = {**row, **exact}
    return tuple(plain[name] for name in _COLUMNS)


async def certificates(connection: AsyncConnection, lines: Collection[str]) -> Mapping[str, Mapping[str, int]]:
    """The certificates of lines: batch (empty: all of the line) → when it came (0: with the order)."""
    there: dict[str, dict[str, int]] = defaultdict(dict)
    for some in portions(sorted(lines)):
        statement = select(certificate.c.line_id, certificate.c.batch, certificate.c.at)
        for row in await connection.execute(statement.where(certificate.c.line_id.in_(some))):
            there[row.line_id][row.batch] = row.at
    return there


def holds(there: Mapping[str, int], batch: str | None) -> tuple[bool, int]:
    """Whether the certificate of a batch is there, and since when."""
    times = [there[name] for name in ("", batch) if name is not None and name in there]
    return bool(times), min(times, default=0)


def _waiting(scan: Scan, found: Unlinked) -> dict[str, Any]:
    return {
        "event_id": scan.id,
        "site": scan.site,
        "device": scan.device,
        "at": scan.at,
        "text": visible(scan.text),
        "reason": found.reason,
        "reason_en": visible(found.text.en, 512),
        "reason_zh": visible(found.text.zh, 512),
    }
