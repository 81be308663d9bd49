"""Through the inbox: positions and a scan that contradict each other become a task, and are told."""

import time

import msgspec
from sqlalchemy import select

from plumbline.event import Fix
from plumbline.site import Device
from tests import tracking_site as site
from tracking_service.geofence.tables import contradiction, visit
from tracking_service.intake import Intake
from tracking_service.tables import activity

SECOND = 1_000_000_000
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
