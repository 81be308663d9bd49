"""The map of a site over HTTP: tiles of its plan and zones, as Grafana's browser asks for them."""

import io
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from PIL import Image

from plumbline.command.tracking import _origins
from plumbline.errors import SettingsError
from plumbline.series import HeatCell
from plumbline.site import SiteFile
from tests import tracking_site as site
from tracking_service.api import create_app
from tracking_service.api.wall import Wall
from tracking_service.plan.mercator import world

EMPTY_SITE = SiteFile(id="bare", title_en="Bare", title_zh="空", timezone="UTC", lat=0, lon=0)
SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='100'><rect width='200' height='100' fill='#204060'/></svg>"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.svg"
    path.write_text(SVG)
    return path


@pytest.fixture
def series() -> site.MemorySeries:
    return site.MemorySeries()


@pytest.fixture
async def make(tmp_path: Path, plan: Path, series) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    engine = await site.database(f"sqlite+aiosqlite:///{tmp_path}/plumbline.db")
    sites = {**site.SITES, "bare": EMPTY_SITE}
    wall = Wall(engine=engine, series=series, sites=sites, profiles={}, plans={site.SITE: plan})
    clients: list[httpx.AsyncClient] = []

    def client(**settings) -> httpx.AsyncClient:
        app = create_app(wall=wall, static=tmp_path / "wall", **settings)
        clients.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tracking:8080"))
        return clients[-1]

    client.engine = engine
    yield client
    for one in clients:
        await one.aclose()
    await engine.dispose()


def middle(zoom: int) -> str:
    """The tile in the middle of the plan."""
    x, y = world(121.5 + 1e-4, 31.2 - 1e-4)
    return f"{zoom}/{int(x * 2**zoom)}/{int(y * 2**zoom)}.png"


async def test_tiles_show_the_plan_and_name_what_they_are(make):
    client = make()
    told = (await client.get("/api/sites/harbour/tiles.json")).json()
    assert (told["tilejson"], told["scheme"], told["minzoom"], told["maxzoom"]) == ("3.0.0", "xyz", 14, 22)
    assert told["bounds"] == pytest.approx([121.49, 31.19, 121.51, 31.21])
    assert told["tiles"] == ["http://tracking:8080/api/sites/harbour/tiles/{z}/{x}/{y}.png"]
    z, x, y = middle(17).removesuffix(".png").split("/")
    address = told["tiles"][0].format(z=z, x=x, y=y)
    answer = await client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "public, max-age=300"
    tile = Image.open(io.BytesIO(answer.content)).convert("RGBA")
    assert tile.size == (256, 256)
    assert tile.getpixel((200, 200)) == (0x20, 0x40, 0x60, 255)
    again = await client.get(address, headers={"if-none-match": f'"x", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])


async def test_a_changed_plan_has_other_tiles(make, plan):
    client = make()
    path = f"/api/sites/harbour/tiles/{middle(17)}"
    before = await client.get(path)
    plan.write_text(SVG.replace("#204060", "#ffffff"))
    after = await client.get(path, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert Image.open(io.BytesIO(after.content)).convert("RGBA").getpixel((200, 200)) == (255, 255, 255, 255)


async def test_where_there_is_no_plan_tiles_are_transparent(make):
    client = make()
    for path in ("14/0/0.png", "0/0/0.png", "22/4194303/4194303.png"):
        answer = await client.get(f"/api/sites/harbour/tiles/{path}")
        assert answer.status_code == 200
        assert Image.open(io.BytesIO(answer.content)).convert("RGBA").getextrema()[3] == (0, 0)
        assert answer.headers["etag"] == '"empty"'


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("harbour/tiles/23/0/0.png", 404, "zoom goes to 22"),
        ("harbour/tiles/3/8/0.png", 404, "x and y to"),
        ("harbour/tiles/-1/0/0.png", 422, "z"),
        ("harbour/tiles/1e9/0/0.png", 422, "z"),
        ("harbour/tiles/17/0/9999999999999999999999.png", 422, "y"),
        ("harbour/tiles/17/0/0.svg", 404, "Not Found"),
        ("bare/tiles/17/0/0.png", 404, "plan_corners"),
        ("bare/tiles.json", 404, "plan_corners"),
        ("nowhere/tiles.json", 404, "no site 'nowhere'"),
        ("nowhere/zones/live.geojson", 404, "no site 'nowhere'"),
    ],
)
async def test_what_there_is_not_is_told_as_problem_details_that_other_origins_may_read(make, path, status, said):
    answer = await make().get(f"/api/sites/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_plan_that_cannot_be_drawn_says_so(make, plan):
    plan.write_text("<svg")
    answer = await make().get(f"/api/sites/harbour/tiles/{middle(17)}")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "The plan cannot be drawn"
    assert "'plan.svg': the SVG file cannot be drawn" in answer.json()["detail"]


async def test_zones_are_geojson_with_names_rings_counterclockwise(make):
    answer = await make().get("/api/sites/harbour/zones.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    (feature,) = answer.json()["features"]
    assert feature["properties"] == {"id": "gate", "title_en": "Gate", "title_zh": "大门", "kind": "gate"}
    ring = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring)) > 0
    assert (await make().get("/api/sites/bare/zones.geojson")).json() == {"type": "FeatureCollection", "features": []}


async def test_live_zones_say_who_and_what_is_in_them(make, series):
    now = time.time_ns()
    series.cells = [HeatCell("0_0", "people", 31.2, 121.5, 3.0), HeatCell("1_0", "people", 31.2, 121.5, 2.0)]
    series.cells.append(HeatCell("9_9", "machines", 31.25, 121.5, 7.0))
    from tracking_service.intake import Intake

    await site.post(make.engine, site.check_in("ann", at=now), site.check_in("bo", place="elsewhere", at=now))
    while await Intake(engine=make.engine, sites=site.SITES).take():
        pass
    answer = await make().get("/api/sites/harbour/zones/live.geojson")
    told = answer.json()["features"][0]["properties"]
    assert (told["people"], told["heat_people"], told["heat_machines"], told["window_minutes"]) == (1.0, 5.0, 0.0, 60.0)
    assert answer.headers["cache-control"] == "no-store"
    series.away = True  # zones are still drawn, without their heat
    assert (await make().get("/api/sites/harbour/zones/live.geojson")).json()["features"][0]["properties"]["heat_people"] == 0.0


async def test_pages_of_any_origin_may_read_maps_and_nothing_else(make):
    client = make()
    origin = {"origin": "http://grafana:3000"}
    for path in ("plan", "zones.geojson", "zones/live.geojson", "tiles.json", f"tiles/{middle(17)}"):
        answer = await client.get(f"/api/sites/harbour/{path}", headers=origin)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*"), path
    for path in ("/api/wall", "/api/orders", "/api/sites", "/healthy"):
        assert "access-control-allow-origin" not in (await client.get(path, headers=origin)).headers
    asked = await client.options("/api/sites/harbour/zones.geojson", headers=origin | {"access-control-request-method": "GET"})
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET")
    assert (await client.options("/api/orders", headers=origin)).status_code == 405


async def test_only_the_origins_that_are_named_may_read_maps(make):
    client = make(map_origins=["http://grafana:3000/", "https://other.example"])
    path = "/api/sites/harbour/zones.geojson"
    answer = await client.get(path, headers={"origin": "http://grafana:3000"})
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == ("http://grafana:3000", "Origin")
    for origin in ({"origin": "http://evil.example"}, {"origin": ""}, {}):
        answer = await client.get(path, headers=origin)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"


def test_origins_are_told_as_browsers_say_them():
    assert _origins("*") == ["*"]
    assert _origins(" https://grafana.example:3000, http://[::1]:3000 ,") == [
        "https://grafana.example:3000",
        "http://[::1]:3000",
    ]
    assert _origins("") == []  # nobody's
    for wrong in ("grafana.example", "https://grafana.example/d/wall", "null", "https://a b"):
        with pytest.raises(SettingsError, match="is no origin"):
            _origins(wrong)
