"""The demo's day at Harbour East in a real InfluxDB, put there by our own ingest and tracking, in seconds.

The story is the demo's; its gateways send what their devices say over a real broker to a real `IngestService`, tracking takes it
from the inbox, and both mirror what boards read. Only the clock is ours: it goes from hour to hour, as the story does. One
event is broken, one is missing and one message came twice, so that ledger and dead letters have something to tell.
"""

import asyncio
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

import ingest
import tracking_service
from edge_agent.scanner.label import Labels
from ingest.patience import Patience
from ingest.series.influx import InfluxStore
from ingest.tables import ledger_stream
from plumbline import codec, site, topics
from plumbline.address import Address
from plumbline.database import open_engine
from plumbline.delivery import Presence
from plumbline.demo import stage, story, walks
from plumbline.demo.orders import ORDERS, Calendar
from plumbline.event import CheckIn, ClockReading, Event, Fix, Health, Reading, Scan, State
from plumbline.ids import new_event_id
from plumbline.mqtt import Connection
from plumbline.profile import Framing
from tests.batches import batch
from tests.servers import InfluxDb, Mosquitto
from tracking_service import document
from tracking_service.intake import Intake
from tracking_service.mirror import Mirror
from tracking_service.orders import import_order

MINUTE = 60_000_000_000
GATE, YARD = "gw-gate", "gw-yard"
_AT_GATE = {"gate-scanner", "gate-camera", "gate-badge", "dust-gate"}
_CLOCK = ClockReading(quality="ntp", boot="b", mono=1)
_BATCH = 400
#: When the story is looked at: two hours after the façade's milestone was due.
UNTIL = 16.5


class DemoDay:
    """The day of the demo, as of `now`: half past four in the afternoon of yesterday, by the site's clock."""

    def __init__(self) -> None:
        self.site = site.load(stage.SITE_FILE)
        zone = ZoneInfo(self.site.timezone)
        midnight = datetime.combine(datetime.now(zone).date() - timedelta(days=1), datetime.min.time(), zone)
        self.midnight = round(midnight.timestamp()) * 10**9
        self.now = self._at(UNTIL * 60)
        self._morning = midnight + timedelta(hours=6.5)
        self._zone = zone
        self._counts: defaultdict[tuple[str, str], itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._last: defaultdict[tuple[str, str], int] = defaultdict(int)

    def _at(self, minute: float) -> int:
        return self.midnight + round(minute * 60) * 10**9

    def documents(self) -> Iterator[dict[str, Any]]:
        """The orders that the office made."""
        calendar = Calendar(self._morning, 6.5, 3600, self._zone)
        return (order.document(self.site.id, calendar) for order in ORDERS)

    def events(self) -> list[tuple[float, Event]]:
        """What the devices say until now, with the minute of the day, in order."""
        said = sorted([*self._acts(), *self._senses()], key=lambda one: one[0])
        return [(minute, event) for minute, event in said if minute <= UNTIL * 60]

    def _header(self, device: str, minute: float, event_class: str) -> dict[str, Any]:
        gateway = GATE if device in _AT_GATE else device if device in {GATE, YARD} else YARD
        at = max(self._at(minute) + (event_class == "telemetry") * 1_000, self._last[device, event_class] + 1)
        self._last[device, event_class] = at
        return {
            "id": new_event_id(at),
            "site": self.site.id,
            "gateway": gateway,
            "device": device,
            "at": at,
            "clock": _CLOCK,
            "epoch": "e1",
            "seq": next(self._counts[gateway, event_class]),
        }

    def _acts(self) -> Iterator[tuple[float, Event]]:
        labels = Labels(Framing(symbology_identifier=True))
        for moment in story.day():
            minute = moment.minute
            match moment.act:
                case story.Label(scanner=scanner, text=text):
                    scan, _ = labels.read(text.encode())
                    yield minute, scan(**self._header(scanner, minute, "business"))
                case story.Photo(labels=texts):
                    for text in texts:
                        head = self._header("gate-camera", minute, "business")
                        yield minute, Scan(raw=text.encode(), text=text, format="QRCode", **head)
                case story.Badge(person=person, direction=direction):
                    head = self._header("gate-badge", minute, "business")
                    yield minute, CheckIn(person=person, place="gate", method="badge", direction=direction, **head)
                case story.Machine(machine=machine, state=state):
                    yield minute, State(state=state, **self._header(machine, minute, "business"))
                case _:  # the yard's link: what it cuts off comes all the same
                    pass

    def _senses(self) -> Iterator[tuple[float, Event]]:
        dice = random.Random(7)
        everybody = walks.rounds()
        for minute in range(390, round(UNTIL * 60) + 1):
            for name, walk in everybody.items():
                lat, lon = self.site.grid.position(*walk.at(minute))
                yield minute, Fix(lat=lat, lon=lon, accuracy_m=4.5, **self._header(name, minute, "telemetry"))
            for node, share in (("dust-gate", 3.0), ("dust-towers", 4.2)):
                values = stage.weather(minute, share, dice)
                yield minute, Reading(measurement="environment", values=values, **self._header(node, minute, "telemetry"))
            for crane in walks.CRANES:
                values = {
                    "load_t": round(dice.uniform(0, 6), 2),
                    "hook_height_m": 30.0,
                    "wind_mps": round(dice.uniform(3, 8), 1),
                }
                yield minute, Reading(measurement="equipment", values=values, **self._header(crane, minute, "telemetry"))
            if minute % 5 == 0:
                for gateway in (GATE, YARD):
                    figures = {"disk_free_bytes": 5e9, "queue_business_events": 2.0}
                    readers = {"scanner": "ok", "broker": "ok"}
                    yield minute, Health(values=figures, readers=readers, **self._header(gateway, minute, "telemetry"))


async def put(day: DemoDay, *, broker: Mosquitto, influxdb: InfluxDb, database: str, folder: Path) -> None:
    """Play the day into a database of InfluxDB."""
    clock = _Clock(day.midnight)
    engine = open_engine(f"sqlite+aiosqlite:///{folder}/demo.db", durable=False)
    try:
        await ingest.migrate(engine)
        await tracking_service.migrate(engine)
        async with InfluxStore(influxdb.url, database) as store:
            service = ingest.IngestService(
                broker=broker.url,
                engine=engine,
                store=store,
                sites={day.site.id: day.site},
                worker="one",
                patience=Patience(first_s=0.01, cap_s=0.05),
                clock=clock,
            )
            running = asyncio.create_task(service.run())
            try:
                await _play(day, clock, service, engine=engine, store=store, broker=broker)
            finally:
                service.stop()
                await running
    finally:
        await engine.dispose()


class _Clock:
    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


async def _play(day: DemoDay, clock: _Clock, service: Any, *, engine: Any, store: InfluxStore, broker: Mosquitto) -> None:
    sites = {day.site.id: day.site}
    zones = {day.site.id: ZoneInfo(day.site.timezone)}
    clock.now = day._at(390)
    for order in day.documents():
        async with engine.begin() as connection:
            parsed = document.read(json.dumps(order).encode(), "demo")
            await import_order(connection, parsed, sites=sites, zones=zones, now=clock.now)
    intake = Intake(engine=engine, sites=sites, now_ns=clock)
    mirror = Mirror(engine=engine, writer=store, sites=sites, now_ns=clock)
    waiting = day.events()
    sent = 0
    async with Connection(address=Address.parse(broker.url), client_id="demo-gateways", inbound=1000) as connection:
        for gateway in (GATE, YARD):
            presence = Presence(site=day.site.id, gateway=gateway, online=True, at=clock.now, epoch="e1", agent="0.1.0")
            await connection.publish(topics.presence(day.site.id, gateway), codec.encode(presence), retain=True)
        for until in (*range(450, round(UNTIL * 60), 60), UNTIL * 60):
            clock.now = day._at(until)
            now = [event for minute, event in waiting if minute <= until]
            waiting = waiting[len(now) :]
            messages = _messages(now, break_one=until == 510)
            for topic, payload in messages:
                await connection.publish(topic, payload)
            await connection.publish(*messages[0])  # comes twice
            sent += len(now) - (until == 510)
            await _taken(engine, sent)
            while await intake.take():
                pass
            await intake.tick()
            await mirror.write()
            await service._mirror.write()
        # What the service does every few seconds by itself, at once.
        while await service._heat.project():
            pass
        while await service._roller.round():
            pass


def _messages(events: Sequence[Event], *, break_one: bool) -> list[tuple[str, bytes]]:
    """The batches of each gateway and class; of the first telemetry one fix is broken and one is missing."""
    streams: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        streams[event.gateway, event.event_class].append(event)
    made: list[tuple[str, bytes]] = []
    for (gateway, event_class), stream in streams.items():
        stream.sort(key=lambda event: event.seq)
        for start in range(0, len(stream), _BATCH):
            part = stream[start : start + _BATCH]
            if break_one and (gateway, event_class, start) == (YARD, "telemetry", 0):
                made.append(_broken([part[0], *part[2:]]))
            else:
                made.append(batch(part))
    return made


def _broken(part: Sequence[Event]) -> tuple[str, bytes]:
    fix = next(event for event in part if isinstance(event, Fix))
    topic, payload = batch(part)
    latitude = f'"lat":{fix.lat!r}'.encode()
    assert latitude in payload
    return topic, payload.replace(latitude, b'"lat":131.25', 1)


async def _taken(engine: Any, sent: int) -> None:
    """Wait until ingest has settled so many events."""
    table = ledger_stream.c
    settled = select(func.sum(table.received + table.dead))
    async with asyncio.timeout(120):
        while True:
            async with engine.connect() as connection:
                if (await connection.scalar(settled) or 0) >= sent:
                    return
            await asyncio.sleep(0.02)


def choices(day: DemoDay) -> Mapping[str, str]:
    """What a person has chosen at the top of the boards."""
    return {"site": day.site.id, "order": "PO-2050", "source": "people|machines|scans"}
