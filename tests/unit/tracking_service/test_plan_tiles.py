"""Tiles of a plan, held against a warp that goes through every pixel on its own, and pictures that mean harm."""

import asyncio
import io
import math
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from PIL import Image

from plumbline import site as site_files
from plumbline.demo.stage import SITE_FILE
from tracking_service.errors import PlanError, UnknownThingError
from tracking_service.plan import MAX_ZOOM, PlanTiles
from tracking_service.plan.drawing import UndrawableError, draw
from tracking_service.plan.mercator import position, world
from tracking_service.plan.quadrilateral import is_convex, onto_unit_square
from tracking_service.plan.tiles import EMPTY, bounds

DEMO = site_files.load(SITE_FILE)


def png(picture: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


def chessboard(width: int = 320, height: int = 200, square: int = 40) -> Image.Image:
    """A picture in which every place has its own colour and no two neighbours are alike."""
    picture = Image.new("RGBA", (width, height))
    for x in range(width):
        for y in range(height):
            on = (x // square + y // square) % 2
            picture.putpixel((x, y), (x * 255 // width, y * 255 // height, 255 * on, 255))
    return picture


def tiles_of(picture: Image.Image, tmp_path: Path, **changes) -> tuple[PlanTiles, site_files.SiteFile]:
    path = tmp_path / "plan.png"
    path.write_bytes(png(picture))

    async def drawn(_path: Path) -> bytes:
        return path.read_bytes()

    return PlanTiles({DEMO.id: path}, draw=drawn), structs.replace(DEMO, **changes)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGBA")


def through(corners, x: float, y: float) -> tuple[float, float]:
    """Where in the picture (0 to 1) a place of the world lies: by the corners' own coordinates, for a parallelogram."""
    (x0, y0), (x1, y1), _, (x3, y3) = corners
    ax, ay, bx, by = x1 - x0, y1 - y0, x3 - x0, y3 - y0
    determinant = ax * by - ay * bx
    dx, dy = x - x0, y - y0
    return (dx * by - dy * bx) / determinant, (ax * dy - ay * dx) / determinant


@pytest.mark.parametrize("turned", [0.0, 0.35, -1.2, math.pi])
@pytest.mark.parametrize("zoom", [17, 19, 20])
async def test_tiles_show_what_a_warp_pixel_by_pixel_shows(tmp_path, zoom, turned):
    lon, lat = 121.8842, 29.8705
    east, north = 160 / (111_320 * math.cos(math.radians(lat))), 100 / 111_320

    def corner(dx, dy):
        x, y = (
            math.cos(turned) * dx * 160 - math.sin(turned) * dy * 100,
            math.sin(turned) * dx * 160 + math.cos(turned) * dy * 100,
        )
        return lon + x / 160 * east, lat + y / 100 * north

    picture = chessboard()
    tiles, site = tiles_of(picture, tmp_path, plan_corners=(corner(-1, 1), corner(1, 1), corner(1, -1), corner(-1, -1)))
    ground = tiles.ground(site)
    x, y = (int(value * 2**zoom) for value in world(lon, lat))
    made = opened((await tiles.tile(ground, zoom, x, y)).png)
    wrong = checked = 0
    for px in range(3, 256, 11):
        for py in range(3, 256, 11):
            u, v = through(ground.corners, (x + (px + 0.5) / 256) / 2**zoom, (y + (py + 0.5) / 256) / 2**zoom)
            red, green, _, alpha = made.getpixel((px, py))
            inside = 0 < u < 1 and 0 < v < 1
            edge = min(abs(u), abs(1 - u), abs(v), abs(1 - v)) < 0.02
            if edge:
                continue
            checked += 1
            wrong += alpha != (255 if inside else 0)
            wrong += inside and (abs(red - u * 255) > 4 or abs(green - v * 255) > 4)
    assert checked > 300
    assert wrong == 0


async def test_a_plan_on_no_parallelogram_has_its_corners_and_its_straight_lines_where_they_belong(tmp_path):
    corners = ((121.882, 29.872), (121.887, 29.8715), (121.8865, 29.869), (121.883, 29.8695))
    tiles, site = tiles_of(chessboard(), tmp_path, plan_corners=corners)
    ground = tiles.ground(site)
    a, b, c, d, e, f, g, h, i = onto_unit_square(ground.corners)

    def mapped(x, y):
        w = g * x + h * y + i
        return (a * x + b * y + c) / w, (d * x + e * y + f) / w

    found = [mapped(*corner) for corner in ground.corners]
    assert found == [pytest.approx(each, abs=1e-6) for each in ((0, 0), (1, 0), (1, 1), (0, 1))]
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = ground.corners  # the diagonals meet in the middle of the picture
    t = ((x1 - x0) * (y3 - y1) - (y1 - y0) * (x3 - x1)) / ((x2 - x0) * (y3 - y1) - (y2 - y0) * (x3 - x1))
    assert mapped(x0 + t * (x2 - x0), y0 + t * (y2 - y0)) == pytest.approx((0.5, 0.5), abs=1e-6)


async def test_the_demo_plans_own_marks_lie_under_the_zones_to_the_pixel():
    tiles = PlanTiles({DEMO.id: SITE_FILE.parent / "harbour-east-plan.svg"})
    ground = tiles.ground(DEMO)
    zoom = 20
    yard = DEMO.zones_by_id["workshop"].polygon  # its outline on the plan is bright and 1 m wide, 8 pixels here
    west, south = world(*yard[0])
    east, north = world(*yard[2])
    middle = (south + north) / 2
    for side, x in (("west", west), ("east", east)):
        across = [
            await _grey(tiles, ground, zoom, x + shift / 256 / 2**zoom, middle - 30 / 256 / 2**zoom) for shift in range(-9, 10)
        ]
        bright = [shift for shift, grey in zip(range(-9, 10), across, strict=True) if grey > max(across) / 2]
        assert abs(sum(bright) / len(bright)) <= 1, (side, across)


async def _grey(tiles, ground, zoom, x, y) -> float:
    tx, ty = int(x * 2**zoom), int(y * 2**zoom)
    tile = opened((await tiles.tile(ground, zoom, tx, ty)).png)
    return sum(tile.getpixel((int((x * 2**zoom - tx) * 256), int((y * 2**zoom - ty) * 256)))[:3])


async def test_far_tiles_are_empty_without_drawing_the_plan():
    async def never(_path):
        raise AssertionError("the plan is not needed")

    tiles = PlanTiles({DEMO.id: SITE_FILE}, draw=never)
    ground = tiles.ground(DEMO)
    for zoom in (0, 13, 14, MAX_ZOOM):
        tile = await tiles.tile(ground, zoom, 0, 0)
        assert (tile.png, tile.tag) == (EMPTY, "empty")
    assert opened(EMPTY).getextrema()[3] == (0, 0)
    assert opened(EMPTY).size == (256, 256)
    assert len(EMPTY) < 1000


async def test_a_plan_is_drawn_once_for_all_tiles_and_again_when_it_or_its_corners_change(tmp_path):
    picture = tmp_path / "plan.png"
    picture.write_bytes(png(chessboard()))
    drawn = []

    async def drawing(path: Path) -> bytes:
        drawn.append(path)
        await asyncio.sleep(0)
        return path.read_bytes()

    tiles = PlanTiles({DEMO.id: picture}, draw=drawing)
    ground = tiles.ground(DEMO)
    x, y = (int(value * 2**18) for value in world(DEMO.lon, DEMO.lat))
    several = await asyncio.gather(*(tiles.tile(ground, 18, x + n % 2, y) for n in range(8)))
    assert len(drawn) == 1
    assert len({tile.tag for tile in several}) == 2
    picture.write_bytes(png(chessboard(square=20)))
    again = tiles.ground(DEMO)
    assert again.revision != ground.revision
    assert (await tiles.tile(again, 18, x, y)).png != several[0].png
    assert len(drawn) == 2
    moved = tiles.ground(structs.replace(DEMO, plan_corners=DEMO.plan_corners[::-1]))
    assert moved.revision != again.revision


async def test_memory_for_tiles_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("tracking_service.plan.tiles._TILES_BYTES", 20_000)
    tiles, site = tiles_of(chessboard(), tmp_path)
    ground = tiles.ground(site)
    x, y = (int(value * 2**20) for value in world(site.lon, site.lat))
    for n in range(12):
        await tiles.tile(ground, 20, x + n % 4, y + n // 4)
    assert sum(map(len, tiles._tiles.values())) == tiles._bytes <= 20_000


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        (((0, 0), (1, 1), (1, 0), (0, 1)), "plan_corners"),
        (((0, 0), (0, 0), (0, 0), (0, 0)), "plan_corners"),
        (((0, 0), (1, 0), (2, 0), (3, 0)), "plan_corners"),
        (((0, 0), (4, 0), (1, 1), (0, 4)), "plan_corners"),
    ],
)
def test_corners_that_do_not_go_around_the_plan_are_refused(tmp_path, corners, said):
    tiles, site = tiles_of(chessboard(), tmp_path, plan_corners=corners)
    with pytest.raises(PlanError, match=said):
        tiles.ground(site)


def test_a_site_without_plan_corners_or_file_says_what_to_do(tmp_path):
    for plans, changes in (({}, {}), ({DEMO.id: SITE_FILE}, {"plan_corners": None}), ({DEMO.id: tmp_path / "gone.png"}, {})):
        with pytest.raises(UnknownThingError, match="plan"):
            PlanTiles(plans).ground(structs.replace(DEMO, **changes))


def test_bounds_are_the_corners_bounds():
    tiles = PlanTiles({DEMO.id: SITE_FILE})
    west, south, east, north = bounds(tiles.ground(DEMO))
    assert (west, north) == pytest.approx(DEMO.plan_corners[0], abs=1e-9)
    assert (east, south) == pytest.approx(DEMO.plan_corners[2], abs=1e-9)


@given(st.floats(-180, 180), st.floats(-85, 85))
def test_positions_come_back_from_the_world(lon, lat):
    assert position(*world(lon, lat)) == pytest.approx((lon, lat), abs=1e-9)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=4, max_size=4))
@settings(max_examples=300)
def test_whatever_is_convex_is_mapped_onto_the_square(corners):
    if not is_convex(corners):
        return
    a, b, c, d, e, f, g, h, i = onto_unit_square(corners)
    for (x, y), (u, v) in zip(corners, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        w = g * x + h * y + i
        assert ((a * x + b * y + c) / w, (d * x + e * y + f) / w) == pytest.approx((u, v), abs=1e-3)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no SVG, PNG, JPEG or WebP"),
        (b"GIF89a", "no SVG, PNG, JPEG or WebP"),
        (b"<svg", "cannot be drawn"),
        (b"<html></html>", "cannot be drawn"),
        (b"\xef\xbb\xbf<svg\xff", "UTF-8"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='100000'/>", "too long"),
        (bomb(100_000, 100_000), "too large"),
        (bomb(300, 300), "damaged"),
        (png(chessboard())[:400], "damaged"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_with_the_reason(data, said):
    with pytest.raises(UndrawableError, match=said):
        draw(data, 512)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_bitmap_is_drawn_and_made_no_larger_than_asked(mode):
    picture = chessboard(400, 100).convert(mode) if mode != "I;16" else Image.new("I;16", (400, 100))
    assert opened(draw(png(picture), 100)).size == (100, 25)
    assert opened(draw(png(picture), 1000)).size == (400, 100)


def test_a_drawing_is_drawn_as_large_as_asked_either_way_up():
    for size, found in (((160, 100), (512, 320)), ((100, 160), (320, 512)), ((100, 125), (410, 512)), ((900, 1), (512, 1))):
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{size[0]}' height='{size[1]}'><rect width='50' height='50'/></svg>"
        )
        assert opened(draw(svg.encode(), 512)).size == found


async def test_a_drawing_that_eats_memory_harms_the_process_that_draws_it_alone(tmp_path):
    inner = "".join(f"<g id='g{n}'>" + f"<use href='#g{n - 1}'/>" * 12 + "</g>" for n in range(1, 9))
    path = tmp_path / "plan.svg"
    path.write_text(
        f"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><g id='g0'><rect width='9' height='9'/></g>{inner}</svg>"
    )
    tiles = PlanTiles({DEMO.id: path})
    ground = tiles.ground(DEMO)
    x, y = (int(value * 2**18) for value in world(DEMO.lon, DEMO.lat))
    with pytest.raises(PlanError, match=r"plan\.svg"):
        await tiles.tile(ground, 18, x, y)
    with pytest.raises(PlanError, match=r"plan\.svg"):  # said at once the second time
        await tiles.tile(ground, 18, x, y)
