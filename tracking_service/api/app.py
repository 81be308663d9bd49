"""The FastAPI application: `docs/` has the contract as OpenAPI, `/openapi.json` serves it."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import AfterValidator
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from plumbline import __version__
from plumbline.series import SeriesUnavailableError
from plumbline.text import visible
from tracking_service import document
from tracking_service.api import contract, problems, proof, reading, reference, stream
from tracking_service.api.acts import add_acts
from tracking_service.api.cross_origin import ANY, MapsOfOthers
from tracking_service.api.imports import FILES, add_imports
from tracking_service.api.models import (
    EvidenceModel,
    HistoryModel,
    ImportModel,
    OrderModel,
    SiteBrief,
    Snapshot,
    TransitionModel,
    UnlinkedModel,
)
from tracking_service.api.places import add_places
from tracking_service.api.site_map import add_site_map
from tracking_service.api.wall import Wall
from tracking_service.broadcaster import Broadcaster
from tracking_service.document import MAX_DOCUMENT_BYTES
from tracking_service.errors import UnknownThingError
from tracking_service.log import turn
from tracking_service.orders import import_order
from tracking_service.outcome import Outcome
from tracking_service.rooms.ground import Ground

#: Where `npm run build` in `web/` puts the wall.
STATIC: Final = Path(__file__).parents[1] / "static" / "wall"
_NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Plumbline</title>
<body style="font: 18px/1.5 sans-serif; background: #11151a; color: #e8edf2; padding: 3rem">
<h1>Plumbline</h1><p>The wall is not built yet. Build it with <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>.</p>
<p lang="zh">看板尚未构建。请在 <code>web/</code> 中运行 <code>npm ci &amp;&amp; npm run build</code>。</p>
<p>The data is there: <a style="color: #7cc4ff" href="/api/wall">/api/wall</a>, <a style="color: #7cc4ff" href="/docs">/docs</a></p>
"""

Name = Annotated[str, Query(max_length=64), AfterValidator(document.named)]
SiteName = Annotated[str | None, Query(max_length=64)]
#: Orders of a page, which names the next one in its `Link` header (RFC 8288).
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many; a `Link` header with `rel=next` leads to the rest.")]
After = Annotated[str | None, Query(max_length=65, description="Those after this number, as `Link` says it.")]
#: The longest history a request may ask for: 31 days.
Minutes = Annotated[int, Query(ge=1, le=31 * 24 * 60)]


def create_app(
    *,
    wall: Wall,
    broadcaster: Broadcaster | None = None,
    heard: Callable[[Outcome], None] = lambda _outcome: None,
    static: Path = STATIC,
    map_origins: Sequence[str] = ANY,
    more: Callable[[FastAPI], None] = lambda _app: None,
) -> FastAPI:
    """Build the application.

    Args:
        wall: reads the sites.
        broadcaster: the screens that listen to `/api/stream`.
        heard: told of imports after their commit.
        static: the built wall.
        map_origins: whose web pages may read the sites' maps (`MapsOfOthers`).
        more: adds the routes of further rooms.
    """
    screens = broadcaster if broadcaster is not None else Broadcaster()
    # FastAPI's own pages fetch their scripts from another host, which a site may not reach.
    app = FastAPI(title="Plumbline", version=__version__, docs_url=None, redoc_url=None)
    problems.install(app)
    app.add_middleware(problems.BodyLimit, limit=MAX_DOCUMENT_BYTES, files=FILES)
    app.add_middleware(MapsOfOthers, origins=map_origins)
    _add_sites(app, wall, screens)
    add_site_map(app, wall)
    add_places(app, wall)
    _add_orders(app, wall, heard)
    add_acts(app, wall, heard)
    add_imports(app, wall, heard)
    _add_health(app, wall)
    more(app)
    _add_contract(app)
    if (static / "index.html").is_file():
        app.mount("/", StaticFiles(directory=static, html=True), name="wall")
    else:
        app.add_api_route("/", lambda: HTMLResponse(_NOT_BUILT), include_in_schema=False)
    return app


def _add_contract(app: FastAPI) -> None:
    @cache
    def written() -> dict[str, Any]:
        return contract.contract(app)

    app.openapi = written

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference.page(written()))

    _ = docs


def _add_sites(app: FastAPI, wall: Wall, screens: Broadcaster) -> None:
    whole_walls = stream.snapshots(wall)

    @app.get("/api/sites")
    async def sites() -> list[SiteBrief]:
        return wall.briefs()

    @app.get("/api/wall")
    async def snapshot(site: SiteName = None) -> Snapshot:
        return await wall.snapshot(wall.site(site))

    @app.get("/api/stream", response_class=StreamingResponse)
    async def live(site: SiteName = None) -> Response:
        chosen = wall.site(site)
        if screens.full:
            return problems.problem(503, "Too many screens", "Close one, or ask again later.", {"retry-after": "30"})
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream.events(whole_walls, screens, chosen), media_type="text/event-stream", headers=headers)

    @app.get("/api/unlinked")
    async def unlinked(site: SiteName = None) -> list[UnlinkedModel]:
        async with wall.reader.connect() as connection:
            return await reading.read_unlinked(connection, wall.site(site))

    @app.get("/api/history")
    async def history(
        field: Name, site: SiteName = None, measurement: Name = "environment", minutes: Minutes = 60
    ) -> list[HistoryModel]:
        return await wall.history(wall.site(site), measurement, field, minutes)

    _ = (sites, snapshot, live, unlinked, history)


def _add_orders(app: FastAPI, wall: Wall, heard: Callable[[Outcome], None]) -> None:
    @app.get("/api/orders")
    async def orders(
        request: Request, response: Response, site: SiteName = None, limit: Limit = 100, after: After = None
    ) -> list[OrderModel]:
        chosen = wall.site(site) if site is not None else None
        async with wall.reader.connect() as connection:
            ground = Ground(wall.sites, wall.zones, wall.now_ns())
            # One more than asked for says whether there is a next page.
            behind = visible(after, 65) if after is not None else None
            found = await reading.read_page(connection, chosen, ground=ground, after=behind, limit=limit + 1)
        if len(found) > limit:
            found.pop()
            there = request.url.include_query_params(after=found[-1].number)
            response.headers["link"] = f'<{there.path}?{there.query}>; rel="next"'
        return found

    @app.get("/api/orders/{number}")
    async def order(number: str) -> OrderModel:
        async with wall.reader.connect() as connection:
            found = await reading.read_orders(
                connection, None, ground=Ground(wall.sites, wall.zones, wall.now_ns()), number=visible(number, 65)
            )
        if not found:
            raise UnknownThingError(f"there is no order '{number}'")
        return found[0]

    body = {"content": {"application/json": {"schema": document.OrderDocument.model_json_schema()}}, "required": True}

    @app.post("/api/orders", openapi_extra={"requestBody": body})
    async def add(request: Request) -> ImportModel:
        parsed = document.read(await request.body(), "the request")
        async with wall.engine.begin() as connection:
            await turn(connection)  # who wrote before us may have gone by a later time than that of the request
            done = await import_order(connection, parsed, sites=wall.sites, zones=wall.zones, now=wall.now_ns())
        heard(done.outcome)
        return ImportModel(number=done.number, status=done.status, warnings=list(done.warnings))

    @app.get("/api/milestones/{milestone}/evidence")
    async def evidence(milestone: str) -> list[EvidenceModel]:
        async with wall.reader.connect() as connection:
            ground = Ground(wall.sites, wall.zones, wall.now_ns())
            found = await proof.read_evidence(connection, visible(milestone, 131), ground)
        if found is None:
            raise UnknownThingError(f"there is no milestone '{milestone}'")
        return found

    @app.get("/api/milestones/{milestone}/transitions")
    async def transitions(milestone: str) -> list[TransitionModel]:
        async with wall.reader.connect() as connection:
            found = await proof.read_transitions(connection, visible(milestone, 131))
        if found is None:
            raise UnknownThingError(f"there is no milestone '{milestone}'")
        return found

    _ = (orders, order, add, evidence, transitions)


def _add_health(app: FastAPI, wall: Wall) -> None:
    @app.get("/healthy")
    async def healthy() -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/ready")
    async def ready() -> Response:
        parts: dict[str, str] = {}
        try:
            async with wall.reader.connect() as connection:
                await connection.execute(select(1))
            parts["database"] = "ready"
        except (SQLAlchemyError, OSError):
            parts["database"] = "unavailable"
        try:
            parts["series"] = await wall.ping_series()
        except (SeriesUnavailableError, TimeoutError):
            parts["series"] = "unavailable"
        # without the series store the wall still tells orders and milestones
        status = 200 if parts["database"] == "ready" else 503
        return JSONResponse({"status": "ready" if status == 200 else "unavailable", "parts": parts}, status)

    _ = (healthy, ready)
