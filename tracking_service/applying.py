"""What each act of the office does to the rooms: the same code when it is made and when the log is replayed."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import CheckIn, Event, Inspection, Scan, State
from tracking_service import acts, company, order_rows
from tracking_service.checking import Placed
from tracking_service.document import OrderDocument
from tracking_service.document.company import CompanyDocument
from tracking_service.domain.facts import Need
from tracking_service.domain.notice import Change
from tracking_service.geofence import room as geofence
from tracking_service.geofence import settlements
from tracking_service.linking import codes
from tracking_service.linking.points import Meant, Waits
from tracking_service.log.tables import act, voided
from tracking_service.rooms import arrivals, check_ins, counting, inspections, machines, sign_offs
from tracking_service.rooms.arrivals import Stored
from tracking_service.rooms.ground import Ground
from tracking_service.tables import delivery_unit, evidence, insert_new, milestone, unlinked_scan

#: Milestones whose sentences may name a role.
_NAMING_ROLES: Final = select(milestone.c.id).where(milestone.c.policy.contains('"role"', autoescape=True))


@dataclass(frozen=True, slots=True)
class Effect:
    """What an act touched."""

    stored: Stored = field(default_factory=Stored)
    needs: frozenset[Need] = frozenset()
    milestones: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()
    """What a room has to say by itself."""
    checks: Sequence[tuple[Inspection, Meant | Waits]] = ()
    """Inspections of which was told anew where they belong."""


async def apply(connection: AsyncConnection, done: Any, placed: Placed, ground: Ground) -> Effect:
    """Do what the act says."""
    return await _APPLY[done.kind](connection, done, placed, ground)


async def _order(connection: AsyncConnection, done: acts.OrderAct, placed: Placed, ground: Ground) -> Effect:
    document = OrderDocument.model_validate(done.document)
    number = document.number
    ids = await arrivals.of_order(connection, number, placed.site)
    # a mixed unit may have brought lines of other orders, which `relink` counts too
    await order_rows.write(connection, document, zones=ground.zones, now=placed.at)
    stored = await arrivals.relink(connection, ids, ground)
    stored = stored.and_(await arrivals.returns_of(connection, number))
    checks = await inspections.relink(
        connection, await inspections.of_order(connection, number, placed.site, ground.now), ground
    )
    lines = frozenset(order_rows.part_id(number, line.line) for line in document.lines)
    stored = stored.and_(await counting.certify(connection, lines)).and_(Stored(lines=lines))
    ours = (await connection.execute(select(milestone.c.id).where(milestone.c.order_number == number))).scalars()
    return Effect(stored, checks.needs, frozenset(ours), checks=checks.found)


async def _company(connection: AsyncConnection, done: acts.CompanyAct, placed: Placed, ground: Ground) -> Effect:
    document = CompanyDocument.model_validate(done.document)
    before, roles = await company.articles(connection), await company.roles(connection)
    await company.apply(connection, document, placed.at)
    merged = company.changed(before, await company.articles(connection))
    numbers = await codes.orders_of_articles(connection, merged) if merged else set[str]()
    checks = await inspections.relink(connection, await inspections.of_company(connection), ground)
    renamed = await company.roles(connection) != roles
    said = (await connection.execute(_NAMING_ROLES)).scalars() if renamed else ()
    return Effect(await _coded_anew(connection, numbers, ground), checks.needs, frozenset(said), checks=checks.found)


async def _coded_anew(connection: AsyncConnection, numbers: Collection[str], ground: Ground) -> Stored:
    """Other codes stand for the lines of these orders: what their sites' scans mean is made anew."""
    stored = Stored()
    for number in sorted(numbers):
        document = await order_rows.read(connection, number)
        ids = await arrivals.of_order(connection, number, document.site)
        await codes.write(connection, document)
        stored = stored.and_(await arrivals.relink(connection, ids, ground))
    return stored


async def _link(connection: AsyncConnection, done: acts.LinkAct, placed: Placed, ground: Ground) -> Effect:
    effect = await _about_scan(connection, done, placed, ground)
    if not done.teach:
        return effect
    if done.id in await arrivals.voided_of(connection, [done.id]):
        numbers = await codes.unteach(connection, done.id)
    else:
        scan = next((one for one in await ground.events(connection, [done.event]) if isinstance(one, Scan)), None)
        if scan is None:
            return effect
        numbers = await codes.teach(
            connection, done.id, text=scan.text, gs1=scan.gs1, line_id=done.line, quantity=done.quantity or Decimal(1)
        )
    return Effect(effect.stored.and_(await _coded_anew(connection, numbers, ground)))


async def _about_scan(connection: AsyncConnection, done: Any, _placed: Placed, ground: Ground) -> Effect:
    checks = await inspections.relink(connection, [done.event], ground)
    if checks.found:
        return Effect(needs=checks.needs, checks=checks.found)
    return Effect(await arrivals.relink(connection, [done.event], ground))


async def _assign(connection: AsyncConnection, done: acts.AssignAct, _placed: Placed, ground: Ground) -> Effect:
    checks = await inspections.relink(connection, [done.event], ground)
    return Effect(needs=checks.needs, checks=checks.found)


async def _settle(connection: AsyncConnection, done: acts.SettleAct, _placed: Placed, ground: Ground) -> Effect:
    if not await settlements.settle(connection, done.event):
        return Effect()
    gone = await arrivals.voided_of(connection, [done.event])
    return await _event_turned(connection, done.event, ground, restored=not gone)


async def _return(connection: AsyncConnection, done: acts.ReturnAct, placed: Placed, _ground: Ground) -> Effect:
    return Effect(await arrivals.return_(connection, done, site=placed.site, at=placed.at))


async def _certificate(connection: AsyncConnection, done: acts.CertificateAct, placed: Placed, _ground: Ground) -> Effect:
    assert placed.order is not None
    await order_rows.write_certificates(connection, await order_rows.read(connection, placed.order))
    return Effect(await counting.certify(connection, [done.line]))


async def _delivery_note(connection: AsyncConnection, done: acts.DeliveryNoteAct, placed: Placed, ground: Ground) -> Effect:
    assert placed.order is not None
    ids = await _of_unit(connection, done.sscc, placed.site)
    await order_rows.write_units(connection, await order_rows.read(connection, placed.order))
    return Effect(await arrivals.relink(connection, ids, ground))


async def _inspection(connection: AsyncConnection, done: acts.InspectionAct, placed: Placed, _ground: Ground) -> Effect:
    return Effect(needs=(await inspections.note(connection, done, site=placed.site, at=placed.at)).needs)


async def _sign_off(connection: AsyncConnection, done: acts.SignOffAct, placed: Placed, _ground: Ground) -> Effect:
    return Effect(needs=frozenset(await sign_offs.note(connection, done, at=placed.at)))


async def _void(connection: AsyncConnection, done: acts.VoidAct, _placed: Placed, ground: Ground) -> Effect:
    await insert_new(connection, voided, [{"ref": done.ref, "act_id": done.id, "why": done.why}])
    return await _turned(connection, done.ref, ground, restored=False)


async def _restore(connection: AsyncConnection, done: acts.RestoreAct, _placed: Placed, ground: Ground) -> Effect:
    await connection.execute(delete(voided).where(voided.c.ref == done.ref))
    await settlements.counts_again(connection, done.ref)
    return await _turned(connection, done.ref, ground, restored=True)


_Apply = Callable[[AsyncConnection, Any, Placed, Ground], Awaitable[Effect]]
#: Kind of act → what it does.
_APPLY: Final[Mapping[str, _Apply]] = {
    "order": _order,
    "company": _company,
    "link": _link,
    "assign": _assign,
    "unlink": _about_scan,
    "quantity": _about_scan,
    "settle": _settle,
    "void": _void,
    "restore": _restore,
    "return": _return,
    "certificate": _certificate,
    "delivery_note": _delivery_note,
    "inspection": _inspection,
    "sign_off": _sign_off,
}


async def _turned(connection: AsyncConnection, ref: str, ground: Ground, *, restored: bool) -> Effect:
    """An event or an act does not count any more, or counts again."""
    row = (await connection.execute(select(act).where(act.c.id == ref))).first()
    if row is None:
        return await _event_turned(connection, ref, ground, restored=restored)
    done = acts.read(row.body, f"act {ref}")
    placed = Placed(row.site, row.order_number, row.about, row.at)
    if restored or row.kind not in ("return", "inspection", "sign_off"):  # the others are made anew from all acts that count
        return await _APPLY[row.kind](connection, done, placed, ground)
    if row.kind == "return":
        return Effect(await arrivals.forget(connection, [ref]))
    if row.kind == "inspection":
        return Effect(needs=(await inspections.remove(connection, [ref])).needs)
    return Effect(needs=frozenset(await sign_offs.remove(connection, [ref])))


async def _event_turned(connection: AsyncConnection, ref: str, ground: Ground, *, restored: bool) -> Effect:
    if not restored:
        stored = await arrivals.forget(connection, [ref])
        needs = await check_ins.remove(connection, [ref])
        needs |= await machines.remove(connection, [ref])
        needs |= (await inspections.remove(connection, [ref])).needs
        visits = await geofence.remove(connection, [ref], sites=ground.sites)
        return Effect(stored, frozenset(needs | visits.needs), changes=tuple(visits.changes))
    events = await ground.events(connection, [ref])
    stored = await arrivals.relink(connection, [ref], ground)
    visits = await geofence.store(connection, events, sites=ground.sites)
    checks = await inspections.store(connection, [event for event in events if isinstance(event, Inspection)], ground)
    needs = await _seen_again(connection, events) | visits.needs | checks.needs
    return Effect(stored, frozenset(needs), changes=tuple(visits.changes), checks=checks.found)


async def _seen_again(connection: AsyncConnection, found: Sequence[Event]) -> set[Need]:
    """Put events that are no scans and no inspections back into their rooms."""
    needs = await check_ins.store(connection, [event for event in found if isinstance(event, CheckIn)])
    return needs | await machines.store(connection, [event for event in found if isinstance(event, State)])


async def _of_unit(connection: AsyncConnection, sscc: str, site: str) -> set[str]:
    """The scans that a word about a logistic unit may concern."""
    lines = select(delivery_unit.c.line_id).where(delivery_unit.c.sscc == sscc)
    linked = select(evidence.c.event_id).where(evidence.c.line_id.in_(lines), evidence.c.piece == f"sscc:{sscc}")
    waiting = (
        select(unlinked_scan.c.event_id)
        .where(unlinked_scan.c.site == site, unlinked_scan.c.reason.in_(("unknown_unit", "unknown_item")))
        .order_by(unlinked_scan.c.event_id.desc())
        .limit(arrivals.LOOKED_AGAIN)
    )
    return {*(await connection.execute(linked)).scalars(), *(await connection.execute(waiting)).scalars()}
