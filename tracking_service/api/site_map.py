"""A site on other people's maps: its plan as tiles, its zones as GeoJSON. Grafana's boards read these; nothing is on the internet."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final, get_args

from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from plumbline.site import Position, SiteFile, Source, Zone
from tracking_service.api import reading
from tracking_service.api.wall import WINDOW_MINUTES, Wall
from tracking_service.errors import UnknownThingError
from tracking_service.plan import MAX_ZOOM, MIN_ZOOM, PlanTiles
from tracking_service.plan.tiles import bounds

#: How long a browser may keep a tile before it asks whether it is still right.
_FRESH: Final = "public, max-age=300"
_GEOJSON: Final = "application/geo+json"

Zoom = Annotated[int, Path(ge=0, le=30)]
Number = Annotated[int, Path(ge=0, lt=2**30)]


def add_site_map(app: FastAPI, wall: Wall) -> None:
    """Add the routes."""
    _add_plan(app, wall, PlanTiles(wall.plans))
    _add_zones(app, wall)


def _add_plan(app: FastAPI, wall: Wall, tiles: PlanTiles) -> None:

    @app.get("/api/sites/{site}/plan", response_class=FileResponse)
    async def plan(site: str) -> Response:
        path = wall.plans.get(wall.site(site).id)
        if path is None or not path.is_file():
            raise UnknownThingError(f"site '{site}' has no plan picture; name one as `plan` in its site file")
        # a plan may be an SVG, which must not run scripts as if it were one of our pages
        return FileResponse(path, headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})

    @app.get("/api/sites/{site}/tiles.json")
    async def tile_json(site: str, request: Request) -> JSONResponse:
        """TileJSON 3.0.0."""
        chosen = wall.site(site)
        west, south, east, north = bounds(tiles.ground(chosen))
        told = {
            "tilejson": "3.0.0",
            "name": chosen.title_en,
            "scheme": "xyz",
            "tiles": [f"{str(request.base_url).rstrip('/')}/api/sites/{chosen.id}/tiles/{{z}}/{{x}}/{{y}}.png"],
            "minzoom": MIN_ZOOM,
            "maxzoom": MAX_ZOOM,
            "bounds": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2, 18],
        }
        return JSONResponse(told, headers={"cache-control": "no-cache"})

    @app.get("/api/sites/{site}/tiles/{z}/{x}/{y}.png", response_class=Response)
    async def tile(site: str, z: Zoom, x: Number, y: Number, request: Request) -> Response:
        """A tile of the plan, 256 pixels, Web Mercator; transparent where there is no plan, and below zoom 14."""
        chosen = wall.site(site)
        if z > MAX_ZOOM or max(x, y) >= 2**z:
            raise UnknownThingError(f"there is no tile {z}/{x}/{y}: zoom goes to {MAX_ZOOM}, x and y to 2^zoom - 1")
        ground = tiles.ground(chosen)
        headers = {"etag": f'"{tiles.tag(ground, z, x, y)}"', "cache-control": _FRESH}
        if _has(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        made = await tiles.tile(ground, z, x, y)
        return Response(made.png, media_type="image/png", headers=headers)

    _ = (plan, tile_json, tile)


def _add_zones(app: FastAPI, wall: Wall) -> None:
    @app.get("/api/sites/{site}/zones.geojson", response_class=JSONResponse)
    async def zones(site: str) -> JSONResponse:
        return _collection(wall.site(site), {})

    @app.get("/api/sites/{site}/zones/live.geojson", response_class=JSONResponse)
    async def live_zones(site: str) -> JSONResponse:
        """The zones with who and what is in them: people checked in now, and the last hour's heat by source."""
        chosen = wall.site(site)
        async with wall.reader.connect() as connection:
            people = await reading.read_people(connection, chosen, now=wall.now_ns())
        found: dict[str, dict[str, float]] = {zone.id: _nothing() for zone in chosen.zones}
        for place in people.by_place:
            if place.place in found:
                found[place.place]["people"] += place.count
        for cell in (await wall.heat(chosen)).cells:
            zone = chosen.zone_at(cell.lat, cell.lon)
            if zone is not None:
                found[zone.id][f"heat_{cell.source}"] += cell.weight
        return _collection(chosen, found, {"cache-control": "no-store"})

    _ = (zones, live_zones)


def _nothing() -> dict[str, float]:
    return {"people": 0.0, "window_minutes": float(WINDOW_MINUTES)} | {f"heat_{source}": 0.0 for source in get_args(Source)}


def _has(request: Request, etag: str) -> bool:
    """Whether the asker has this already (RFC 9110, 13.1.2)."""
    told = request.headers.get("if-none-match", "")
    return told.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in told.split(",")}


def _collection(
    site: SiteFile, more: Mapping[str, Mapping[str, Any]], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The zones as GeoJSON (RFC 7946)."""
    collection = {"type": "FeatureCollection", "features": [_feature(zone, more.get(zone.id, {})) for zone in site.zones]}
    return JSONResponse(collection, media_type=_GEOJSON, headers=headers)


def _feature(zone: Zone, more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": zone.id,
        "properties": {"id": zone.id, "title_en": zone.title_en, "title_zh": zone.title_zh, "kind": zone.kind, **more},
        "geometry": {"type": "Polygon", "coordinates": [_ring(zone.polygon)]},
    }


def _ring(polygon: Sequence[Position]) -> list[Position]:
    """The ring closed and counterclockwise (RFC 7946, 3.1.6)."""
    ring = [*polygon] if polygon[0] == polygon[-1] else [*polygon, polygon[0]]
    x0, y0 = ring[0]
    turned = sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(ring))
    return ring if turned >= 0 else ring[::-1]
