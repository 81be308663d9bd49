"""The API on a real database: the contract's shapes, errors, bounds, and a series store that is away."""

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.profile import DeviceProfile, Metric
from plumbline.series import Bucket, HeatCell, LatestRow
from tests import tracking_site as site
from tracking_service.api import create_app
from tracking_service.api.wall import Wall
from tracking_service.broadcaster import Broadcaster
from tracking_service.document import MAX_DOCUMENT_BYTES
from tracking_service.intake import Intake
from tracking_service.mirror import Mirror

PROFILES = {
    "air": DeviceProfile(
        id="air",
        kind="sensor",
        title_en="Air",
        title_zh="空气",
        measurement="environment",
        metrics={"pm2_5": Metric(unit="ug/m3", title_en="Fine dust", title_zh="细颗粒物")},
    )
}


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def series() -> site.MemorySeries:
    return site.MemorySeries()


@pytest.fixture
def app(engine: AsyncEngine, series: site.MemorySeries, tmp_path: Path) -> Callable[..., object]:
    (tmp_path / "plan.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    plans = {site.SITE: tmp_path / "plan.svg"}
    wall = Wall(engine=engine, series=series, sites=site.SITES, profiles=PROFILES, plans=plans)
    return lambda **settings: create_app(wall=wall, static=tmp_path / "wall", **settings)


@pytest.fixture
async def client(app) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app())
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        yield client


async def take(engine: AsyncEngine, *events) -> None:
    await site.post(engine, *events)
    await Intake(engine=engine, sites=site.SITES).take()


async def test_the_wall_tells_everything_there_is_to_know(client, engine, series):
    now = time.time_ns()
    series.cells = [HeatCell("1_2", "people", 31.2, 121.5, 7.0)]
    series.rows["position"] = [LatestRow("crane-1", None, now, {"lat": 31.2, "lon": 121.5, "speed_mps": 0.0})]
    series.rows["environment"] = [LatestRow("air-1", "gate", now, {"pm2_5": 41.5, "note": "text", "ok": True})]
    await site.put_gateway(engine)
    assert (await client.post("/api/orders", json=site.order())).json()["status"] == "added"
    await take(engine, site.beam(1), site.scan("what"), site.check_in("Li"), site.state("working", at=now))
    wall = (await client.get("/api/wall")).json()
    assert wall["site"]["plan"]["url"] == "/api/sites/harbour/plan"
    assert wall["heat"]["cells"] == [{"cell": "1_2", "source": "people", "lat": 31.2, "lon": 121.5, "weight": 7.0}]
    (order,) = wall["orders"]
    assert (order["id"], order["percent"], order["rag"]) == ("PO-1", 16.66, "green")
    assert [line["state"] for line in order["lines"]] == ["partial", "waiting", "waiting"]
    assert [(plan["id"], plan["percent"], plan["evidence"]) for plan in order["milestones"]] == [
        ("PO-1~beams", 25, 1),
        ("PO-1~all", 8.33, 1),
    ]
    assert wall["gateways"][0]["state"] == "online"
    assert wall["gateways"][0]["missing"] is None
    (crane,) = wall["equipment"]
    assert (crane["state"], crane["lat"], crane["zone"], crane["title"]["zh"]) == ("working", 31.2, "gate", "塔吊")
    assert wall["people"] == {
        "on_site": 1,
        "by_place": [{"place": "gate", "title": {"en": "Gate", "zh": "大门"}, "count": 1}],
    }
    assert [(row["metric"], row["unit"], row["metric_title"]["zh"], row["value"]) for row in wall["environment"]] == [
        ("pm2_5", "ug/m3", "细颗粒物", 41.5)
    ]
    assert {entry["kind"] for entry in wall["activity"]} == {"scan", "unlinked", "check_in", "state", "milestone"}
    assert wall["unlinked"] == 1
    assert all(entry["at"].endswith("Z") for entry in wall["activity"])


async def test_a_series_store_that_is_away_leaves_the_rest_of_the_wall(client, engine, series):
    await client.post("/api/orders", json=site.order())
    series.away = True
    wall = (await client.get("/api/wall")).json()
    assert wall["heat"]["cells"] == []
    assert wall["orders"]
    assert [(gateway["id"], gateway["state"]) for gateway in wall["gateways"]] == [("series-store", "offline")]
    assert (await client.get("/api/history", params={"field": "pm2_5"})).status_code == 503
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ready", "series": "unavailable"})
    series.away = False
    assert (await client.get("/api/wall")).json()["gateways"] == []


async def test_a_past_date_is_unknown_while_a_gateway_is_silent_and_red_otherwise(client, engine):
    plan = site.order()["milestones"][0] | {"due": "2026-01-01T08:00:00+08:00"}
    await site.put_gateway(engine, online=False, data_until=1_767_200_000_000_000_000)
    await client.post("/api/orders", json=site.order(milestones=[plan]))
    (order,) = (await client.get("/api/orders")).json()
    milestone = order["milestones"][0]
    assert (milestone["rag"], milestone["state"], milestone["due"]) == ("unknown", "unknown", "2026-01-01T00:00:00.000Z")
    assert milestone["reason"]["en"] == "Unknown since 2026-01-01 00:53: gateway gw-1 is offline"


async def test_evidence_is_listed_in_its_order_with_the_raw_scan(client, engine):
    await client.post("/api/orders", json=site.order())
    scans = [site.beam(1), site.beam(1), site.beam(2)]
    await take(engine, *scans)
    listed = (await client.get("/api/milestones/PO-1~beams/evidence")).json()
    assert [row["event_id"] for row in listed] == [scans[0].id, scans[2].id]
    assert listed[0]["raw"] == "PL1:PO-1/10/1"
    assert listed[0]["sentence"]["zh"] == "门口扫描枪扫描到钢梁 1 件(PL1:PO-1/10/1)"


async def test_unlinked_scans_wait_with_their_reason(client, engine):
    await take(engine, site.scan("a\nb"))
    (row,) = (await client.get("/api/unlinked", params={"site": site.SITE})).json()
    assert (row["text"], row["reason"]["en"]) == ("a␊b", "no order knows this code")
    assert row["device_title"] == {"en": "Gate scanner", "zh": "门口扫描枪"}


async def test_history_comes_by_device(client, series):
    minute = time.time_ns() // 60_000_000_000 * 60_000_000_000
    series.buckets = [Bucket("air-1", minute - 60_000_000_000 * i, 40.0 + i, 40, 41, 6) for i in (2, 1)]
    (row,) = (await client.get("/api/history", params={"field": "pm2_5", "minutes": 60})).json()
    assert row["title"]["zh"] == "空气传感器"
    assert [mean for _, mean in row["points"]] == [42.0, 41.0]


async def test_plan_zones_sites_and_the_page_that_says_how_to_build(client):
    plan = await client.get("/api/sites/harbour/plan")
    assert plan.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in plan.headers["content-security-policy"]
    zones = (await client.get("/api/sites/harbour/zones.geojson")).json()
    ring = zones["features"][0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert (await client.get("/api/sites")).json()[0]["timezone"] == "Asia/Shanghai"
    assert "npm run build" in (await client.get("/")).text
    assert (await client.get("/healthy")).json() == {"status": "healthy"}


async def test_a_built_wall_is_served(app, tmp_path):
    (tmp_path / "wall").mkdir()
    (tmp_path / "wall" / "index.html").write_text("<title>built</title>")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app()), base_url="http://site") as client:
        assert "built" in (await client.get("/")).text
        assert (await client.get("/api/sites")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/api/wall?site=nowhere", 404, "no site 'nowhere'"),
        ("GET", "/api/orders/PO-77", 404, "no order 'PO-77'"),
        ("GET", "/api/milestones/x~y/evidence", 404, "no milestone"),
        ("GET", "/api/sites/x/plan", 404, "no site"),
        ("GET", "/api/history?field=a'b", 422, "field"),
        ("GET", "/api/history?field=a&minutes=99999999", 422, "minutes"),
        ("GET", "/api/nothing", 404, "Not Found"),
        ("DELETE", "/api/orders", 405, "Method Not Allowed"),
        ("GET", "/api/orders/%00", 404, "no order"),
    ],
)
async def test_errors_are_problem_details(client, method, path, status, said):
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 422, "Invalid JSON"),
        (b"[]", 422, "the document"),
        (json.dumps(site.order(site="elsewhere")).encode(), 422, "site: 'elsewhere' is not known; use harbour"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), 413, "bytes"),
    ],
)
async def test_what_is_not_an_order_is_refused_with_the_reason(client, body, status, said):
    answer = await client.post("/api/orders", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


async def test_no_more_screens_than_can_be_served(app):
    transport = httpx.ASGITransport(app=app(broadcaster=Broadcaster(most=0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        answer = await client.get("/api/stream")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_orders_are_mirrored_as_points(client, engine):
    class Writer:
        def __init__(self) -> None:
            self.points = []

        async def write(self, points):
            self.points += points
            return ()

    writer = Writer()
    await client.post("/api/orders", json=site.order())
    await take(engine, site.beam(1))
    assert (
        await Mirror(engine=engine, writer=writer).write({"PO-1"}) == 9
    )  # 3 lines, 2 milestones, 1 order, 1 delivery, 2 proofs
    material = writer.points[0]
    assert material.tags == {"site": "harbour", "order": "PO-1", "line": "10"}
    assert (material.fields["expected"], material.fields["arrived"], material.fields["percent"]) == (4.0, 1.0, 25.0)
    milestone = next(point for point in writer.points if point.tags.get("milestone") == "beams")
    assert (milestone.fields["percent"], milestone.fields["rag"], milestone.fields["state"]) == (25.0, 0, "open")
