"""A site for tracking's tests: its file, an order, and inbox rows as ingest writes them."""

import asyncio
import email
import email.message
import email.policy
import ssl
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

import ingest
import tracking_service
from plumbline import codec, inbox
from plumbline.event import CheckIn, ClockReading, Event, Scan, State, kind_of
from plumbline.ids import new_event_id
from plumbline.series import Bucket, HeatCell, LatestRow, SeriesUnavailableError
from plumbline.site import Device, SiteFile, Zone
from tests import databases
from tests.servers import free_port

SITE = "harbour"
GTIN = "09506000134352"
SSCC = "095060001343000007"
HOUR = 3_600_000_000_000

site = SiteFile(
    id=SITE,
    title_en="Harbour",
    title_zh="港口",
    timezone="Asia/Shanghai",
    lat=31.2,
    lon=121.5,
    plan="plan.svg",
    plan_corners=((121.49, 31.21), (121.51, 31.21), (121.51, 31.19), (121.49, 31.19)),
    zones=(
        Zone(
            id="gate",
            title_en="Gate",
            title_zh="大门",
            kind="gate",
            polygon=((121.499, 31.199), (121.501, 31.199), (121.501, 31.201), (121.499, 31.201)),
        ),
    ),
    devices=(
        Device(id="scanner-1", title_en="Gate scanner", title_zh="门口扫描枪", kind="scanner", zone="gate"),
        Device(id="crane-1", title_en="Tower crane", title_zh="塔吊", kind="machine", zone="gate"),
        Device(id="air-1", title_en="Air sensor", title_zh="空气传感器", kind="environment", zone="gate"),
    ),
)
SITES = {SITE: site}
_clock = ClockReading(quality="ntp", boot="boot", mono=1)


def order(**changes: Any) -> dict[str, Any]:
    """An order document: 24 beams by label, 10 boxes by GTIN and batch, 8 of line 30 on a pallet."""
    document: dict[str, Any] = {
        "number": "PO-1",
        "site": SITE,
        "title": {"en": "Tower steel", "zh": "塔楼钢材"},
        "customer": "Harbour Ltd",
        "lines": [
            {"line": "10", "title": {"en": "Beam", "zh": "钢梁"}, "unit": "pcs", "quantity": 4},
            {
                "line": "20",
                "title": {"en": "Bolts", "zh": "螺栓"},
                "gtin": GTIN,
                "batch": "LOT7",
                "unit": "box",
                "quantity": "10",
            },
            {"line": "30", "title": {"en": "Plates", "zh": "钢板"}, "unit": "pcs", "quantity": 8},
        ],
        "deliveries": [{"sscc": SSCC, "line": "30", "quantity": 8, "delivery_note": "DN-77"}],
        "milestones": [
            {
                "key": "beams",
                "title": {"en": "Beams on site", "zh": "钢梁到场"},
                "policy": {"material_arrived": {"lines": ["10"]}},
            },
            {"key": "all", "title": {"en": "All material", "zh": "全部物料"}, "policy": {"material_arrived": {"lines": "all"}}},
        ],
        "notify": [
            {"name": "李工", "email": "li@example.org", "language": "zh"},
            {"name": "Ann", "email": "ann@example.org", "language": "en"},
        ],
    }
    return document | changes


def header(device: str = "scanner-1", at: int | None = None, site: str = SITE) -> dict[str, Any]:
    """What every event carries."""
    at = time.time_ns() if at is None else at
    return {
        "id": new_event_id(at),
        "site": site,
        "gateway": "gw-1",
        "device": device,
        "at": at,
        "clock": _clock,
        "epoch": "e1",
        "seq": 1,
    }


def scan(text: str, gs1: Sequence[tuple[str, str]] | None = None, **where: Any) -> Scan:
    """A scan."""
    return Scan(raw=text.encode(), text=text, gs1=tuple(gs1) if gs1 is not None else None, **header(**where))


def beam(piece: int, **where: Any) -> Scan:
    """A scan of our own label on a beam."""
    return scan(f"PL1:PO-1/10/{piece}", **where)


def check_in(person: str, direction: Any = "in", place: str = "gate", **where: Any) -> CheckIn:
    """Somebody comes or goes."""
    return CheckIn(person=person, place=place, method="badge", direction=direction, **header(**where))


def state(word: Any, device: str = "crane-1", **where: Any) -> State:
    """A machine says what it does."""
    return State(state=word, **header(device=device, **where))


async def database(url: str) -> AsyncEngine:
    """An engine on a database with ingest's and tracking's tables."""
    return await databases.opened(url, ingest.migrate, tracking_service.migrate)


def row(event: Event, body: bytes | None = None) -> dict[str, Any]:
    """An inbox row as ingest writes it."""
    return {
        "event_id": event.id,
        "site": event.site,
        "gateway": event.gateway,
        "device": event.device,
        "kind": kind_of(event),
        "at": event.at,
        "received_at": time.time_ns(),
        "body": codec.encode(event) if body is None else body,
    }


async def post(engine: AsyncEngine, *events: Event) -> None:
    """Put events into the inbox."""
    async with engine.begin() as connection:
        await connection.execute(insert(inbox.inbox), [row(event) for event in events])


async def put_gateway(engine: AsyncEngine, name: str = "gw-1", **values: Any) -> None:
    """Say how a gateway is."""
    now = time.time_ns()
    known: dict[str, Any] = {"site": SITE, "gateway": name, "online": True, "since": now, "last_seen": now, "data_until": now}
    async with engine.begin() as connection:
        await connection.execute(insert(inbox.gateway).values(known | values))


class MemorySeries:  # the arguments it does not need are the contract's
    """A series store in memory, or one that is away."""

    def __init__(self) -> None:
        self.away = False
        self.cells: list[HeatCell] = []
        self.rows: dict[str, list[LatestRow]] = {}
        self.buckets: list[Bucket] = []

    def _check(self) -> None:
        if self.away:
            raise SeriesUnavailableError("the store is away")

    async def heat(self, *_window: object) -> list[HeatCell]:
        self._check()
        return self.cells

    async def latest(self, _site: str, measurement: str, since: int) -> list[LatestRow]:
        self._check()
        return [row for row in self.rows.get(measurement, []) if row.at >= since]

    async def history(self, *_what: str, start: int, end: int, **_more: object) -> list[Bucket]:
        self._check()
        return [bucket for bucket in self.buckets if start <= bucket.start < end]


class Mail(NamedTuple):
    """A mail that the server took."""

    to: str
    subject: str
    body: str
    notice: str
    message: email.message.EmailMessage


class Mailbox:
    """A real SMTP server on the loopback, in a thread of its own; with `tls` it speaks TLS from the first byte."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.unknown: set[str] = set()
        """Addresses that there are not."""
        self.port = free_port()
        self.taken: list[Mail] = []
        self.refusals = 0
        """So many mails are still to be refused."""
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ssl_context=tls, ready_timeout=120)
        self._controller.start()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take an address, or not."""
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        if self.refusals > 0:
            self.refusals -= 1
            return "451 4.3.0 come back later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(("plain",)).get_content()
        self.taken.append(Mail(envelope.rcpt_tos[0], message["subject"], body, message["x-plumbline-notice"], message))
        self._loop.call_soon_threadsafe(self._changed.set)
        return "250 OK"

    async def hold(self, count: int) -> None:
        """Wait until so many mails are there."""
        while len(self.taken) < count:
            self._changed.clear()
            if len(self.taken) < count:
                await asyncio.wait_for(self._changed.wait(), 120)

    def stop(self) -> None:
        """Close the port."""
        self._controller.stop()
