"""The demo put together: devices, gateways, a link that can be cut, orders from the office, and the story that plays."""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import structlog

from plumbline import codec, topics
from plumbline.address import Address
from plumbline.broker import OwnBroker
from plumbline.demo import gateways, story, walks
from plumbline.demo.devices import Camera, Sensors, SerialDevice, epoch
from plumbline.demo.link import Link
from plumbline.demo.orders import COMPANY, ORDERS, Calendar
from plumbline.errors import PlumblineError
from plumbline.event import Reading
from plumbline.mqtt import Connection
from plumbline.site import SiteFile

SITE_FILE: Final = Path(str(files("plumbline.demo") / "site.toml"))

_log = structlog.get_logger()
_BEGIN_MINUTE: Final = 6.5 * 60
_OPENING_MINUTES: Final = 75.0
"""So much of the morning is told fast, so that whoever opens the wall sees a site at work."""
_OPENING_HASTE: Final = 8.0
_AGENT_START_S: Final = 60.0
_MOVE_EVERY_S: Final = 2.0
_SENSE_EVERY_S: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the story is told: `speed` story seconds a second, after an opening told faster."""

    speed: float

    @property
    def _opening_s(self) -> float:
        return _OPENING_MINUTES * 60 / (self.speed * _OPENING_HASTE)

    def minute(self, elapsed_s: float) -> float:
        """The story's minute of the day after so many real seconds."""
        if elapsed_s < self._opening_s:
            return _BEGIN_MINUTE + elapsed_s * self.speed * _OPENING_HASTE / 60
        return _BEGIN_MINUTE + _OPENING_MINUTES + (elapsed_s - self._opening_s) * self.speed / 60

    def elapsed_s(self, minute: float) -> float:
        """The inverse: after how many real seconds a minute of the day is reached."""
        told = minute - _BEGIN_MINUTE
        if told < _OPENING_MINUTES:
            return told * 60 / (self.speed * _OPENING_HASTE)
        return self._opening_s + (told - _OPENING_MINUTES) * 60 / self.speed

    def calendar(self, start: datetime, zone: ZoneInfo) -> Calendar:
        """Real times of story hours, for due dates: right for everything after the opening. `zone` is the site's."""
        saved_s = _OPENING_MINUTES * 60 / self.speed * (1 - 1 / _OPENING_HASTE)
        seconds_per_hour = 3600 / self.speed
        return Calendar(start, _BEGIN_MINUTE / 60 + saved_s / seconds_per_hour, seconds_per_hour, zone)


class Stage:
    """Everything that the story touches."""

    def __init__(
        self, *, site: SiteFile, folder: Path, sensors: Sensors, link: Link, pace: Pace, now: Callable[[], datetime]
    ) -> None:
        dice = random.Random(7)  # noqa: S311 - scenery, not secrets
        self._site = site
        self._dice = dice
        self._sensors = sensors
        self._link = link
        self._pace = pace
        self._now = now
        self._rounds = walks.rounds()
        self._present: set[str] = set()
        self._machines: dict[str, str] = {}
        self._scanners = {name: SerialDevice(folder / f"tty-{name}") for name in ("gate-scanner", "yard-scanner")}
        self._receiver = SerialDevice(folder / "tty-excavator-1")
        self._camera = Camera(folder / "gate-camera", dice)

    def close(self) -> None:
        """Unplug everything."""
        for device in (*self._scanners.values(), self._receiver):
            device.close()

    def act(self, act: story.Act) -> None:
        """Let something of the story happen at the devices."""
        match act:
            case story.Label(scanner=scanner, text=text):
                self._scanners[scanner].send(text.encode() + b"\r\n")
            case story.Photo(labels=labels):
                try:
                    self._camera.take(labels, self._now())
                except OSError as error:  # a real camera's picture is lost then, too; the site goes on
                    _log.error("the gate camera could not write its picture", error=str(error), check="space on the disk")
            case story.Badge(person=person, direction=direction):
                (self._present.add if direction == "in" else self._present.discard)(person)
                self._sensors.publish("gate-badge", "badge", {"person": person, "direction": direction, "place": "gate"})
            case story.Machine(machine=machine, state=state):
                self._machines[machine] = state
                self._equipment(machine)
            case story.Link(up=up):
                (self._link.mend if up else self._link.cut)()
                _log.info("the yard's link " + ("is back" if up else "is cut"), gateway=gateways.YARD)

    async def play(self) -> None:
        """Tell the whole day; when it is over the site stays, with its sensors and the night's quiet."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for moment in story.day():
            await asyncio.sleep(begin + self._pace.elapsed_s(moment.minute) - loop.time())
            self.act(moment.act)
        _log.info("the demo's day is over; the site stays on the wall", advice="start it again to see the day anew")

    async def move(self) -> None:
        """Phones, cranes and the excavator's receiver say where they are."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while True:
            minute = self._pace.minute(loop.time() - begin)
            for name, walk in self._rounds.items():
                if name in story.CREW and name not in self._present:
                    continue
                east, north = walk.at(minute)
                lat, lon = self._site.grid.position(east + self._dice.gauss(0, 1.5), north + self._dice.gauss(0, 1.5))
                if name == "excavator-1":
                    self._receiver.send(epoch(self._now(), lat, lon, walk.pace / 6, 90.0))
                else:
                    self._sensors.publish(name, "position", {"lat": round(lat, 7), "lon": round(lon, 7), "accuracy_m": 4.5})
            for crane, (east, north) in walks.CRANES.items():
                lat, lon = self._site.grid.position(east, north)
                self._sensors.publish(crane, "position", {"lat": round(lat, 7), "lon": round(lon, 7), "accuracy_m": 1.0})
            await asyncio.sleep(_MOVE_EVERY_S)

    async def sense(self) -> None:
        """Environment nodes and the cranes' telemetry report."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while True:
            self.measure(self._pace.minute(loop.time() - begin))
            for machine in self._machines:
                self._equipment(machine)
            await asyncio.sleep(_SENSE_EVERY_S)

    def measure(self, minute: float) -> None:
        """Both environment nodes publish one measurement."""
        busy = sum(state == "working" for state in self._machines.values()) + len(self._present) / 5
        for node, share in (("dust-gate", 1.0), ("dust-towers", 1.4)):
            self._sensors.publish(node, "environment", weather(minute, busy * share, self._dice))

    def _equipment(self, machine: str) -> None:
        working = self._machines[machine] == "working"
        load = max(0.0, self._dice.gauss(3.2, 1.4)) if working else 0.0
        hook = self._dice.uniform(8, 46) if working else 40.0
        wind = max(0.0, self._dice.gauss(5.5, 1.2))
        values = {
            "state": self._machines[machine],
            "load_t": round(load, 2),
            "hook_height_m": round(hook, 1),
            "wind_mps": round(wind, 1),
        }
        self._sensors.publish(machine, "equipment", values)


def weather(minute: float, busy: float, dice: random.Random) -> dict[str, float]:
    """What an environment node measures at a minute of the day when the site is more or less busy (0 to about 8)."""
    warmth = math.sin((minute / 60 - 9) / 24 * 2 * math.pi)
    pm2_5 = 14 + 4 * busy + dice.gauss(0, 2.5)
    return {
        "pm2_5": round(max(1.0, pm2_5), 1),
        "pm10": round(max(2.0, pm2_5 * 1.9 + dice.gauss(0, 4)), 1),
        "noise_db": round(47 + 3.2 * busy + dice.gauss(0, 1.8), 1),
        "temperature_c": round(21 + 5 * warmth + dice.gauss(0, 0.15), 1),
        "humidity": round(62 - 12 * warmth + dice.gauss(0, 0.6), 1),
    }


@contextlib.asynccontextmanager
async def playing(
    *, site: SiteFile, folder: Path, broker: OwnBroker, api: str, speed: float, pages: Mapping[str, int]
) -> AsyncGenerator[None]:
    """Play the demo for the length of the block.

    `api` is the tracking service's URL, where the orders are posted; `pages` are the ports of the gateways' own pages.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    pace = Pace(speed=speed)
    address = Address.parse(broker.url)
    sensors = Sensors(lambda: Connection(address=address, client_id="demo-devices", version=broker.version))
    async with Link(address.host, address.port) as link:
        await _post_orders(api, site.id, pace.calendar(datetime.now(UTC), ZoneInfo(site.timezone)))
        stage = Stage(site=site, folder=folder, sensors=sensors, link=link, pace=pace, now=lambda: datetime.now(UTC))
        gate = gateways.Wiring(
            site=site.id,
            folder=folder,
            server=broker.url,
            local=broker.url,
            version=broker.version,
            page=pages[gateways.GATE],
        )
        yard = gateways.Wiring(
            site=site.id,
            folder=folder,
            server=f"mqtt://{address.host}:{link.port}",
            local=broker.url,
            version=broker.version,
            page=pages[gateways.YARD],
        )
        try:
            async with gateways.agent(gateways.GATE, gate), gateways.agent(gateways.YARD, yard), asyncio.TaskGroup() as tasks:
                publishing = tasks.create_task(sensors.run(), name="demo-broker")
                await _heard(site.id, broker, stage, folder)
                running = [
                    publishing,
                    tasks.create_task(stage.play(), name="demo-story"),
                    tasks.create_task(stage.move(), name="demo-walks"),
                    tasks.create_task(stage.sense(), name="demo-sensors"),
                ]
                yield
                for task in running:
                    task.cancel()
        finally:
            stage.close()


async def _heard(site: str, broker: OwnBroker, stage: Stage, folder: Path) -> None:
    """Let the nodes measure until both gateways pass it on: what is published before their readers listen is heard by nobody."""
    silent = {gateways.GATE, gateways.YARD}
    async with Connection(address=Address.parse(broker.url), client_id="demo-listener", version=broker.version) as connection:
        await connection.subscribe(topics.events(site, "+", "telemetry"))

        async def listen() -> None:
            async for message in connection.messages():
                message.ack()
                batch = codec.decode_batch(message.payload)
                if any(isinstance(event, Reading) for event in batch.events):
                    silent.discard(batch.header.gateway)
                if not silent:
                    return

        listening = asyncio.create_task(listen(), name="demo-listener")
        try:
            async with asyncio.timeout(_AGENT_START_S):
                while not listening.done():
                    stage.measure(_BEGIN_MINUTE)
                    await asyncio.wait({listening}, timeout=0.3)
        except TimeoutError:
            named = " and ".join(sorted(silent))
            raise PlumblineError(
                f"the demo's agent of {named} is not heard after {_AGENT_START_S:g} s; read {folder}/*.log"
            ) from None
        finally:
            listening.cancel()


async def _post_orders(api: str, site: str, calendar: Calendar) -> None:
    async with httpx.AsyncClient(base_url=api, timeout=30) as client:
        told = await client.post("/api/company", json=COMPANY)
        if told.is_error:
            raise PlumblineError(f"the demo's company was refused: {told.status_code} {told.text[:300]}")
        for order in ORDERS:
            answer = await client.post("/api/orders", json=order.document(site, calendar))
            if answer.is_error:
                raise PlumblineError(f"the demo's order {order.number} was refused: {answer.status_code} {answer.text[:300]}")
