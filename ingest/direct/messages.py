"""The messages of a lane on their way through the SQL database: kept in order, read by each class, forgotten after both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Table, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest import deadletters
from ingest.direct.hold import Hold
from ingest.direct.stamp import digest
from ingest.direct.tables import direct_cursor, direct_gap, direct_lane, direct_message, direct_seen, direct_tally
from ingest.operations.gateways import say_presence
from ingest.receiving.parcel import Letter
from ingest.upsert import insert_into
from plumbline.delivery import Presence
from plumbline.dialects.document import shown
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Message
from plumbline.topics import ROOT

#: Between the times of receipt of two messages: so many events may one message hold whose time is that of the receipt.
_APART_NS: Final = 50_000
#: Gaps remembered of a lane.
_GAPS: Final = 1000


class Kept(NamedTuple):
    """One message, as it waits."""

    position: int
    received_at: int
    topic: str
    payload: bytes
    retain: bool
    again: bool
    """A dead letter that is taken once more."""


@dataclass(slots=True)
class Taken:
    """What became of the messages that were taken together."""

    messages: int = 0
    redelivered: int = 0
    qos0: int = 0
    retained: int = 0


class Messages:
    """One lane's messages while `hold` is ours; every write raises `LaneLostError` once it is not."""

    def __init__(
        self, engine: AsyncEngine, hold: Hold, site: str, gateway: str, epoch: str, *, max_bytes: int, retained: bool
    ) -> None:
        self._engine = engine
        self._hold = hold
        self._site = site
        self._gateway = gateway
        self._epoch = epoch
        self._max_bytes = max_bytes
        self._retained = retained
        self._last = 0
        self._tried = 0

    async def open(self) -> dict[EventClass, int]:
        """Where each class goes on reading."""
        table = direct_cursor.c
        new = [{"site": self._site, "gateway": self._gateway, "event_class": one} for one in CLASSES]
        async with self._engine.begin() as connection:
            await connection.execute(insert_into(connection, direct_cursor).on_conflict_do_nothing(), new)
            rows = await connection.execute(select(table.event_class, table.position).where(self._of(direct_cursor)))
            found = {str(name): int(position) for name, position in rows}
            fresh = self._of(direct_message) & ~direct_message.c.again
            last = await connection.scalar(select(func.max(direct_message.c.received_at)).where(fresh))
        self._last = max(self._last, last or 0)
        return {one: found[one] for one in CLASSES}

    async def keep(self, messages: Sequence[Message], now: int) -> Taken:
        """Put messages into the database, each once, in their order; what came again is passed over.

        `now` is another one for each group, and the same where a group is tried again: nobody knows of a commit whose answer
        was lost, and the server may be at it still.
        """
        taken = Taken()
        again, self._tried = now == self._tried, now
        digests = {id(message): digest(message.topic, message.payload).hex() for message in messages}
        async with self._engine.begin() as connection:
            await self._hold.fence(connection, alone=again)
            if again and await self._counted_last(connection) == now:
                self._last = max(now, self._last) + _APART_NS * len(messages)
                return taken
            seen = await self._seen(connection, [message.packet_id for message in messages if message.dup and message.qos])
            rows: list[dict[str, Any]] = []
            numbers: dict[int, dict[str, Any]] = {}
            letters: list[tuple[Letter, str | None]] = []
            last = self._last
            for message in messages:
                if message.topic.startswith(f"{ROOT}/"):  # a filter so wide that it takes what gateways publish
                    continue
                known = digests[id(message)]
                if message.qos and message.dup and seen.get(message.packet_id) == known:
                    taken.redelivered += 1
                    continue
                last = max(now, last + _APART_NS)
                taken.messages += 1
                taken.qos0 += not message.qos
                taken.retained += message.retain and not self._retained
                if message.qos:
                    seen[message.packet_id] = known
                    numbers[message.packet_id] = self._names() | {
                        "packet_id": message.packet_id,
                        "digest": known,
                        "seen_at": now,
                    }
                if (letter := self._unread(message)) is not None:
                    letters.append((letter, None))
                    continue
                rows.append(
                    self._names()
                    | {
                        "received_at": last,
                        "topic": message.topic,
                        "payload": message.payload,
                        "size": len(message.payload),
                        "retain": message.retain,
                        "again": False,
                    }
                )
            if rows:
                await connection.execute(direct_message.insert(), rows)
            if numbers:
                statement = insert_into(connection, direct_seen)
                new = {name: statement.excluded[name] for name in ("digest", "seen_at")}
                index = ["site", "gateway", "packet_id"]
                await connection.execute(
                    statement.on_conflict_do_update(index_elements=index, set_=new), list(numbers.values())
                )
            await deadletters.keep(connection, letters, now=now)
            await self._count(connection, taken, now)
        self._last = last
        return taken

    async def _seen(self, connection: AsyncConnection, packet_ids: Sequence[int]) -> dict[int, str]:
        """What came under these numbers last."""
        if not packet_ids:
            return {}
        table = direct_seen.c
        wanted = select(table.packet_id, table.digest).where(self._of(direct_seen), table.packet_id.in_(packet_ids))
        return {int(number): str(known) for number, known in await connection.execute(wanted)}

    def _unread(self, message: Message) -> Letter | None:
        """The letter about a message that is not read at all."""
        size = len(message.payload)
        if size <= self._max_bytes and "\0" not in message.topic:
            return None
        what = f"{size} bytes, more than the {self._max_bytes} that are read; see 'max_bytes' of '{self._gateway}'"
        if size <= self._max_bytes:
            what = "its topic holds a zero character"
        detail = f"{shown(message.topic)}: {what}"
        return Letter(message.topic, "undecodable", detail, message.payload, place=(self._site, self._gateway))

    async def _count(self, connection: AsyncConnection, taken: Taken, now: int) -> None:
        statement = insert_into(connection, direct_tally)
        counts = {name: getattr(taken, name) for name in ("messages", "redelivered", "qos0", "retained")}
        old = direct_tally.c
        again = {name: old[name] + statement.excluded[name] for name in counts} | {"last_seen": now}
        row = self._names() | counts | {"epoch": self._epoch, "first_seen": now, "last_seen": now}
        index = ["site", "gateway", "epoch"]
        await connection.execute(statement.on_conflict_do_update(index_elements=index, set_=again), row)

    async def _counted_last(self, connection: AsyncConnection) -> int | None:
        wanted = select(direct_tally.c.last_seen).where(self._of(direct_tally), direct_tally.c.epoch == self._epoch)
        return await connection.scalar(wanted)

    async def read(self, after: int, most: int) -> list[Kept]:
        """The next messages, at most so many."""
        table = direct_message.c
        columns = table.position, table.received_at, table.topic, table.payload, table.retain, table.again
        wanted = select(*columns).where(self._of(direct_message), table.position > after).order_by(table.position).limit(most)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            return [Kept(*row) for row in await connection.execute(wanted)]

    async def place(self, event_class: EventClass) -> int:
        """Where a class goes on reading."""
        wanted = select(direct_cursor.c.position).where(self._of(direct_cursor), direct_cursor.c.event_class == event_class)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            return int(await connection.scalar(wanted) or 0)

    async def move(self, connection: AsyncConnection, event_class: EventClass, before: int, after: int) -> bool:
        """Move a class's place in the caller's transaction, and forget what both have read; false where it is elsewhere."""
        table = direct_cursor.c
        await self._hold.fence(connection)
        own = (self._of(direct_cursor)) & (table.event_class == event_class) & (table.position == before)
        moved = await connection.execute(update(direct_cursor).where(own).values(position=after))
        if moved.rowcount != 1:
            return False
        if after > before:
            least = await connection.scalar(select(func.min(table.position)).where(self._of(direct_cursor)))
            old = delete(direct_message).where(self._of(direct_message), direct_message.c.position <= int(least or 0))
            await connection.execute(old)
        return True

    async def waiting(self) -> tuple[int, int]:
        """How many messages wait, and their bytes."""
        table = direct_message.c
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            count, size = (
                await connection.execute(
                    select(func.count(), func.coalesce(func.sum(table.size), 0)).where(self._of(direct_message))
                )
            ).one()
        return int(count), int(size)

    async def opened(self, since: int | None, now: int, *, kept: bool) -> None:
        """We are subscribed again, after `since`; `kept`: the broker still had our session.

        The time between is recorded (the oldest of many is forgotten). The message numbers of a session that is gone mean
        nothing any more.
        """
        table = direct_gap.c
        async with self._engine.begin() as connection:
            await self._hold.fence(connection)
            if not kept:
                await connection.execute(delete(direct_seen).where(self._of(direct_seen)))
            await connection.execute(update(direct_lane).where(self._of(direct_lane)).values(heard_until=now))
            if since is not None and now > since:
                same = delete(direct_gap).where(self._of(direct_gap), table.since == since, table.until == now)
                await connection.execute(same)  # an earlier try may have been committed, and its answer lost
                await connection.execute(direct_gap.insert(), self._names() | {"since": since, "until": now, "kept": kept})
                newest = select(table.id).where(self._of(direct_gap)).order_by(table.id.desc()).limit(_GAPS)
                await connection.execute(delete(direct_gap).where(self._of(direct_gap), table.id.not_in(newest)))

    async def say(self, presence: Presence, now: int) -> None:
        """Record whether somebody hears the devices."""
        async with self._engine.begin() as connection:
            await self._hold.fence(connection)
            await say_presence(connection, presence, now)

    def _names(self) -> dict[str, Any]:
        return {"site": self._site, "gateway": self._gateway}

    def _of(self, table: Table) -> ColumnElement[bool]:
        return (table.c.site == self._site) & (table.c.gateway == self._gateway)
