"""Through the inbox: positions and a scan that contradict each other become a task, and are told."""

import time

import httpx
import msgspec
import pytest
from sqlalchemy import select

from plumbline.event import Fix
from plumbline.site import Device, Zones
from tests import tracking_site as site
from tracking_service.api import create_app
from tracking_service.api.wall import Wall
from tracking_service.geofence.tables import contradiction, visit
from tracking_service.intake import Intake
from tracking_service.log.tables import voided
from tracking_service.rebuild import rebuild
from tracking_service.tables import activity

SECOND = 1_000_000_000
NOW = time.time_ns() // SECOND * SECOND
DIGGER = Device(id="digger", title_en="Digger", title_zh="挖掘机", kind="machine", codes=("TAG-7",))
PLACES = {site.SITE: msgspec.structs.replace(site.site, devices=(*site.site.devices, DIGGER))}


async def test_a_scan_here_while_the_tracker_is_far_away_is_taken_in_and_told_on_the_wall(database_url):
    engine = await site.database(database_url)
    now = time.time_ns()

    def fix(seconds_ago: float, east: float) -> Fix:
        lat, lon = site.site.grid.position(east, 0)
        return Fix(lat=lat, lon=lon, accuracy_m=5.0, **site.header(device="digger", at=now - round(seconds_ago * SECOND)))

    here = [fix(7200 - 30 * n, 10) for n in range(20)]
    away = [fix(300 - 30 * n, 12_000) for n in range(10)]
    scan = site.scan("TAG-7", at=now - 100 * SECOND)
    await site.post(engine, *here, *away, scan)
    intake = Intake(engine=engine, sites=PLACES)
    while await intake.take():
        pass
    async with engine.connect() as connection:
        (task,) = (await connection.execute(select(contradiction))).all()
        (stay,) = (await connection.execute(select(visit))).all()
        told = (await connection.execute(select(activity.c.text_en))).scalars().all()
    assert (task.event_id, task.device, task.zone, task.resolved_at) == (scan.id, "digger", "gate", None)
    assert (stay.device, stay.zone, stay.id, stay.until) == ("digger", "gate", here[0].id, here[-1].at)
    assert "Digger was scanned at Gate, but its GPS is 11.9 km away" in told
    await engine.dispose()


async def disagreeing(engine, tmp_path):
    """A digger that was scanned at the gate while its positions were far away, and a client of the API."""
    now = NOW
    lat, lon = site.site.grid.position(12_000, 0)
    away = [
        Fix(lat=lat, lon=lon, accuracy_m=5.0, **site.header(device="digger", at=now - n * 30 * SECOND)) for n in range(1, 8)
    ]
    scan = site.scan("TAG-7", at=now - 100 * SECOND)
    await site.post(engine, *away, scan)
    await drained(engine)
    wall = Wall(
        engine=engine, series=site.MemorySeries(), sites=PLACES, profiles={}, plans={}, now_ns=lambda: NOW + 60 * SECOND
    )
    transport = httpx.ASGITransport(app=create_app(wall=wall, static=tmp_path))
    return scan, httpx.AsyncClient(transport=transport, base_url="http://site")


async def drained(engine):
    intake = Intake(engine=engine, sites=PLACES, now_ns=lambda: NOW + 60 * SECOND)
    while await intake.take():
        pass


async def listed(client, **asked):
    answer = await client.get(f"/api/sites/{site.SITE}/contradictions", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def act(client, path, status=200, **body):
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()["id"] if status == 200 else answer.text


@pytest.mark.parametrize("verdict", ["seen", "both", "no_contradiction", "position"])
async def test_a_clerk_settles_a_contradiction_with_a_reason_and_takes_that_back(database_url, tmp_path, verdict):
    engine = await site.database(database_url)
    scan, client = await disagreeing(engine, tmp_path)
    assert [one["settled"] for one in await listed(client)] == [None]
    settle = f"/api/events/{scan.id}/settle"
    assert "why" in await act(client, settle, 422, device="digger", verdict=verdict)
    assert "disagree" in await act(client, settle, 422, device="crane-1", verdict=verdict, why="x")
    done = await act(client, settle, device="digger", verdict=verdict, why="I stood beside it", person="Li")
    assert await listed(client) == []
    told = [one["settled"] for one in await listed(client, resolved=True)]
    if verdict == "position":  # the scan does not count: there is nothing that could disagree
        assert told == []
    else:
        assert [(one["id"], one["verdict"], one["why"], one["person"]) for one in told] == [
            (done, verdict, "I stood beside it", "Li")
        ]
    assert "void that act first" in await act(client, settle, 422, device="digger", verdict="both", why="x")
    lat, lon = site.site.grid.position(13_000, 0)  # what comes later does not open it again
    await site.post(engine, Fix(lat=lat, lon=lon, accuracy_m=5.0, **site.header(device="digger", at=scan.at + SECOND)))
    await drained(engine)
    assert await listed(client) == []
    async with engine.connect() as connection:
        gone = (await connection.execute(select(voided.c.ref))).scalars().all()
    assert gone == ([scan.id] if verdict == "position" else [])
    await act(client, f"/api/acts/{done}/void", why="another machine")
    assert len(await listed(client)) == 1
    found = await rebuild(engine, sites=PLACES, zones=Zones(PLACES), now=NOW + 60 * SECOND)
    assert found.shown == []
    await client.aclose()
    await engine.dispose()
