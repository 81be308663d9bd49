"""The API of places: presence, visits, hours and contradictions, on a real database."""

import time

import httpx
import msgspec
import pytest

from plumbline.event import Fix
from plumbline.site import Device
from tests import tracking_site as site
from tracking_service.api import create_app
from tracking_service.api.wall import Wall
from tracking_service.geofence import room
from tracking_service.rooms import check_ins, machines

SECOND = 1_000_000_000
NOW = int(time.mktime(time.strptime("2026-11-20 08:00", "%Y-%m-%d %H:%M"))) * SECOND
PLACES = {
    site.SITE: msgspec.structs.replace(
        site.site,
        devices=(
            *site.site.devices,
            Device(id="digger", title_en="Digger", title_zh="挖掘机", kind="machine", codes=("TAG-7",)),
            Device(id="li", title_en="Li", title_zh="李工", kind="person", codes=("BADGE-1",)),
        ),
    )
}


def fix(minutes_ago: float, east: float, device: str = "digger") -> Fix:
    lat, lon = site.site.grid.position(east, 0)
    return Fix(lat=lat, lon=lon, accuracy_m=5.0, **site.header(device=device, at=NOW - round(minutes_ago * 60 * SECOND)))


@pytest.fixture
async def client(database_url, tmp_path):
    engine = await site.database(database_url)
    fixes = [fix(120 - n / 2, 5) for n in range(60)] + [fix(20 - n / 2, 5) for n in range(40)]  # an hour of silence between
    fixes += [fix(20 - n / 2, 0, "li") for n in range(40)]
    away = [fix(40 - n / 2, 12_000, "digger") for n in range(2)]
    events = [*fixes, *away, site.scan("TAG-7", at=NOW - 39 * 60 * SECOND)]
    states = [site.state("working", device="digger", at=NOW - 110 * 60 * SECOND)]
    badges = [
        site.check_in("BADGE-1", at=NOW - 60 * 60 * SECOND),
        site.check_in("wang", at=NOW - 50 * 60 * SECOND),
        site.check_in("zhao", "out", at=NOW - 50 * 60 * SECOND),
    ]
    async with engine.begin() as connection:
        await room.store(connection, events, sites=PLACES)
        await machines.store(connection, states)
        await check_ins.store(connection, badges)
    await site.put_gateway(engine, data_until=NOW)
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=PLACES, profiles={}, plans={}, now_ns=lambda: NOW)
    transport = httpx.ASGITransport(app=create_app(wall=wall, static=tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        yield client
    await engine.dispose()


async def test_people_and_machines_on_site_are_counted_once(client):
    told = (await client.get(f"/api/sites/{site.SITE}/presence")).json()
    assert told["people"]["on_site"] == 2
    assert {(one["id"], one["by"]) for one in told["people"]["present"]} == {("li", "gps"), ("wang", "check_in")}
    assert told["people"]["by_zone"] == [{"zone": "gate", "title": {"en": "Gate", "zh": "大门"}, "count": 2}]
    assert {(one["id"], one["by"], one["state"]) for one in told["machines"]["present"]} == {
        ("crane-1", "site_file", "here"),
        ("digger", "gps", "here"),
    }


async def test_visits_of_a_day_say_how_far_they_are_proved(client):
    told = (await client.get(f"/api/sites/{site.SITE}/visits", params={"device": "digger"})).json()
    assert [(one["zone"], one["until"]) for one in told] == [("gate", None)]
    assert told[0]["known_until"].endswith("59:30.000Z")
    assert (await client.get(f"/api/sites/{site.SITE}/visits", params={"zone": "no\0where"})).json() == []
    assert (await client.get(f"/api/sites/{site.SITE}/visits", params={"day": "2020-01-01"})).json() == []


async def test_hours_of_a_machine_leave_out_what_nobody_heard(client):
    told = (await client.get(f"/api/sites/{site.SITE}/hours")).json()
    digger = next(one for one in told["hours"] if one["device"] == "digger")
    assert digger["zone"] == "gate"
    assert digger["working_s"] < (120 - 50) * 60
    assert digger["unknown_s"] > 45 * 60


async def test_a_contradiction_shows_both_sides(client):
    (told,) = (await client.get(f"/api/sites/{site.SITE}/contradictions", params={"resolved": True})).json()
    assert told["device"] == "digger"
    assert (told["seen"]["device"], told["seen"]["zone"]) == ("scanner-1", "gate")
    assert (told["seen"]["title"]["en"], told["seen"]["zone_title"]["en"], told["fix"]["title"]["en"]) == (
        "Gate scanner",
        "Gate",
        "Digger",
    )
    assert told["fix"]["lon"] > 121.6
    assert told["sentence"]["en"] == "Digger was scanned at Gate, but its GPS is 11.9 km away"
    assert told["resolved_at"] is not None  # its later fixes are at the gate again
    assert (await client.get(f"/api/sites/{site.SITE}/contradictions")).json() == []


async def test_a_site_that_is_not_there_is_not_found_and_no_day_is_too_strange(client):
    for path in ("presence", "visits", "hours", "contradictions"):
        answer = await client.get(f"/api/sites/atlantis/{path}")
        assert answer.status_code == 404
        assert "this server knows harbour" in answer.json()["detail"]
    for day in ("0001-01-01", "9999-12-31", "2026-13-01", "yesterday", ""):
        for path in ("visits", "hours"):
            assert (await client.get(f"/api/sites/{site.SITE}/{path}", params={"day": day})).status_code in (200, 422)
