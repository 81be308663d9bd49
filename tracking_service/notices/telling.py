"""Put changes into the outboxes, of people and of other systems, in the transaction that made them.

What was told before and is wrong now is corrected here: whoever got the wrong notice gets one that takes it back, and what
has not left yet is put right where it waits.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final, cast

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text, visible
from tracking_service import webhooks
from tracking_service.domain import notice as words
from tracking_service.domain.milestone import Completed
from tracking_service.domain.notice import Change, Standing
from tracking_service.notices import briefs
from tracking_service.notices.people import Address, Circle, Person, circle
from tracking_service.notices.rows import OLD_NS, Draft, about, time_for
from tracking_service.tables import insert_new, notice

#: What is read of notices that were told; not their texts.
_READ: Final = select(notice).with_only_columns(
    *(notice.c.id, notice.c.dedup_key, notice.c.recipient, notice.c.name, notice.c.language, notice.c.subject),
    *(notice.c.state, notice.c.created_at, notice.c.sent_at, notice.c.way, notice.c.person, notice.c.kind, notice.c.about),
    *(notice.c.claim, notice.c.corrected_at),
)


async def moved(
    connection: AsyncConnection,
    before: Mapping[str, Standing],
    now: int,
    *,
    zones: Mapping[str, tzinfo],
    cause: Text | None = None,
    at: int = 0,
) -> Sequence[Change]:
    """Tell of milestones that stood at `before` and stand in the database as they do now; returns what was told.

    `cause` says why what people were told was wrong (a scan was void, a clock was wrong). Without it what they were told was
    right, and the world moved on, unless what moved the milestone was seen (`at`; 0: now) before they were told.
    """
    standing = await briefs.read(connection, before, zones=zones)
    changes = [
        change
        for milestone, brief in standing.items()
        if (change := words.moved(brief, before[milestone], at=at or now, cause=cause)) is not None
    ]
    await tell(connection, changes, now, zones=zones)
    return changes


async def tell(connection: AsyncConnection, changes: Sequence[Change], now: int, *, zones: Mapping[str, tzinfo]) -> None:
    """Put the notices of these changes into the outbox, each once to each recipient, and the webhooks' messages."""
    if not changes:
        return
    orders = {change.order for change in changes if change.order is not None}
    people = await circle(connection, {change.site for change in changes}, orders)
    told: dict[str, list[Row[Any]]] = defaultdict(list)
    same = notice.c.about.in_({about(change) for change in changes})
    for row in await connection.execute(_READ.where(same).order_by(notice.c.id)):
        told[row.about].append(cast("Row[Any]", row))
    rows: list[dict[str, Any]] = []
    for change in changes:
        rows += await _Told(connection, change, told[about(change)], people, zones, now).rows()
    await insert_new(connection, notice, rows)
    await webhooks.put(connection, changes, now)


@dataclass(frozen=True, slots=True)
class _Told:
    """A change, and what was told of its subject before."""

    connection: AsyncConnection
    change: Change
    before: Sequence[Row[Any]]
    people: Circle
    zones: Mapping[str, tzinfo]
    now: int

    async def rows(self) -> list[dict[str, Any]]:
        """The notices to make."""
        corrections = await self._correct(self.change.standing) if self.change.standing is not None else []
        corrected = {row["recipient"] for row in corrections}  # who reads what is right now needs no second mail of it
        return corrections + [row for row in self._news() if row["recipient"] not in corrected]

    def _news(self) -> list[dict[str, Any]]:
        change, kind = self.change, self.change.kind
        if kind is None:
            return []
        rows: list[dict[str, Any]] = []
        for person, mode in self.people.of(change.site, change.order, kind):
            timing = time_for(person, mode, kind, now=self.now, zone=person.clock(change.site, self.zones), at=change.at)
            draft = Draft(change, kind, person, words.written(change, person.language), timing, self.now)
            rows += [
                draft.row(address, key)
                for address in person.addresses
                if (key := self._key(change.dedup_key, address.recipient)) is not None
            ]
        return rows

    def _key(self, key: str, recipient: str) -> str | None:
        """The key under which this is told; `None`: it was, and holds. What was taken back since may be told again."""
        same = [row for row in self.before if row.recipient == recipient and row.dedup_key.rpartition("#")[0] == key]
        same += [row for row in self.before if row.recipient == recipient and row.dedup_key == key]
        if any(row.corrected_at is None for row in same):
            return None
        return f"{key}#{len(same) + 1}" if same else key

    async def _correct(self, standing: Standing) -> list[dict[str, Any]]:
        """Take back what was told of this milestone and is not so; returns the notices that say it."""
        wrong: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in self.before:
            if row.corrected_at is not None or row.claim is None or words.stands(row.kind, row.claim, standing):
                continue
            if await self._put_right(row, standing):
                continue
            closed = update(notice).where(notice.c.id == row.id).values(corrected_at=self.now, next_at=None)
            await self.connection.execute(closed)
            # a date that was wrong and lateness that was none were wrong when they were told, whatever moved the milestone,
            # and so was what had been overtaken by something that was seen before and came late
            never_true = row.kind == "late" or (row.kind == "completed" and standing.done_at is not None)
            overtaken = self.change.at < (row.sent_at or row.created_at) - OLD_NS
            if self.change.cause is not None or never_true or overtaken:
                wrong[row.recipient].append(row)
        return [self._correction(standing, rows) for rows in wrong.values()]

    async def _put_right(self, row: Row[Any], standing: Standing) -> bool:
        """What has not left needs no correction: it is recalled, or says what is right; `False`: it has left."""
        values: dict[str, Any] = {"state": "recalled", "corrected_at": self.now, "next_at": None}
        if row.kind == "completed" and standing.done_at is not None and row.state != "dead":
            matter = words.dedup_key(Completed(standing.done_at), self.change.subject)
            if (key := self._key(matter, row.recipient)) is not None:
                message = words.written(self.change, row.language)
                values = {"subject": visible(message.subject, 512), "body": message.body, "claim": standing.done_at}
                values |= {"dedup_key": key, "matter": matter}
        # refused and to be tried again is unsent; claimed without an answer yet is not
        held = (notice.c.state == "waiting") & ((notice.c.attempts == 0) | notice.c.last_error.is_not(None))
        unsent = held | notice.c.state.in_(("gathered", "dead"))
        return bool(
            (await self.connection.execute(update(notice).where(notice.c.id == row.id, unsent).values(values))).rowcount
        )

    def _correction(self, standing: Standing, wrong: Sequence[Row[Any]]) -> dict[str, Any]:
        change, last = self.change, wrong[-1]
        known = self.people.people.get(last.person) if last.person is not None else None
        person = known or Person(None, last.name, last.language, ())
        # it goes at the hours of what it corrects
        kind = "corrected" if "corrected" in person.urgent else last.kind
        zone = person.clock(change.site, self.zones)
        timing = time_for(person, "immediate", kind, now=self.now, zone=zone, at=change.at)
        quoted = [(row.subject, row.sent_at or row.created_at) for row in wrong]
        message = words.corrected(change, quoted, self.zones.get(change.site, UTC), last.language)
        address = Address(last.way, last.recipient if last.way == "mail" else last.recipient.removeprefix(f"{last.way}:"))
        row = Draft(change, "corrected", person, message, timing, self.now).row(address, f"corrected|{last.id}")
        row["answers"] = json.dumps([one.dedup_key for one in wrong])
        # it claims in its turn how things stand, so that it can be taken back like any other
        if standing.done_at is not None:
            return row | {"kind": "completed", "claim": standing.done_at}
        if any(one.kind == "completed" for one in wrong):
            return row | {"kind": "reopened", "claim": 0}
        return row | {"claim": None}
