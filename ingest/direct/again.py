"""Dead letters of direct devices, taken once more: whole messages that could not be read, and events that were set aside.

What nothing was taken of goes back among the lane's messages, with the time at which it was received, and is read like every
other. What the rest was taken of is only written: those events are counted already, and have the same ids and times again.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.direct.reading import class_of, judge
from ingest.direct.settings import Table
from ingest.direct.stamp import Stamper, digest
from ingest.direct.tables import direct_lane, direct_message, direct_seen
from ingest.projection import mail
from ingest.projection.points import PointMaker
from ingest.upsert import insert_into, is_postgresql
from plumbline.address import Address
from plumbline.capture import Capture
from plumbline.dialects import Trouble
from plumbline.dialects.document import shown
from plumbline.errors import CodecError, MqttError
from plumbline.event import CLASSES, Event, Fix
from plumbline.listening import learn
from plumbline.mqtt import Version
from plumbline.series import SeriesWriter
from plumbline.site import SiteFile

Wrong = tuple[str, str]
_PARTLY: Final = "partly_undecodable"


class Again:
    """Reads letters with the tables of today (see `ingest.deadletters.replay.Elsewhere`).

    Args:
        tables: the tables of now.
        engine: the SQL database.
        store: the series store.
        sites: the site files by id.
        address, version: the broker, asked for what is announced on it.
    """

    def __init__(
        self,
        *,
        tables: Callable[[], tuple[Table, ...]],
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        address: Address,
        version: Version,
        clock: Callable[[], int],
    ) -> None:
        self._tables = tables
        self._engine = engine
        self._store = store
        self._sites = sites
        self._address = address
        self._version: Version = version
        self._clock = clock

    def owns(self, site: str, gateway: str) -> bool:
        """Whether a table has that name."""
        return self._named(site, gateway) is not None

    def judge(self, event: Event, site: SiteFile | None, now: int) -> Wrong | None:
        """What stands against an event of a direct device."""
        table = self._named(event.site, event.gateway)
        assert table is not None, "asked of those that it owns"
        return judge(table, site, event, now)

    async def take_again(self, topic: str, payload: bytes, received_at: int, *, reason: str) -> Wrong | None:
        """Read a message once more; what stands against it, or `None` where it is on its way."""
        entries = [(table, table.entry()) for table in self._tables()]
        table, entry = next(((table, entry) for table, entry in entries if entry.takes(topic)), (None, None))
        if table is None or entry is None:
            return reason, f"{shown(topic)}: no [[direct]] table takes this topic; declare it, or drop the letter"
        if len(payload) > table.max_bytes:
            return (
                reason,
                f"{shown(topic)}: {len(payload)} bytes, more than the {table.max_bytes} that are read; see 'max_bytes'",
            )
        try:
            await learn(self._address, self._version, [entry], table.max_bytes)
        except MqttError as error:
            return reason, f"{shown(topic)}: what devices announce could not be asked for: {error}; replay it later"
        captures: list[Capture] = []
        for one in await entry.hear(topic, payload):
            if not isinstance(one, Trouble):
                captures.append(Capture(one.device, one.event, one.at_ns, "ntp", one.metrics))
            elif one.lost:
                return reason, f"{shown(topic)}: {one.device}: {one.what}"
        if reason == _PARTLY:
            return await self._write(table, topic, payload, received_at, captures)
        async with self._engine.begin() as connection:
            await self._put_back(connection, table, topic, payload, received_at)
        return None

    async def _write(self, table: Table, topic: str, payload: bytes, received_at: int, captures: list[Capture]) -> Wrong | None:
        site, now = self._sites.get(table.site), self._clock()
        stampers = {one: Stamper(table.site, table.name) for one in CLASSES}  # as each class has its own while it reads
        for stamper in stampers.values():
            stamper.begin(topic, payload, received_at)
        events: list[Event] = []
        for capture in captures:
            try:
                event = stampers[class_of(capture)].complete(capture)
            except CodecError as error:
                return _PARTLY, f"{shown(topic)}: {capture.device}: {error.detail}"
            if event is None:
                continue
            if (wrong := judge(table, site, event, now)) is not None:
                return _PARTLY, f"{shown(topic)}: {wrong[1]}"
            events.append(event)
        telemetry = [event for event in events if event.event_class == "telemetry"]
        if site is not None and telemetry:
            for _, why in await self._store.write(PointMaker(site).points(telemetry)):
                return _PARTLY, f"{shown(topic)}: the series store refuses a point: {why}"
        async with self._engine.begin() as connection:
            await mail.deliver(connection, [event for event in telemetry if type(event) is Fix], now=now, projected=True)
            business = [event for event in events if event.event_class == "business"]
            await mail.deliver(connection, business, now=now, projected=False)
        return None

    async def _put_back(self, connection: AsyncConnection, table: Table, topic: str, payload: bytes, received_at: int) -> None:
        """Among the messages of its lane, once. The lane's row is locked: positions are committed in their order."""
        lane = {"site": table.site, "gateway": table.name}
        await connection.execute(insert_into(connection, direct_lane).on_conflict_do_nothing(), lane)
        row = select(direct_lane.c.beat).where(*(direct_lane.c[name] == value for name, value in lane.items()))
        await connection.execute(row.with_for_update() if is_postgresql(connection) else row)
        known = hashlib.sha256(digest(topic, payload) + b"%d" % received_at).hexdigest()
        seen: dict[str, Any] = lane | {"packet_id": -int(known[:7], 16) - 1, "digest": known, "seen_at": self._clock()}
        statement = insert_into(connection, direct_seen)
        index = ["site", "gateway", "packet_id"]
        values = {name: statement.excluded[name] for name in ("digest", "seen_at")}
        fresh = statement.on_conflict_do_update(
            index_elements=index, set_=values, where=direct_seen.c.digest != statement.excluded.digest
        )
        if (await connection.execute(fresh, seen)).rowcount < 1:
            return  # a try of before came so far
        message = {"received_at": received_at, "topic": topic, "payload": payload, "size": len(payload)}
        await connection.execute(direct_message.insert(), lane | message | {"retain": False, "again": True})

    def _named(self, site: str, name: str) -> Table | None:
        return next((one for one in self._tables() if (one.site, one.name) == (site, name)), None)
