"""Whether an act of the office can be taken, and where it belongs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Event, Inspection, Scan
from plumbline.inbox import inbox
from plumbline.text import Text, amount
from tracking_service import acts
from tracking_service.document import nanoseconds
from tracking_service.entitlement import holders, refusal
from tracking_service.errors import ActRefusedError, UnknownThingError
from tracking_service.geofence.tables import contradiction, settled
from tracking_service.linking.points import Told
from tracking_service.log.tables import act, log, voided
from tracking_service.rooms.ground import Ground
from tracking_service.rooms.inspections import names_of
from tracking_service.rooms.tables import inspection
from tracking_service.tables import evidence, inspection_point, material_line, milestone, milestone_need, orders

#: Clocks of two machines may differ by so much.
_AHEAD_NS: Final = 300_000_000_000
#: A message lists at most so many names.
_NAMED: Final = 8
#: These are taken back by another act of their own kind.
_NOT_VOIDED: Final = {
    "order": "import the order as it should be",
    "company": "import the company document as it should be",
    "void": "restore what it voided",
    "restore": "void again what it restored",
}


class Placed(NamedTuple):
    """Where an act belongs."""

    site: str
    order: str | None
    about: str | None
    at: int
    """When it happened: UTC, ns."""


async def check(connection: AsyncConnection, done: Any, ground: Ground) -> Placed:
    """Find out where an act belongs. Raises `UnknownThingError` or `ActRefusedError` where it cannot be taken."""
    at = nanoseconds(done.at.astimezone(UTC)) if done.at is not None else ground.now
    assert at is not None
    if at > ground.now + _AHEAD_NS:
        raise ActRefusedError("at: lies in the future; acts are recorded when they have happened")
    placed = await locate(connection, done, at)
    if (rule := _RULES.get(done.kind)) is not None:
        await rule(connection, done, placed, ground)
    return placed


async def placed_again(connection: AsyncConnection, done: Any, *, site: str, recorded_at: int) -> Placed:  # noqa: PLR0911 - a way out for each kind
    """Where an act belongs that stands in the log."""
    at = nanoseconds(done.at.astimezone(UTC)) if done.at is not None else recorded_at
    assert at is not None
    match done:
        case acts.OrderAct():
            return Placed(site, done.document["number"], done.document["number"], at)
        case acts.CompanyAct():
            return Placed(site, None, done.document["company"], at)
        case acts.InspectionAct():
            return Placed(site, done.order, done.order, at)
        case acts.VoidAct() | acts.RestoreAct():
            return Placed(site, await _order_of(connection, done.ref), done.ref, at)
        case acts.UnlinkAct() | acts.QuantityAct() | acts.SettleAct():
            return Placed(site, await _order_of(connection, done.event), done.event, at)
        case acts.AssignAct():
            return Placed(site, done.order, done.event, at)
        case acts.SignOffAct():
            return Placed(site, done.milestone.partition("~")[0], done.milestone, at)
        case _:
            line = getattr(done, "line", None)
            return Placed(site, line.partition("~")[0] if line else None, done.subject, at)


async def locate(connection: AsyncConnection, done: Any, at: int) -> Placed:  # noqa: PLR0911 - a way out for each kind
    """Where an act belongs, of what is there. Raises `UnknownThingError`."""
    match done:
        case acts.OrderAct():
            document = done.document
            return Placed(document["site"], document["number"], document["number"], at)
        case acts.CompanyAct():
            return Placed("", None, done.document["company"], at)
        case acts.LinkAct() | acts.ReturnAct() | acts.CertificateAct() | acts.DeliveryNoteAct():
            row = await _line(connection, done.line)
            return Placed(row.site, row.order_number, done.subject, at)
        case acts.QuantityAct():
            scan = await _scan(connection, done.event)
            return Placed(scan.site, await _order_of(connection, done.event), done.event, at)
        case acts.UnlinkAct() | acts.SettleAct():
            event = await _event(connection, done.event)
            return Placed(event.site, await _order_of(connection, done.event), done.event, at)
        case acts.AssignAct():
            await _inspection(connection, done.event)
            return Placed(await _site_of(connection, done.order), done.order, done.event, at)
        case acts.VoidAct() | acts.RestoreAct():
            return await _referred(connection, done.ref, at)
        case acts.InspectionAct():
            return Placed(await _site_of(connection, done.order), done.order, done.order, at)
        case _:
            return await _of_milestone(connection, done, at)


async def _site_of(connection: AsyncConnection, number: str) -> str:
    site = (await connection.execute(select(orders.c.site).where(orders.c.number == number))).scalar_one_or_none()
    if site is None:
        raise UnknownThingError(f"order: there is no order '{number}'")
    return str(site)


async def _of_milestone(connection: AsyncConnection, done: Any, at: int) -> Placed:
    statement = (
        select(orders.c.site, orders.c.number)
        .join(milestone, milestone.c.order_number == orders.c.number)
        .where(milestone.c.id == done.milestone)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        raise UnknownThingError(f"milestone: there is no milestone '{done.milestone}'")
    return Placed(row.site, row.number, done.milestone, at)


async def _referred(connection: AsyncConnection, ref: str, at: int) -> Placed:
    found = (await connection.execute(select(act.c.site, act.c.order_number).where(act.c.id == ref))).first()
    if found is not None:
        return Placed(found.site, found.order_number, ref, at)
    entry = (await connection.execute(select(log.c.site).where(log.c.ref == ref).limit(1))).first()
    if entry is None:
        raise UnknownThingError(f"ref: there is no event and no act '{ref}'")
    return Placed(entry.site, await _order_of(connection, ref), ref, at)


async def _order_of(connection: AsyncConnection, ref: str) -> str | None:
    """The order that an event or an act belongs to: an act's own, that of what a scan brought, else of what was done about it."""
    own = (await connection.execute(select(act.c.order_number).where(act.c.id == ref))).first()
    if own is not None:
        return own.order_number
    brought = select(evidence.c.line_id).where(evidence.c.event_id == ref).order_by(evidence.c.line_id).limit(1)
    if (line := (await connection.execute(brought)).scalar_one_or_none()) is not None:
        return str(line).partition("~")[0]
    seen = select(inspection.c.order_number).where(inspection.c.id == ref, inspection.c.order_number.is_not(None))
    if (number := (await connection.execute(seen)).scalar_one_or_none()) is not None:
        return str(number)
    about = select(act.c.order_number).where(act.c.about == ref, act.c.order_number.is_not(None))
    return (await connection.execute(about.order_by(act.c.position.desc()).limit(1))).scalar_one_or_none()


async def _line(connection: AsyncConnection, line_id: str) -> Row[Any]:
    statement = (
        select(material_line, orders.c.site)
        .join(orders, orders.c.number == material_line.c.order_number)
        .where(material_line.c.id == line_id)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        raise UnknownThingError(f"line: there is no line '{line_id}'; write <order>~<line>")
    return row


async def _event(connection: AsyncConnection, event_id: str) -> Event:
    body = (await connection.execute(select(inbox.c.body).where(inbox.c.event_id == event_id))).scalar_one_or_none()
    taken = (await connection.execute(select(log.c.position).where(log.c.ref == event_id).limit(1))).first()
    if body is None or taken is None:
        raise UnknownThingError(f"event: there is no event '{event_id}'")
    try:
        return decode_event(body)
    except CodecError as error:
        raise ActRefusedError(f"event: {event_id} cannot be read ({error}); void it") from None


async def _scan(connection: AsyncConnection, event_id: str) -> Scan:
    event = await _event(connection, event_id)
    if not isinstance(event, Scan):
        remedy = "; assign it to a point of an order" if isinstance(event, Inspection) else ""
        raise ActRefusedError(f"event: {event_id} is no scan; only scans bring material{remedy}")
    return event


async def _inspection(connection: AsyncConnection, event_id: str) -> Inspection:
    event = await _event(connection, event_id)
    if not isinstance(event, Inspection):
        remedy = "; link it to a line" if isinstance(event, Scan) else ""
        raise ActRefusedError(f"event: {event_id} is no inspection{remedy}")
    return event


async def _check_link(connection: AsyncConnection, done: acts.LinkAct, placed: Placed, _ground: Ground) -> None:
    scan = await _scan(connection, done.event)
    if scan.site != placed.site:
        raise ActRefusedError(
            f"line: {done.line} is expected on '{placed.site}', the scan was made on '{scan.site}'; choose a line of '{scan.site}'"
        )
    if await _is_void(connection, done.event):
        raise ActRefusedError(f"event: {done.event} is void; restore it first")


async def _check_quantity(connection: AsyncConnection, done: acts.QuantityAct, _placed: Placed, _ground: Ground) -> None:
    rows = await _rows_of(connection, done.event, done.line)
    if done.line is None and len(rows) > 1:
        raise ActRefusedError(f"line: the scan brought {_some([row.line_id for row in rows])}; say of which line")


async def _rows_of(connection: AsyncConnection, event_id: str, line: str | None) -> Sequence[Row[Any]]:
    """What a scan brought; refuses where it brought nothing, or nothing of this line."""
    rows = (await connection.execute(select(evidence).where(evidence.c.event_id == event_id))).all()
    if not rows:
        raise ActRefusedError(f"event: {event_id} is linked to no line; link it first")
    if line is not None and line not in {row.line_id for row in rows}:
        raise ActRefusedError(f"line: the scan brought {_some([row.line_id for row in rows])}, not {line}")
    return rows


async def _check_unlink(connection: AsyncConnection, done: acts.UnlinkAct, _placed: Placed, _ground: Ground) -> None:
    if not isinstance(await _event(connection, done.event), Inspection):
        await _rows_of(connection, done.event, None)
        return
    here = (inspection.c.id == done.event) & inspection.c.order_number.is_not(None)
    if (await connection.execute(select(inspection.c.id).where(here))).first() is None:
        raise ActRefusedError(f"event: {done.event} belongs to no order; there is nothing to take off")


async def _check_settle(connection: AsyncConnection, done: acts.SettleAct, _placed: Placed, _ground: Ground) -> None:
    known = (settled.c.event_id == done.event) & (settled.c.device == done.device)
    if (found := (await connection.execute(select(settled.c.act_id).where(known))).scalar_one_or_none()) is not None:
        raise ActRefusedError(f"event: {done.event} and '{done.device}' are settled by {found}; void that act first")
    here = (contradiction.c.event_id == done.event) & (contradiction.c.device == done.device)
    if (await connection.execute(select(contradiction.c.at).where(here))).first() is None:
        raise ActRefusedError(f"event: nothing says that {done.event} and the positions of '{done.device}' disagree")


async def _check_assign(connection: AsyncConnection, done: acts.AssignAct, placed: Placed, ground: Ground) -> None:
    event = await _inspection(connection, done.event)
    if event.site != placed.site and event.order != done.order:
        raise ActRefusedError(
            f"order: {done.order} is on '{placed.site}', the inspection was made on '{event.site}'; "
            f"choose an order of '{event.site}'"
        )
    if await _is_void(connection, done.event):
        raise ActRefusedError(f"event: {done.event} is void; restore it first")
    role = await _role_of_point(connection, done.order, done.check)
    if role is None:
        return
    if done.inspector is not None:
        await _check_entitled(connection, role, [done.inspector], "inspector")
        return
    told = Told(event.site, event.order, event.check, event.person)
    known_as = [event.person, *names_of(told, ground)] if event.person is not None else []
    await _check_entitled(connection, role, known_as, "inspector")


async def _check_restore(connection: AsyncConnection, done: acts.RestoreAct, _placed: Placed, _ground: Ground) -> None:
    if not await _is_void(connection, done.ref):
        raise ActRefusedError(f"ref: {done.ref} counts; there is nothing to restore")


async def _check_void(connection: AsyncConnection, done: acts.VoidAct, _placed: Placed, _ground: Ground) -> None:
    kind = (await connection.execute(select(act.c.kind).where(act.c.id == done.ref))).scalar_one_or_none()
    if kind in _NOT_VOIDED:
        raise ActRefusedError(f"ref: an act '{kind}' cannot be voided; {_NOT_VOIDED[kind]}")
    if await _is_void(connection, done.ref):
        raise ActRefusedError(f"ref: {done.ref} is void already")


async def _is_void(connection: AsyncConnection, ref: str) -> bool:
    return (await connection.execute(select(voided.c.ref).where(voided.c.ref == ref))).first() is not None


async def _check_return(connection: AsyncConnection, done: acts.ReturnAct, _placed: Placed, _ground: Ground) -> None:
    there: Decimal = (await _line(connection, done.line)).arrived
    if done.event is not None:
        rows = await _rows_of(connection, done.event, done.line)
        there = min(there, next(row.quantity for row in rows if row.line_id == done.line))
    if done.quantity > there:
        raise ActRefusedError(f"quantity: {amount(done.quantity)} cannot go back, {amount(there)} is there")


async def _check_inspection(connection: AsyncConnection, done: acts.InspectionAct, _placed: Placed, _ground: Ground) -> None:
    role = await _role_of_point(connection, done.order, done.check)
    if role is not None:
        await _check_entitled(connection, role, [done.person] if done.person is not None else [])


async def _role_of_point(connection: AsyncConnection, order: str, check: str) -> str | None:
    """Whose result counts of a point; refuses where the order has none of this name."""
    table = inspection_point.c
    known = (await connection.execute(select(table.point, table.role).where(table.order_number == order))).all()
    found = next((row for row in known if row.point == check), None)
    if found is None:
        listed = f"; it has {_some([row.point for row in known])}" if known else ""
        raise ActRefusedError(f"check: order {order} has no inspection '{check}'{listed}")
    return found.role


async def _check_role(connection: AsyncConnection, done: acts.SignOffAct, _placed: Placed, _ground: Ground) -> None:
    here = (milestone_need.c.milestone_id == done.milestone) & (milestone_need.c.kind == "role")
    keys = (await connection.execute(select(milestone_need.c.key).where(here))).scalars().all()
    roles = sorted(key.partition("/")[2] for key in keys)
    if done.role not in roles:
        asked = f"it asks for {_some(roles)}" if roles else "it asks for no signature"
        raise ActRefusedError(f"role: {done.milestone} is not signed off by '{done.role}'; {asked}")
    assert done.person is not None
    await _check_entitled(connection, done.role, [done.person])


async def _check_entitled(connection: AsyncConnection, role: str, known_as: Sequence[str], where: str = "person") -> None:
    """Where the company names people of a role, nobody else acts in it."""
    why = refusal(role, (await holders(connection, [role])).get(role), known_as, Text(role, role))
    if why is not None:
        raise ActRefusedError(f"{where}: {why.en}")


_Rule = Callable[[AsyncConnection, Any, Placed, Ground], Awaitable[None]]
#: Kind of act → what must be so beside that what it is about exists.
_RULES: Final[Mapping[str, _Rule]] = {
    "link": _check_link,
    "assign": _check_assign,
    "unlink": _check_unlink,
    "settle": _check_settle,
    "quantity": _check_quantity,
    "void": _check_void,
    "restore": _check_restore,
    "return": _check_return,
    "inspection": _check_inspection,
    "sign_off": _check_role,
}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
