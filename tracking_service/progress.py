"""Move milestones on what was seen: evaluate, store, note the move and tell people, all in the caller's transaction."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from plumbline.prepared import Prepared, together
from plumbline.prepared import Row as Written
from plumbline.text import Text
from tracking_service import notices, plans, seen
from tracking_service.domain.facts import Need, Result
from tracking_service.domain.milestone import STEPS
from tracking_service.domain.notice import Change, Standing
from tracking_service.log.tables import transition
from tracking_service.plans import Plan
from tracking_service.rooms.ground import Ground, portions
from tracking_service.tables import milestone, milestone_need, millionths
from tracking_service.webhooks.tables import webhook

#: A move names so many of the events and acts that caused it.
_NAMED: Final = 20
#: So many milestones are woken in one transaction.
_WOKEN: Final = 200
_COUNTING_ON: Final = (
    select(milestone_need.c.milestone_id)
    .where(milestone_need.c.kind == bindparam("need"), among(milestone_need.c.key, "some"))
    .distinct()
)
_SETS: Final = ("percent", "done_at", "evidence", "why_en", "why_zh", "wake_at")
_SET: Final = Prepared(
    lambda _: update(milestone).where(milestone.c.id == bindparam("b_id")).values({name: bindparam(name) for name in _SETS}),
    *(*_SETS, "b_id"),
)
_MOVES: Final = tuple(column.name for column in transition.c if column.name != "id")
_MOVED: Final = Prepared(lambda _: insert(transition).values({name: bindparam(name) for name in _MOVES}).inline(), *_MOVES)
_LISTENING: Final = select(webhook.c.id).where(webhook.c.enabled).limit(1)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why milestones are looked at."""

    kind: Literal["seen", "corrected", "order", "time", "rebuild"]
    ids: Sequence[str] = ()
    """Of the events and acts."""
    at: int = 0
    """Observation time of the newest of them; 0: now."""
    why: Text | None = None
    """Where something was corrected: what, as people read it."""


class Moved(NamedTuple):
    """What a look at milestones brought."""

    changes: Sequence[Change] = ()
    orders: frozenset[str] = frozenset()
    """Numbers of the orders of what was looked at."""


class Evaluated(NamedTuple):
    """A milestone, what is made of it now, and on how many observations that rests."""

    plan: Plan
    result: Result
    evidence: int

    @property
    def values(self) -> dict[str, Any]:
        """The columns of `milestone` that follow from what was seen."""
        return {
            "percent": self.result.percent,
            "done_at": self.result.done_at,
            "evidence": self.evidence,
            "why_en": self.result.why.en,
            "why_zh": self.result.why.zh,
        }


async def counting_on(connection: AsyncConnection, needs: Iterable[Need]) -> set[str]:
    """The milestones that count on any of these."""
    by_kind: dict[str, set[str]] = {}
    for need in needs:
        by_kind.setdefault(need.kind, set()).add(need.key)
    found: set[str] = set()
    for kind, keys in sorted(by_kind.items()):
        for some in portions(sorted(keys)):
            found.update((await connection.execute(_COUNTING_ON, {"need": kind, "some": some})).scalars())
    return found


async def evaluate(
    connection: AsyncConnection, ids: Collection[str], ground: Ground, *, whole: bool = False
) -> Sequence[Evaluated]:
    """What these milestones' policies make of all that is known of them now."""
    if not ids:
        return ()
    read = await plans.read(connection, ids, ground)
    facts = await seen.read(connection, read, ground, whole=whole)
    found: list[Evaluated] = []
    for one in read.plans:
        known = facts[one.row.id]
        result = one.policy.evaluate(known.facts)
        found.append(Evaluated(one, result, sum(known.weights.get(proof.id, 1) for proof in result.evidence)))
    return found


async def move(connection: AsyncConnection, ids: Collection[str], ground: Ground, cause: Cause) -> Moved:
    """Bring these milestones up to date; who else moves any waits for the log (`log.turn`)."""
    found = await evaluate(connection, ids, ground)
    updates: list[Written] = []
    before: dict[str, Standing] = {}
    quiet: dict[str, Standing] = {}
    moves: list[Written] = []
    for one in found:
        row, values = one.plan.row, one.values
        if any(getattr(row, name) != value for name, value in values.items()) or row.wake_at != one.result.wake_at:
            values |= {"percent": millionths(one.result.percent), "wake_at": one.result.wake_at, "b_id": row.id}
            updates.append(tuple(values[name] for name in (*_SETS, "b_id")))
        stood = Standing(row.percent, row.done_at)
        stands = Standing(one.result.percent, one.result.done_at)
        if stood != stands:
            (before if _worth_telling(stood, stands) else quiet)[row.id] = stood
            moves.append(_transition(one, stood, cause, ground.now))
    async with together(connection):
        await _SET.write(connection, updates)
        await _MOVED.write(connection, moves)
    changes: Sequence[Change] = ()
    if quiet and await _systems_listen(connection):  # other systems hear of every move
        before |= quiet
    if before:
        changes = await notices.moved(connection, before, ground.now, zones=ground.zones, cause=cause.why, at=cause.at)
    return Moved(changes, frozenset(one.plan.row.order_number for one in found))


async def asleep(connection: AsyncConnection, now: int) -> set[str]:
    """Milestones that time alone may have moved by now. Reads only."""
    statement = select(milestone.c.id).where(milestone.c.wake_at <= now).order_by(milestone.c.wake_at).limit(_WOKEN)
    return set((await connection.execute(statement)).scalars())


def _worth_telling(before: Standing, after: Standing) -> bool:
    """Whether people may hear of it, or heard what is wrong now; not of an open milestone that went on between two steps."""
    if before.done_at is not None or after.done_at is not None or after.percent < before.percent:
        return True
    return any(before.percent < step <= after.percent for step in STEPS)


async def _systems_listen(connection: AsyncConnection) -> bool:
    return (await connection.execute(_LISTENING)).first() is not None


def _transition(one: Evaluated, stood: Standing, cause: Cause, now: int) -> Written:
    result = one.result
    at = result.done_at if result.done_at is not None and result.done_at != stood.done_at else cause.at or now
    values = {
        "milestone_id": one.plan.row.id,
        "at": at,
        "recorded_at": now,
        "before": millionths(stood.percent),
        "after": millionths(result.percent),
        "done_before": stood.done_at,
        "done_after": result.done_at,
        "why_en": result.why.en,
        "why_zh": result.why.zh,
        "cause": cause.kind,
        "causes": json.dumps(list(cause.ids[:_NAMED])),
    }
    return tuple(values[name] for name in _MOVES)
