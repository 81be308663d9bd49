"""Tracking takes an event whose time was corrected in once more: everything moves to the right time, nothing counts twice."""

import json
import time
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs
from sqlalchemy import select, update

from plumbline import codec
from plumbline.event import ClockReading
from plumbline.inbox import inbox
from tests import tracking_site as site
from tracking_service import document
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.tables import activity, equipment_state, evidence, milestone, notice, presence, unlinked_scan

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
NOW = time.time_ns()
S = 10**9


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def place(engine):
    parsed = document.read(json.dumps(site.order()).encode(), "test")
    async with engine.begin() as connection:
        await import_order(connection, parsed, sites=site.SITES, zones=ZONES, now=NOW)


async def drain(engine):
    intake = Intake(engine=engine, sites=site.SITES)
    while await intake.take():
        pass


async def correct(engine, event, at):
    """As ingest does it."""
    clock = ClockReading(quality="ntp", boot="boot", mono=1, original=event.at)
    right = structs.replace(event, at=at, clock=clock)
    async with engine.begin() as connection:
        values = {"body": codec.encode(right), "at": at, "processed_at": None}
        await connection.execute(update(inbox).where(inbox.c.event_id == event.id).values(**values))


async def column(engine, *columns):
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(select(*columns).order_by(columns[0]))]


async def test_evidence_moves_and_milestones_are_done_when_they_were(engine):
    await place(engine)
    beams = [site.beam(n, at=NOW - 400 * 86_400 * S + n) for n in range(1, 5)]
    await site.post(engine, *beams)
    await drain(engine)
    done = select(milestone.c.done_at, milestone.c.percent, milestone.c.evidence).where(milestone.c.id == "PO-1~beams")
    async with engine.connect() as connection:
        before = (await connection.execute(done)).one()
    notices = await column(engine, notice.c.dedup_key)
    assert before.done_at == beams[3].at
    for n, beam in enumerate(beams):
        await correct(engine, beam, NOW + n)
    await drain(engine)
    async with engine.connect() as connection:
        after = (await connection.execute(done)).one()
    assert (after.done_at, after.percent, after.evidence) == (NOW + 3, before.percent, before.evidence)
    assert [at for (at,) in await column(engine, evidence.c.at)] == [NOW, NOW + 1, NOW + 2, NOW + 3]
    told = [key for (key,) in await column(engine, notice.c.dedup_key)]
    assert len(told) == len(notices)
    assert f"PO-1~beams|completed|{NOW + 3}" in told  # what waited says the right time
    ids = {beam.id: NOW + n for n, beam in enumerate(beams)}
    told = {one: at for one, at in await column(engine, activity.c.id, activity.c.at) if one in ids}
    assert told == ids
    await drain(engine)
    assert len(await column(engine, evidence.c.at)) == 4


async def test_a_scan_that_waits_unlinked_moves_and_links_when_its_order_comes(engine):
    beam = site.beam(1, at=1_704_067_200 * S)
    await site.post(engine, beam)
    await drain(engine)
    await correct(engine, beam, NOW)
    await drain(engine)
    assert await column(engine, unlinked_scan.c.event_id, unlinked_scan.c.at) == [(beam.id, NOW)]
    await place(engine)
    assert await column(engine, evidence.c.event_id, evidence.c.at) == [(beam.id, NOW)]
    assert await column(engine, unlinked_scan.c.event_id) == []


@pytest.mark.parametrize("wrong", [-400 * 86_400 * S, 3600 * S])
async def test_people_and_machines_are_where_they_were_last_also_where_the_clock_was_ahead(engine, wrong):
    came, works = site.check_in("p1", at=NOW + wrong), site.state("working", at=NOW + wrong)
    await site.post(engine, came, works)
    await drain(engine)
    await correct(engine, came, NOW)
    await correct(engine, works, NOW)
    await site.post(engine, site.check_in("p1", "out", at=NOW + 60 * S), site.state("idle", at=NOW + 60 * S))
    await drain(engine)
    assert await column(engine, presence.c.person, presence.c.direction, presence.c.at) == [("p1", "out", NOW + 60 * S)]
    states = (equipment_state.c.device, equipment_state.c.state, equipment_state.c.since)
    assert await column(engine, *states) == [("crane-1", "idle", NOW + 60 * S)]
