"""One suite on both time-series stores: a real InfluxDB 1.6.7 and real DuckDB files."""
# ruff: noqa: ASYNC220 - the processes that a test starts it also waits for, and nothing else runs meanwhile

import asyncio
import math
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.heat.points import Sum
from ingest.heat.points import points as heat_points
from ingest.heat.presence import PARTS
from ingest.series import benchmark, open_store
from ingest.series.embedded import EmbeddedStore
from ingest.series.influx import InfluxStore
from plumbline.errors import SettingsError
from plumbline.grid import Cell, Grid
from plumbline.heat import LEVELS
from plumbline.series import Measured, Point, SeriesUnavailableError
from plumbline.site import Source
from tests.servers import InfluxDb, running

MINUTE = 60 * 10**9
DAY = 24 * 60 * MINUTE
T0 = 1_790_000_000 * 10**9 // MINUTE * MINUTE
GRID = Grid(31.0, 121.5, 10.0)


@pytest.fixture(params=["influx", "embedded"])
async def store(request, tmp_path):
    if request.param == "embedded":
        url = f"embedded:{tmp_path}/series.duckdb"
    else:
        server, database = request.getfixturevalue("influxdb"), request.getfixturevalue("influx_database")
        url = f"influx:http://plumbline:secret@127.0.0.1:{server.port}/{database}"
    store = await open_store(url)
    yield store
    await store.aclose()


def heat(*seen: tuple) -> list[Point]:
    """What ingest writes of presence: (cell, minute, weight, source, site), the last three with usual values."""
    sums: dict[str, Counter[Sum]] = {}
    for entry in seen:
        cell, minute, weight, source, site = (*entry, *(1.0, "people", "tower")[len(entry) - 2 :])
        number = T0 // MINUTE + minute
        for minutes in LEVELS.values():
            one = Sum(minutes, number - number % minutes, *map(int, cell.split("_")), source)
            sums.setdefault(site, Counter())[one] += round(weight * PARTS)
    return [point for site, some in sums.items() for point in heat_points(site, GRID, some, some)]


def place(column: int, row: int) -> tuple[float, float]:
    return GRID.centre(Cell(column, row))


def air(device: str, at: int, *, zone: str = "", site: str = "tower", **fields) -> Point:
    return Point("environment", {"site": site, "device": device, "zone": zone}, fields, at)


async def test_written_points_come_back_as_the_latest_of_each_device_sorted(store):
    refused = await store.write(
        [
            air("mast", T0, zone="gate", pm25_ugm3=12.5, note="calm", door=True),
            air("crane", T0 + 5, noise_dba=61.25),
            air("mast", T0 + 7, zone="gate", pm25_ugm3=13),
            air("mast", T0 + 9, site="other", pm25_ugm3=99.0),
        ]
    )
    assert refused == []
    crane, mast = await store.latest("tower", "environment", T0)
    assert crane == ("crane", None, T0 + 5, {"noise_dba": 61.25})
    assert mast == ("mast", "gate", T0 + 7, {"pm25_ugm3": 13.0})
    assert type(mast.fields["pm25_ugm3"]) is float


async def test_latest_keeps_texts_truth_values_and_numbers_apart(store):
    await store.write([air("mast", T0, number=1.0, truth=True, text="true", empty="")])
    (row,) = await store.latest("tower", "environment", 0)
    assert row.fields == {"number": 1.0, "truth": True, "text": "true", "empty": ""}
    assert row.fields["truth"] is True


async def test_latest_knows_nothing_older_than_asked(store):
    await store.write([air("mast", T0, pm25_ugm3=1.0), air("crane", T0 + 1, pm25_ugm3=1.0)])
    assert [row.device for row in await store.latest("tower", "environment", T0 + 1)] == ["crane"]


async def test_writing_the_same_points_again_changes_nothing(store):
    points = heat(*((f"{i % 5}_0", i) for i in range(200))) + [air("mast", T0 + i, t=float(i)) for i in range(200)]
    answers = []
    for batch in (points, points, points[100:] + points[:100], list(reversed(points))):
        assert await store.write(batch) == []
        answers.append(
            (
                sorted(await store.heat("tower", T0, T0 + DAY)),
                await store.history("tower", "environment", "t", start=T0, end=T0 + DAY, every_ns=50),
            )
        )
    assert all(answer == answers[0] for answer in answers)
    assert sum(cell.weight for cell in answers[0][0]) == 200


async def test_the_last_write_wins_field_by_field(store):
    await store.write([air("mast", T0, t=1.0, note="first", kept=5.0), air("mast", T0, t=2.0)])
    await store.write([air("mast", T0, note="second")])
    (row,) = await store.latest("tower", "environment", T0)
    assert row.fields == {"t": 2.0, "note": "second", "kept": 5.0}


async def test_the_order_in_which_tags_are_named_and_empty_tags_make_no_difference(store):
    await store.write([Point("environment", {"site": "tower", "device": "a", "zone": ""}, {"t": 1.0}, T0)])
    await store.write([Point("environment", {"device": "a", "site": "tower"}, {"t": 4.0}, T0)])
    (bucket,) = await store.history("tower", "environment", "t", start=T0, end=T0 + 1, every_ns=MINUTE)
    assert (bucket.mean, bucket.samples) == (4.0, 1)


async def test_heat_sums_weights_by_cell_and_source(store):
    await store.write(
        heat(
            ("1_2", 0, 1.0),
            ("1_2", 0, 1.0),
            ("1_2", 0, 2.5, "machines"),
            ("7_0", 1),
            ("1_2", 0, 1.0, "people", "other"),
        )
    )
    assert sorted(await store.heat("tower", T0, T0 + DAY)) == [
        ("1_2", "machines", *place(1, 2), 2.5),
        ("1_2", "people", *place(1, 2), 2.0),
        ("7_0", "people", *place(7, 0), 1.0),
    ]


async def test_boards_find_the_same_weights_cell_by_cell_in_every_length_of_interval(store):
    seen = [(f"{i % 7 - 3}_{i % 40}", i * 5, 0.75) for i in range(60)]
    await store.write(heat(*seen))
    for point in heat(*seen):
        if point.measurement in LEVELS:
            (cell,) = [
                one
                for one in await store.heat("tower", point.at, point.at + LEVELS[point.measurement] * MINUTE)
                if one.cell == point.tags["cell"]
            ]
            assert cell == (point.tags["cell"], "people", point.fields["lat"], point.fields["lon"], point.fields["weight"])


async def test_windows_include_their_start_and_not_their_end(store):
    await store.write(heat(*(("0_0", minute) for minute in range(10))))
    await store.write([air("mast", T0 + second, t=float(second)) for second in range(10)])
    (cell,) = await store.heat("tower", T0 + 2 * MINUTE, T0 + 5 * MINUTE)
    assert cell.weight == 3
    buckets = await store.history("tower", "environment", "t", start=T0 + 2, end=T0 + 5, every_ns=1)
    assert [bucket.mean for bucket in buckets] == [2.0, 3.0, 4.0]
    assert await store.heat("tower", T0 + 5, T0 + 5) == []
    assert await store.history("tower", "environment", "t", start=T0 + 5, end=T0, every_ns=1) == []


async def test_history_is_aligned_to_1970_and_leaves_out_empty_intervals(store):
    await store.write([air("mast", T0 + offset, t=value) for offset, value in [(-1, 8.0), (0, 1.0), (2, 3.0), (25, 5.0)]])
    await store.write([air("mast", T0 + 3, zone="gate", t=5.0), air("crane", T0 + 3, t=7.0)])
    buckets = await store.history("tower", "environment", "t", start=T0 - 1, end=T0 + DAY, every_ns=10)
    assert buckets == [
        ("crane", T0, 7.0, 7.0, 7.0, 1),
        ("mast", T0 - 10, 8.0, 8.0, 8.0, 1),
        ("mast", T0, 3.0, 1.0, 5.0, 3),
        ("mast", T0 + 20, 5.0, 5.0, 5.0, 1),
    ]
    only = await store.history("tower", "environment", "t", start=T0 - 1, end=T0 + DAY, every_ns=10, device="crane")
    assert only == buckets[:1]


async def test_history_of_text_truth_or_nothing_is_empty(store):
    await store.write([air("mast", T0, note="calm", door=True)])
    for measurement, field in (("environment", "note"), ("environment", "door"), ("environment", "x"), ("nothing", "x")):
        assert await store.history("tower", measurement, field, start=T0, end=T0 + 1, every_ns=1) == []
    assert await store.latest("tower", "nothing", 0) == []
    assert await store.heat("nowhere", 0, T0) == []


async def test_times_before_1970_and_at_the_ends_of_the_range_are_times(store):
    year_2200 = 7_258_118_400 * 10**9
    await store.write([air("mast", at, t=1.0) for at in (-(2**63) + 2, -11, year_2200, 2**63 - 2)])
    buckets = await store.history("tower", "environment", "t", start=-20, end=year_2200 + 1, every_ns=10)
    assert [bucket.start for bucket in buckets] == [-20, year_2200]
    (row,) = await store.latest("tower", "environment", -(2**70))
    assert row.at == 2**63 - 2


NASTY = [
    "塔吊 二号",
    "a,b=c d",
    'say "hi"',
    "it's",
    "back\\slash\\,x",
    '\'; DROP SERIES FROM "heat"; --',
    "🏗️",
    "a\\n",
    " lead",
    '"',
    "%s{}$1",
]


@pytest.mark.parametrize("nasty", NASTY)
async def test_any_text_is_a_name_a_tag_and_a_field_value(store, nasty):
    key, name = f"f{nasty}".replace("\\,", "\\"), f"m{nasty}".replace("\\,", "\\")  # refused: see REFUSED
    point = Point(name, {"site": nasty, "device": nasty, "zone": nasty, f"k{nasty}": nasty}, {key: 2.5, "s": nasty}, T0)
    assert await store.write([point]) == []
    assert await store.latest(nasty, name, T0) == [(nasty, nasty, T0, {key: 2.5, "s": nasty})]
    asked = await store.history(nasty, name, key, start=T0, end=T0 + 1, every_ns=1, device=nasty)
    assert asked == [(nasty, T0, 2.5, 2.5, 2.5, 1)]


@pytest.mark.parametrize("text", ["two\nlines", "tab\tand\rreturn", "ends in \\", '\\"', "x" * 30_000])
async def test_a_text_field_may_hold_line_feeds_and_backslashes(store, text):
    assert await store.write([air("mast", T0, note=text)]) == []
    (row,) = await store.latest("tower", "environment", T0)
    assert row.fields == {"note": text}


REFUSED = {
    "not a number": air("mast", T0, t=math.nan),
    "infinite": air("mast", T0, t=-math.inf),
    "no float equals": air("mast", T0, t=2**53 + 1),
    "huge integer": air("mast", T0, t=10**400),
    "no fields": air("mast", T0),
    "empty field key": Point("environment", {"site": "tower"}, {"": 1.0}, T0),
    "empty measurement": Point("", {"site": "tower"}, {"t": 1.0}, T0),
    "measurement that 1.x misreads": Point("a\\,b", {"site": "tower"}, {"t": 1.0}, T0),
    "field key that 1.x misreads": air("mast", T0, **{"a\\ b": 1.0}),
    "comment": Point("#x", {"site": "tower"}, {"t": 1.0}, T0),
    "line feed in a tag": air("ma\nst", T0, t=1.0),
    "backslash at the end of a tag": air("mast\\", T0, t=1.0),
    "field named time": air("mast", T0, time=1.0),
    "tag named time": Point("environment", {"time": "x"}, {"t": 1.0}, T0),
    "lone surrogate": air("mast", T0, note="\ud800"),
    "lone surrogate in a tag": air("\udfff", T0, t=1.0),
    "after 2262": air("mast", 2**63, t=1.0),
    "a field of another type": air("mast", T0, t=None),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_point_that_cannot_be_stored_is_named_with_a_reason_and_the_others_are_stored(store, case):
    good = [air("mast", T0 + 1 + i, t=float(i)) for i in range(20)]
    (refused,) = await store.write([*good[:7], REFUSED[case], *good[7:]])
    assert refused.point is REFUSED[case]
    assert refused.reason
    (bucket,) = await store.history("tower", "environment", "t", start=T0, end=T0 + 100, every_ns=MINUTE)
    assert bucket.samples == 20


async def test_nothing_to_write_is_written(store):
    assert await store.write([]) == []


async def test_a_history_by_steps_of_no_length_is_a_mistake(store):
    with pytest.raises(ValueError, match="every_ns"):
        await store.history("tower", "environment", "t", start=0, end=1, every_ns=0)


async def test_influx_names_the_points_whose_field_has_another_type_and_stores_the_others(influxdb, influx_database):
    async with InfluxStore(influxdb.url, influx_database, lines_per_request=64) as store:
        await store.write([air("mast", T0, t=1.0)])
        bad = [air("mast", T0 + i, t="n/a") for i in (3, 90, 91)]
        good = [air("mast", T0 + i, t=float(i)) for i in range(1, 200) if i not in {3, 90, 91}]
        refused = await store.write([*good[:2], bad[0], *good[2:80], *bad[1:], *good[80:]])
        assert [entry.point for entry in refused] == bad
        assert all("type" in entry.reason for entry in refused)
        (bucket,) = await store.history("tower", "environment", "t", start=T0, end=T0 + 1000, every_ns=MINUTE)
        assert bucket.samples == 1 + len(good)


async def test_influx_makes_its_database_and_until_then_answers_nothing(influxdb, unique_name):
    async with InfluxStore(influxdb.url, unique_name('it\'s "new"')) as store:
        assert await store.heat("tower", 0, T0 + DAY) == []
        assert await store.write(heat(("1_1", 0))) == []
        assert len(await store.heat("tower", 0, T0 + DAY)) == 1


async def test_an_influx_that_is_away_is_unavailable_and_back_again_without_a_new_store(tmp_path):
    with running(InfluxDb(tmp_path)) as server:
        async with InfluxStore(server.url, "plumbline") as store:
            await store.write(heat(("1_1", 0)))
            server.kill()
            with pytest.raises(SeriesUnavailableError, match="check"):
                await store.write(heat(("1_1", 0), ("1_1", 1)))
            with pytest.raises(SeriesUnavailableError, match="check"):
                await store.heat("tower", T0, T0 + DAY)
            server.start()
            await store.write(heat(("1_1", 0), ("1_1", 1)))
            assert sum(cell.weight for cell in await store.heat("tower", T0, T0 + DAY)) == 2


_WROTE = re.compile(r"wrote (\d+)\n")


async def test_an_embedded_file_survives_sigkill_after_every_write_and_in_the_middle_of_compaction(tmp_path):
    file = tmp_path / "series.duckdb"
    program = f"""
import asyncio, itertools, pathlib
from ingest.series.embedded import EmbeddedStore
from plumbline.series import Point
async def main():
    store = EmbeddedStore(pathlib.Path({str(file)!r}), compact_after=40)
    for n in itertools.count():
        await store.write([  # each batch writes half of the one before anew
            Point("m", {{"site": "s", "device": "d"}}, {{"n": float(n), f"f{{n % 7}}": "x"}}, n * 25 + i) for i in range(50)
        ])
        print("wrote", n, flush=True)
asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    said = 0
    for round_ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root)
        now: list[int] = []
        for line in process.stdout:  # compactions are logged there too
            now += [int(wrote[1])] if (wrote := _WROTE.fullmatch(line)) else []  # a line may be torn by one of the log's
            if len(now) == 12 + 3 * round_:
                process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        said = max(said, now[-1])
        async with EmbeddedStore(file) as store:
            buckets = await store.history("s", "m", "n", start=0, end=now[-1] * 25, every_ns=25)
            assert [(bucket.samples, bucket.minimum, bucket.maximum) for bucket in buckets] == [
                (25, float(n), float(n)) for n in range(now[-1])
            ]
            (all_of_it,) = await store.history("s", "m", "n", start=0, end=2**62, every_ns=2**62)
            assert all_of_it.samples >= said * 25 + 50


async def test_an_embedded_file_that_another_process_holds_is_unavailable(tmp_path):
    url = f"embedded:{tmp_path}/series.duckdb"
    program = f'import asyncio; from ingest.series import open_store; store = asyncio.run(open_store("{url}")); print("up", flush=True); input()'
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert process.stdout.readline() == "up\n"
    with pytest.raises(SeriesUnavailableError, match="another process"):
        await open_store(url)
    process.communicate("\n")
    await (await open_store(url)).aclose()


async def test_an_embedded_store_opens_again_with_all_it_had(tmp_path):
    for i in range(3):
        async with EmbeddedStore(tmp_path / "series.duckdb") as store:
            await store.write([air("mast", T0 + n, t=float(i), **{f"f{i}": True}) for n in range(i * 5, i * 5 + 10)])
            (bucket,) = await store.history("tower", "environment", "t", start=T0, end=T0 + 1000, every_ns=MINUTE)
            assert bucket.samples == 10 + i * 5


async def test_an_embedded_field_may_change_its_kind_even_in_one_point(tmp_path):
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        await store.write(
            [air("mast", T0, t=1.0), air("mast", T0 + 1, t="n/a"), air("mast", T0 + 2, t=True), air("mast", T0 + 3, t=2)]
        )
        await store.write([air("mast", T0 + 3, t=True), air("mast", T0 + 2, t="off")])
        assert (await store.latest("tower", "environment", T0))[0].fields == {"t": True}
        (bucket,) = await store.history("tower", "environment", "t", start=T0, end=T0 + 1000, every_ns=MINUTE)
        assert (bucket.mean, bucket.samples) == (1.0, 1)


async def test_an_embedded_store_compacts_what_was_replaced_and_answers_the_same(tmp_path):
    async with EmbeddedStore(tmp_path / "series.duckdb", compact_after=100) as store:
        for turn in range(5):
            await store.write(heat(*((f"{i % 9}_0", i, turn) for i in range(60))))
            assert sum(cell.weight for cell in await store.heat("tower", T0, T0 + DAY)) == 60 * turn


async def test_an_embedded_store_refuses_what_would_make_it_boundless(tmp_path):
    async with EmbeddedStore(tmp_path / "series.duckdb", max_measurements=2, max_fields=3, max_series=4) as store:
        refused = await store.write([air("mast", T0 + i, **{f"f{i}": 1.0}) for i in range(5)])
        assert len(refused) == 2
        refused = await store.write([air(f"d{i}", T0, f0=1.0) for i in range(5)])
        assert len(refused) == 2
        assert len(await store.latest("tower", "environment", T0)) == 4
        assert await store.write([Point("b", {}, {"x": 1.0}, T0)])


async def test_an_embedded_store_that_fails_in_the_middle_of_a_batch_keeps_nothing_of_it_and_goes_on(tmp_path):
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        await store.write([air("mast", T0, t=1.0)])
        _, _, writer = store._opened()
        broken = RuntimeError("the disk is gone")

        def fail(*_):
            raise broken

        writer._merge = fail
        with pytest.raises(RuntimeError, match="disk is gone"):
            await store.write([air("mast", T0 + 1, t=2.0, new=1.0), air("mast", T0, t=3.0)])
        assert [row.at for row in await store.latest("tower", "environment", 0)] == [T0]
        await store.write([air("mast", T0 + 1, t=2.0, new=1.0), air("mast", T0, t=3.0)])
        (bucket,) = await store.history("tower", "environment", "t", start=T0, end=T0 + 1000, every_ns=MINUTE)
        assert (bucket.mean, bucket.samples) == (2.5, 2)


@pytest.mark.parametrize(
    "url",
    ["postgres://x", "embedded:", "embedded:/a/", "influx:http://host:8086", "influx:host/db", "influx:http://h:x/db", ""],
)
async def test_a_url_of_no_store_is_a_settings_error_that_says_what_to_write(url):
    with pytest.raises(SettingsError, match="write influx:"):
        await open_store(url)


async def test_a_file_of_something_else_is_a_settings_error(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database" * 1000)
    with pytest.raises(SettingsError, match=r"notes\.txt"):
        await open_store(f"embedded:{file}")


names = st.sampled_from(["mast", "塔吊", "a b", 'q"', "c,d=e"])
numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 3)) | st.integers(-1000, 1000)
offsets = st.integers(-50, 200)
readings = st.builds(
    lambda device, zone, offset, fields: Point(
        "environment", {"site": "tower", "device": device, "zone": zone}, fields, T0 + offset
    ),
    names,
    st.sampled_from(["", "gate", "yard"]),
    offsets,
    st.dictionaries(st.sampled_from(["t", "u", 'v"']), numbers, min_size=1),
)
presences = st.builds(
    lambda column, row, minute, weight, source: (f"{column}_{row}", minute, weight, source),
    st.integers(-2, 2),
    st.sampled_from([-33, -32, -1, 0, 31, 32]),
    st.integers(-200, 200),
    st.sampled_from([1 / PARTS, 0.5, 1, 2.25]),
    st.sampled_from(get_args(Source)),
)


def rounded(rows):
    return sorted(tuple(round(value, 6) if isinstance(value, float) else value for value in row) for row in rows)


@given(data=st.data())
@settings(max_examples=15)
async def test_both_stores_answer_the_same_numbers_for_the_same_points(data, tmp_path_factory, influxdb):
    name = f"same_{tmp_path_factory.mktemp('same').name}"
    influxdb.query(f'CREATE DATABASE "{name}"')
    async with (
        EmbeddedStore(tmp_path_factory.mktemp("series") / "series.duckdb") as embedded,
        InfluxStore(influxdb.url, name, lines_per_request=7) as influx,
    ):
        seen: list[tuple] = []
        for batch in data.draw(st.lists(st.lists(readings | presences, max_size=30), max_size=4), label="batches"):
            seen += [entry for entry in batch if not isinstance(entry, Point)]
            points = [entry for entry in batch if isinstance(entry, Point)] + heat(*seen)
            assert await embedded.write(points) == await influx.write(points) == []
        first = data.draw(st.integers(-220 * 60, 220 * 60), label="start of a window, s") * 10**9 + T0
        length = data.draw(st.integers(0, 440 * 60), label="its length, s") * 10**9
        windows = [(T0, T0 + 100), (T0 - 30 * MINUTE, T0 + 40 * MINUTE), (0, 2**63), (first, first + length)]
        for start, end in windows:
            counted: Counter[tuple[str, str]] = Counter()
            for cell, minute, weight, source in seen:
                if start <= T0 + minute * MINUTE < end:
                    counted[cell, source] += weight
            for store in (embedded, influx):
                answer = await store.heat("tower", start, end)
                assert {(cell.cell, cell.source): cell.weight for cell in answer} == counted
            assert sorted(await embedded.heat("tower", start, end)) == sorted(await influx.heat("tower", start, end))
            for every in (1, 7, 60, MINUTE):
                for field in ("t", 'v"'):
                    asked = [
                        await store.history("tower", "environment", field, start=start, end=end, every_ns=every)
                        for store in (embedded, influx)
                    ]
                    assert rounded(asked[0]) == rounded(asked[1])
        assert await embedded.latest("tower", "environment", T0) == await influx.latest("tower", "environment", T0)
    influxdb.query(f'DROP DATABASE "{name}"')


@given(texts=st.lists(st.text(max_size=20), max_size=20, unique=True))
@settings(max_examples=20)
async def test_any_text_comes_back_as_it_was_or_is_refused(texts, tmp_path_factory, influxdb):
    name = f"text_{tmp_path_factory.mktemp('text').name}"
    points = [
        Point("m", {"site": "s", "device": text, "x": text}, {"text": text, f"f{text}": text}, T0) for text in texts if text
    ]
    influxdb.query(f'CREATE DATABASE "{name}"')
    async with (
        EmbeddedStore(tmp_path_factory.mktemp("series") / "series.duckdb") as embedded,
        InfluxStore(influxdb.url, name) as influx,
    ):
        for store in (embedded, influx):
            refused = [entry.point for entry in await store.write(points)]
            stored = {point.tags["device"]: point.fields for point in points if point not in refused}
            assert {row.device: row.fields for row in await store.latest("s", "m", 0)} == stored
    influxdb.query(f'DROP DATABASE "{name}"')


async def test_the_benchmark_counts_what_it_stored(influxdb, influx_database, tmp_path):
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        rates = await benchmark.measure_embedded(store, count=2_000, rounds=2)
        buckets = await store.history("bench", "environment", "noise_dba", start=0, end=2**62, every_ns=2**62)
    assert all(rate > 0 for rate in rates.values())
    assert sum(bucket.samples for bucket in buckets) == 4_000
    rates = await benchmark.measure_influx(influxdb.url, influx_database, count=2_000, connections=3, rounds=2)
    assert rates.pop("influxd_cpu_us_per_point") >= 0  # counted in hundredths of a second, and this is not much
    assert all(rate > 0 for rate in rates.values())
    assert {"ratio", "ratio_by_cpu", "store_cpu_us_per_point", "bare_cpu_us_per_point"} < rates.keys()
    rows = influxdb.query(f'SELECT COUNT(noise_dba) AS samples FROM "{influx_database}"."autogen".environment')
    assert [row["samples"] for row in rows] == [2 * 3 * 2_000]


FLOATS = [0.1, -0.0, 1e16, 1e22, 1e-7, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 123456789012345680.0, -21.25]


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60))
@settings(max_examples=15)
@example(values=FLOATS)
async def test_any_float_of_a_vouched_point_comes_back_as_the_same_float(values, tmp_path_factory, influxdb):
    name = f"float_{tmp_path_factory.mktemp('float').name}"
    influxdb.query(f'CREATE DATABASE "{name}"')
    points = [Measured("m", {"site": "s", "device": f"d{n:03}"}, {"t": value}, T0) for n, value in enumerate(values)]
    async with (
        EmbeddedStore(tmp_path_factory.mktemp("series") / "series.duckdb") as embedded,
        InfluxStore(influxdb.url, name) as influx,
    ):
        for store in (embedded, influx):
            assert await store.write(points) == []
            rows = await store.latest("s", "m", 0)
            assert [(row.fields["t"], math.copysign(1, row.fields["t"])) for row in rows] == [
                (value, math.copysign(1, value) if store is embedded or value else 1.0) for value in values
            ]
    influxdb.query(f'DROP DATABASE "{name}"')


async def test_points_vouched_for_and_others_are_one_series_in_one_order(store):
    tags = {"site": "tower", "device": "mast"}
    for call in range(3):
        batch = [
            kind("environment", tags, {"t": float(call * 100 + n * 10 + order)}, T0 + n)
            for n in range(5)
            for order, kind in enumerate([Measured, Point, Measured, Point][call : call + 2])
        ]
        assert await store.write(batch) == []
    buckets = await store.history("tower", "environment", "t", start=T0, end=T0 + 10, every_ns=1)
    assert [bucket.mean for bucket in buckets] == [201.0, 211.0, 221.0, 231.0, 241.0]


async def test_writes_that_overlap_leave_the_last_word_of_each_series(store):
    def batch(call):
        return [Measured("environment", TAGS[n], {"t": float(call)}, T0 + n % 7) for n in range(40)]

    assert await asyncio.gather(*(store.write(batch(call)) for call in range(6))) == [[]] * 6
    rows = await store.latest("tower", "environment", T0)
    assert {row.fields["t"] for row in rows} == {5.0}
    assert len(rows) == 40


async def test_an_embedded_write_that_fails_is_not_overtaken_by_those_that_waited_behind_it(tmp_path):
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        _, _, writer = store._opened()

        def fail(*_):
            raise duckdb.IOException("the disk is full")

        writer._store = fail
        calls = [store.write([air("mast", T0, t=float(call))]) for call in range(3)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [SeriesUnavailableError] * 3
        assert await store.latest("tower", "environment", 0) == []
        assert await store.write([air("mast", T0, t=7.0)]) == []
        assert len(await store.latest("tower", "environment", 0)) == 1


TAGS = [{"site": "tower", "device": f"d{n}"} for n in range(40)]


async def test_influx_refuses_fields_of_two_wrong_types_in_two_weeks_by_a_few_requests(influxdb, influx_database):
    async with InfluxStore(influxdb.url, influx_database) as store:
        week = 7 * DAY
        await store.write([air("mast", T0 + n * week, t=1.0, u=1.0) for n in range(2)])
        sent = []
        write = store._server.write

        async def counted(body, **how):
            sent.append(body.count(b"\n") + 1)
            return await write(body, **how)

        store._server.write = counted
        wrong = [
            air("mast", T0 + n % 2 * week + n, **({"t": "n/a"} if n % 3 else {"u": True, "t": 2.0})) for n in range(2, 2000, 4)
        ]
        good = [air("mast", T0 + n % 2 * week + n, t=float(n), u=1.0) for n in range(3, 2000, 4)]
        refused = await store.write(sorted([*wrong, *good], key=lambda point: point.at % week))
        assert sorted(entry.point.at for entry in refused) == sorted(point.at for point in wrong)
        assert len(sent) < 40
        buckets = await store.history("tower", "environment", "t", start=T0, end=T0 + 4 * week, every_ns=100 * week)
        assert sum(bucket.samples for bucket in buckets) == 2 + len(good)
