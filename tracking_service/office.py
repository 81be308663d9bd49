"""Record the office's acts: check, append to the log, apply, move milestones, tell people: one transaction."""

from typing import Any, Literal, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text
from tracking_service import activity, applying, notices, progress
from tracking_service.acts import DOCUMENTS, Act, OrderAct, written
from tracking_service.applying import Effect
from tracking_service.checking import Placed, check
from tracking_service.domain.facts import Need
from tracking_service.draft import entry_of, entry_of_check
from tracking_service.errors import ActRefusedError
from tracking_service.log import append_act, turn
from tracking_service.log.tables import act
from tracking_service.outcome import Outcome
from tracking_service.progress import Cause
from tracking_service.rooms import counting
from tracking_service.rooms.ground import Ground

#: Acts that say that something before them was wrong.
_CORRECTIONS = frozenset(("void", "restore", "unlink", "quantity", "settle"))


class Recorded(NamedTuple):
    """What became of an act."""

    id: str
    status: Literal["recorded", "known"]
    """`known`: the same act had been recorded before; nothing changed."""
    outcome: Outcome


async def record(connection: AsyncConnection, done: Act, ground: Ground) -> Recorded:
    """Take in an act of the office, in the caller's transaction; the same act again changes nothing.

    Raises `ActRefusedError` or `UnknownThingError` where it cannot be taken, before anything is written.
    """
    after = await turn(connection)
    if await _known(connection, done):
        return Recorded(done.id, "known", Outcome())
    placed = await check(connection, done, ground)
    body = written(done)
    position = await append_act(connection, after, act_id=done.id, site=placed.site, body=body, now=ground.now)
    effect = await enter(connection, done, placed, position, ground)
    return Recorded(done.id, "recorded", await _follow(connection, done, placed, effect, ground))


async def enter(connection: AsyncConnection, done: Any, placed: Placed, position: int, ground: Ground) -> Effect:
    """Apply an act that stands in the log; what follows from it for lines and milestones is not written yet."""
    row = {
        "id": done.id,
        "position": position,
        "kind": done.kind,
        "at": placed.at,
        "person": done.person,
        "site": placed.site,
        "order_number": placed.order,
        "about": placed.about,
        "body": None if done.kind in DOCUMENTS else written(done),
    }
    await connection.execute(insert(act), [row])
    return await applying.apply(connection, done, placed, ground)


async def _follow(connection: AsyncConnection, done: Any, placed: Placed, effect: Effect, ground: Ground) -> Outcome:
    settled = await counting.settle(connection, effect.stored)
    touched = effect.needs.union(Need("line", line) for line in settled.lines)
    ids = await progress.counting_on(connection, touched) | effect.milestones
    moved = await progress.move(connection, ids, ground, _cause(done, placed))
    entries = [entry_of(scan, found, settled, effect.stored) for scan, found in effect.stored.found]
    entries += [entry_of_check(event, found) for event, found in effect.checks]
    await notices.tell(connection, effect.changes, ground.now, zones=ground.zones)
    entries += activity.of_changes([*moved.changes, *effect.changes], ground.now)
    orders = moved.orders.union(line.partition("~")[0] for line in settled.lines)
    if placed.order is not None:
        orders = orders | {placed.order}
    new = await activity.add(connection, entries)
    return Outcome(activity=new, orders=frozenset(orders), notices=bool(moved.changes or effect.changes))


def _cause(done: Any, placed: Placed) -> Cause:
    if isinstance(done, OrderAct):
        return Cause("order", [done.id], placed.at)
    if done.kind not in _CORRECTIONS:
        return Cause("seen", [done.id], placed.at)
    why = Text(f"the office corrected it: {done.why}", f"办公室更正：{done.why}")
    return Cause("corrected", [done.id, *([placed.about] if placed.about else [])], placed.at, why)


async def _known(connection: AsyncConnection, done: Act) -> bool:
    row = (await connection.execute(select(act.c.kind, act.c.body).where(act.c.id == done.id))).first()
    if row is None:
        return False
    if row.body is not None and row.body != written(done):
        raise ActRefusedError(f"id: {done.id} stands for another act already; give a new act an id of its own")
    return True
