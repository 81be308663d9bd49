"""Tiles of a plan: cut when they are asked for, kept while there is room."""

import asyncio
import hashlib
import io
import math
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from PIL import Image

from plumbline.patience import Patience
from plumbline.site import SiteFile
from tracking_service.errors import PlanError, UnknownThingError
from tracking_service.plan import drawing
from tracking_service.plan.mercator import TILE_PX, Place, position, world
from tracking_service.plan.quadrilateral import area, is_convex, onto_unit_square, product

_log: Final = structlog.get_logger()

MIN_ZOOM: Final = 14
"""Further away a plan is a spot: tiles are empty."""
MAX_ZOOM: Final = 22
"""Nearer tiles are not made: a map enlarges these."""
#: The longest side of a plan's pixels: 8 cm a pixel on a site of 320 m.
LONGEST_PX: Final = 4096
#: What is kept: tiles by bytes, plans in pixels by number.
_TILES_BYTES: Final = 64 * 1024 * 1024
_PLANS: Final = 2
#: How long a picture may take to be drawn.
_DRAW_S: Final = 120.0
#: Each tile is cut so many times larger and then reduced, so that fine lines do not flicker.
_OVERSAMPLING: Final = 2

Draw = Callable[[Path], Awaitable[bytes]]


class Tile(NamedTuple):
    """A tile and what names its content: the same tag, the same picture."""

    png: bytes
    tag: str


class Ground(NamedTuple):
    """Where a plan lies."""

    path: Path
    corners: tuple[Place, Place, Place, Place]
    """In the square world: top left, top right, bottom right, bottom left of the picture."""
    revision: str
    """Names the picture and where it lies."""


class _Plan(NamedTuple):
    """A plan in pixels, each level half as large as the one before."""

    revision: str
    levels: Sequence[Image.Image]


class PlanTiles:
    """Cuts the tiles of all sites.

    Args:
        plans: the sites' plan pictures, by site id; they may change.
        draw: turns a picture into a PNG. Raises `PlanError`.
    """

    def __init__(self, plans: Mapping[str, Path], *, draw: Draw | None = None) -> None:
        self._plans_at = plans
        self._draw = draw or draw_apart
        self._turn = asyncio.Lock()
        self._plans: OrderedDict[str, _Plan] = OrderedDict()
        self._mistakes: OrderedDict[str, str] = OrderedDict()
        self._tiles: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def ground(self, site: SiteFile) -> Ground:
        """Where the site's plan lies. Raises `UnknownThingError` where it has none, `PlanError` where it cannot lie so."""
        path = self._plans_at.get(site.id)
        if path is None or site.plan_corners is None:
            raise UnknownThingError(
                f"site '{site.id}' has no plan on the map; name its picture as `plan` and where that lies as `plan_corners`"
            )
        try:
            state = path.stat()
        except OSError:
            raise UnknownThingError(
                f"site '{site.id}': its plan '{path.name}' is not there; check `plan` in the site file"
            ) from None
        one, two, three, four = (world(lon, lat) for lon, lat in site.plan_corners)
        if not is_convex((one, two, three, four)):
            raise PlanError(
                f"site '{site.id}': plan_corners: do not go around the plan; give top left, top right, bottom right, bottom left"
            )
        told = repr((str(path), state.st_mtime_ns, state.st_size, site.plan_corners, LONGEST_PX, _OVERSAMPLING))
        return Ground(path, (one, two, three, four), hashlib.sha256(told.encode()).hexdigest()[:16])

    def tag(self, ground: Ground, zoom: int, x: int, y: int) -> str:
        """What names a tile's content, without making it."""
        return f"{ground.revision}-{zoom}-{x}-{y}" if touches(ground, zoom, x, y) else "empty"

    async def tile(self, ground: Ground, zoom: int, x: int, y: int) -> Tile:
        """A tile; transparent where there is no plan. Raises `PlanError` where the picture cannot be drawn."""
        tag = self.tag(ground, zoom, x, y)
        if tag == "empty":
            return Tile(EMPTY, tag)
        if (known := self._kept(tag)) is not None:
            return Tile(known, tag)
        async with self._turn:  # one at a time: who waits may find it made
            if (known := self._kept(tag)) is not None:
                return Tile(known, tag)
            plan = await self._plan(ground)
            png = await asyncio.to_thread(cut, plan.levels, ground, zoom, x, y)
            self._keep(tag, png)
            return Tile(png, tag)

    async def _plan(self, ground: Ground) -> _Plan:
        key = str(ground.path)
        if (known := self._plans.get(key)) is not None and known.revision == ground.revision:
            self._plans.move_to_end(key)
            return known
        if (mistake := self._mistakes.get(ground.revision)) is not None:
            raise PlanError(mistake)  # until the file or its corners change
        try:
            png = await self._draw(ground.path)
        except PlanError as error:
            _log.error("tracking.plan.undrawable", plan=str(ground.path), error=str(error))
            self._mistakes[ground.revision] = str(error)
            if len(self._mistakes) > 100:
                self._mistakes.popitem(last=False)
            raise
        self._plans.pop(key, None)
        while len(self._plans) >= _PLANS:
            self._plans.popitem(last=False)
        plan = self._plans[key] = _Plan(ground.revision, await asyncio.to_thread(_levels, png))
        return plan

    def _kept(self, tag: str) -> bytes | None:
        png = self._tiles.get(tag)
        if png is not None:
            self._tiles.move_to_end(tag)
        return png

    def _keep(self, tag: str, png: bytes) -> None:
        self._tiles[tag] = png
        self._bytes += len(png)
        while self._bytes > _TILES_BYTES:
            self._bytes -= len(self._tiles.popitem(last=False)[1])


def touches(ground: Ground, zoom: int, x: int, y: int) -> bool:
    """Whether a tile may show some of the plan, by the plan's bounds."""
    if zoom < MIN_ZOOM:
        return False
    side = 1 / 2**zoom
    xs, ys = zip(*ground.corners, strict=True)
    return min(xs) < (x + 1) * side and max(xs) > x * side and min(ys) < (y + 1) * side and max(ys) > y * side


def bounds(ground: Ground) -> tuple[float, float, float, float]:
    """West, south, east, north of the plan, degrees."""
    xs, ys = zip(*ground.corners, strict=True)
    (west, north), (east, south) = position(min(xs), min(ys)), position(max(xs), max(ys))
    return west, south, east, north


def cut(levels: Sequence[Image.Image], ground: Ground, zoom: int, x: int, y: int) -> bytes:
    """A tile as PNG, out of the level of the plan whose pixels are about as large as the tile's."""
    size = TILE_PX * _OVERSAMPLING
    scale = size * 2**zoom
    # Corners in the tile's own pixels: differences first, so that nothing is lost at a scale of thousands of millions.
    there = [((wx - x / 2**zoom) * scale, (wy - y / 2**zoom) * scale) for wx, wy in ground.corners]
    width, height = levels[0].size
    finer = math.sqrt(width * height / area(there))
    level = min(len(levels) - 1, max(0, math.floor(math.log2(finer) + 0.5)))
    picture = levels[level]
    stretched = (picture.width, 0.0, 0.0, 0.0, picture.height, 0.0, 0.0, 0.0, 1.0)
    a, b, c, d, e, f, g, h, i = product(stretched, onto_unit_square(there))
    whole = i or 1e-300  # Pillow wants this one to be 1
    tile = picture.transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        [number / whole for number in (a, b, c, d, e, f, g, h)],
        Image.Resampling.BILINEAR,
    ).reduce(_OVERSAMPLING)
    return _png(tile.convert("RGBA"))


def _levels(png: bytes) -> Sequence[Image.Image]:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        # with colours already weighed by their opacity, nothing of what is invisible bleeds into the edges
        levels = [picture.convert("RGBA").convert("RGBa")]
    while max(levels[-1].size) > 64:
        levels.append(levels[-1].reduce(2))
    return levels


def _png(tile: Image.Image) -> bytes:
    out = io.BytesIO()
    tile.save(out, "PNG")
    return out.getvalue()


EMPTY: Final = _png(Image.new("LA", (TILE_PX, TILE_PX)))
"""A transparent tile."""


async def draw_apart(path: Path) -> bytes:
    """The picture as PNG, drawn by a process of its own. Raises `PlanError`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        drawing.__file__,
        str(path),
        str(LONGEST_PX),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with Patience(_DRAW_S):
            png, said = await process.communicate()
    except TimeoutError:
        raise PlanError(f"'{path.name}': takes more than {_DRAW_S:g} s to draw; export the plan simpler") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 2:
        raise PlanError(f"'{path.name}': {said.decode(errors='replace')[:500]}")
    if process.returncode != 0:
        raise PlanError(f"'{path.name}': needs too much memory or time to draw, or is damaged; export the plan simpler")
    return png
