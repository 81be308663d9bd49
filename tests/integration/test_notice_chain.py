"""From scans to corrected mails: everything real between the inbox and the mail server."""

import json
import time
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline import codec
from plumbline.event import ClockReading
from plumbline.inbox import inbox
from tests import tracking_site as site
from tracking_service import document, office
from tracking_service.acts import VoidAct
from tracking_service.intake import Intake
from tracking_service.mail import Mail
from tracking_service.notices import Notices
from tracking_service.orders import import_order
from tracking_service.rooms.ground import Ground

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
S = 10**9
MINUTE = 60 * S


class Chain:
    """A site: the inbox's consumer, the sender, and a clock that a test turns."""

    def __init__(self, engine: AsyncEngine, mails: site.Mailbox) -> None:
        self.engine, self.mails = engine, mails
        self.ns = time.time_ns()
        self.intake = Intake(engine=engine, sites=site.SITES, now_ns=lambda: self.ns)
        mail = Mail(f"smtp://127.0.0.1:{mails.port}?from=site@example.org")
        self.sender = Notices(engine=engine, notifier=mail, zones=ZONES, now_ns=lambda: self.ns)

    async def see(self, *events):
        await site.post(self.engine, *events)
        await self.take()

    async def take(self):
        while await self.intake.take():
            pass
        await self.intake.tick()

    async def send(self):
        await self.sender.go_round()
        while await self.sender.send():
            pass

    def told(self, person="ann@example.org"):
        return [mail for mail in self.mails.taken if mail.to == person]


@pytest.fixture
async def chain(database_url: str) -> AsyncIterator[Chain]:
    engine = await site.database(database_url)
    mails = site.Mailbox()
    parsed = document.read(json.dumps(site.order()).encode(), "test")
    async with engine.begin() as connection:
        await import_order(connection, parsed, sites=site.SITES, zones=ZONES, now=time.time_ns())
    yield Chain(engine, mails)
    mails.stop()
    await engine.dispose()


async def test_a_scan_that_is_voided_takes_back_what_was_mailed_and_nothing_else(chain):
    beams = [site.beam(n, at=chain.ns) for n in range(1, 5)]
    await chain.see(*beams)
    await chain.send()
    done = [mail for mail in chain.told() if "Beams on site: completed" in mail.subject]
    assert len(done) == 1
    before = len(chain.told())
    void = VoidAct(person="clerk", ref=beams[3].id, why="wrong pallet")
    async with chain.engine.begin() as connection:
        await office.record(connection, void, Ground(site.SITES, ZONES, chain.ns))
    await chain.send()
    corrections = [mail for mail in chain.told()[before:] if "Beams on site" in mail.subject]
    assert [mail.subject for mail in corrections] == ["[PO-1] Corrected: Beams on site: open again (75 %)"]
    assert done[0].subject in corrections[0].body
    assert "wrong pallet" in corrections[0].body
    assert corrections[0].message["in-reply-to"] == done[0].message["message-id"]
    assert any("更正：钢梁到场" in mail.subject for mail in chain.told("li@example.org"))


async def test_a_clock_that_was_wrong_moves_the_date_that_was_mailed(chain):
    beams = [site.beam(n, at=chain.ns - 400 * 24 * site.HOUR) for n in range(1, 5)]
    await chain.see(*beams)
    chain.ns += 2 * MINUTE
    await chain.send()
    before = len(chain.told())
    async with chain.engine.begin() as connection:
        for beam in beams:
            clock = ClockReading(quality="ntp", boot="boot", mono=1, original=beam.at)
            right = structs.replace(beam, at=chain.ns, clock=clock)
            values = {"body": codec.encode(right), "at": chain.ns, "processed_at": None}
            await connection.execute(update(inbox).where(inbox.c.event_id == beam.id).values(**values))
    await chain.take()
    chain.ns += 2 * MINUTE
    await chain.send()
    corrected = [
        mail for mail in chain.told()[before:] if "Beams on site" in mail.subject or "things that happened" in mail.subject
    ]
    assert len(corrected) == 1
    assert "Corrected: Beams on site: completed on" in corrected[0].subject + corrected[0].body


async def test_what_a_gateway_tells_after_an_outage_is_one_mail(chain):
    await site.put_gateway(chain.engine, online=True, data_until=chain.ns, last_seen=chain.ns)
    beams = [site.beam(n, at=chain.ns - 3 * site.HOUR + n * MINUTE) for n in range(1, 5)]
    for beam in beams:
        await chain.see(beam)
        chain.ns += S
    await chain.send()
    assert chain.told() == []
    chain.ns += 2 * MINUTE
    await chain.send()
    (mail,) = chain.told()
    assert "things that happened meanwhile" in mail.subject
    assert "Beams on site: completed on" in mail.body
