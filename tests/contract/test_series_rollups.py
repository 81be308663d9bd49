"""Rollups, retention and long histories: one suite on both time-series stores, InfluxDB 1.6.7 and DuckDB."""

import math
import random
from collections import defaultdict

import pytest

from ingest.series import open_store
from plumbline.rollup import COVER, HOUR, MINUTE, QUARTER, SPANS, rolled
from plumbline.series import Measured, Point, SeriesUnavailableError

T0 = 1_790_000_000 * 10**9 // HOUR.ns * HOUR.ns
SECOND = 10**9


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


def air(device: str, at: int, *, zone: str = "", site: str = "tower", **fields) -> Point:
    tags = {"site": site, "device": device} | ({"zone": zone} if zone else {})
    return Point("environment", tags, fields, at)


async def roll(store, start, end, *, site="tower"):
    """Compute and store the rollups of a window, fine to coarse."""
    for span in SPANS:
        points = await store.rolled(site, "environment", span, start=span.floor(start), end=span.ceil(end))
        assert await store.write(points) == []


async def complete(store, until, *, site="tower"):
    await store.write([Point(COVER, {"site": site, "of": "environment"}, {"until": until / 1e6}, 0)])


def comparable(points):
    return sorted((p.measurement, tuple(sorted(p.tags.items())), p.at, tuple(sorted(p.fields.items()))) for p in points)


async def test_minutes_hold_smallest_largest_mean_number_and_last_of_each_metric_and_series(store):
    await store.write(
        [
            air("mast", T0 + 2 * SECOND, zone="gate", pm25=4.0, noise=60.0),
            air("mast", T0 + 59 * SECOND, zone="gate", pm25=1.0),
            air("mast", T0 + 30 * SECOND, zone="gate", pm25=10.0),
            air("mast", T0 + 60 * SECOND, zone="gate", pm25=7.0),
            air("mast", T0 + 3 * SECOND, pm25=100.0),
            air("crane", T0, noise=70.0),
            air("mast", T0 + SECOND, zone="gate", site="other", pm25=99.0),
        ]
    )
    found = await store.rolled("tower", "environment", MINUTE, start=T0, end=T0 + HOUR.ns)
    named = {"site": "tower", "device": "mast", "zone": "gate"}
    pm25 = {"pm25_min": 1.0, "pm25_max": 10.0, "pm25_mean": 5.0, "pm25_count": 3.0, "pm25_last": 1.0}
    noise = {f"noise_{word}": 60.0 for word in ("min", "max", "mean", "last")} | {"noise_count": 1.0}
    seven, hundred = ({f"pm25_{word}": value for word in ("min", "max", "mean", "last")} for value in (7.0, 100.0))
    seventy = {f"noise_{word}": 70.0 for word in ("min", "max", "mean", "last")} | {"noise_count": 1.0}
    assert comparable(found) == comparable(
        [
            Point("environment_1m", named, pm25 | noise, T0),
            Point("environment_1m", named, seven | {"pm25_count": 1.0}, T0 + MINUTE.ns),
            Point("environment_1m", {"site": "tower", "device": "mast"}, hundred | {"pm25_count": 1.0}, T0),
            Point("environment_1m", {"site": "tower", "device": "crane"}, seventy, T0),
        ]
    )


async def test_quarters_come_from_minutes_and_hours_from_quarters(store):
    values = [float(value) for value in range(120)]
    await store.write([air("mast", T0 + i * 30 * SECOND, pm25=value) for i, value in enumerate(values)])
    await roll(store, T0, T0 + HOUR.ns)
    (quarter, *_) = await store.rolled("tower", "environment", QUARTER, start=T0 + QUARTER.ns, end=T0 + 2 * QUARTER.ns)
    assert quarter.fields == {"pm25_min": 30.0, "pm25_max": 59.0, "pm25_mean": 44.5, "pm25_count": 30.0, "pm25_last": 59.0}
    assert quarter.at == T0 + QUARTER.ns
    (hour,) = await store.latest("tower", "environment_1h", T0)
    assert hour == (
        "mast",
        None,
        T0,
        {"pm25_min": 0.0, "pm25_max": 119.0, "pm25_mean": 59.5, "pm25_count": 120.0, "pm25_last": 119.0},
    )


async def test_rolling_again_after_late_points_corrects_and_otherwise_changes_nothing(store):
    await store.write([air("mast", T0 + i * SECOND, pm25=float(i)) for i in range(10)])
    await roll(store, T0, T0 + HOUR.ns)
    before = [await store.latest("tower", rolled("environment", span), T0) for span in SPANS]
    await roll(store, T0, T0 + HOUR.ns)
    assert [await store.latest("tower", rolled("environment", span), T0) for span in SPANS] == before
    await store.write([air("mast", T0 + 20 * SECOND, pm25=-1.0), air("mast", T0 + 3 * SECOND, pm25=300.0)])
    await roll(store, T0, T0 + MINUTE.ns)
    for span in SPANS:
        (row,) = await store.latest("tower", rolled("environment", span), T0)
        assert row.fields == {
            "pm25_min": -1.0,
            "pm25_max": 300.0,
            "pm25_mean": pytest.approx((45 - 3 + 300 - 1) / 11),
            "pm25_count": 11.0,
            "pm25_last": -1.0,
        }


async def test_metrics_that_are_named_like_statistics_are_metrics(store):
    await store.write([air("mast", T0, pm25=1.0, pm25_count=5.0, pm25_count_count=7.0)])
    await roll(store, T0, T0 + HOUR.ns)
    (row,) = await store.latest("tower", "environment_1h", T0)
    assert (row.fields["pm25_mean"], row.fields["pm25_count_mean"], row.fields["pm25_count_count_mean"]) == (1.0, 5.0, 7.0)
    assert len(row.fields) == 15


async def test_texts_and_truth_values_have_no_rollups(store):
    await store.write([air("mast", T0, note="calm", door=True)])
    assert await store.rolled("tower", "environment", MINUTE, start=T0, end=T0 + HOUR.ns) == []
    assert await store.rolled("tower", "nothing", MINUTE, start=T0, end=T0 + HOUR.ns) == []
    assert await store.rolled("tower", "nothing", HOUR, start=T0, end=T0 + HOUR.ns) == []


async def test_numbers_at_the_end_of_what_a_float_holds_do_not_stop_the_others(store):
    await store.write([air("mad", T0 + i, pm25=1.7e308) for i in range(3)] + [air("mast", T0, pm25=2.0, noise=3.0)])
    await roll(store, T0, T0 + HOUR.ns)
    mad, mast = await store.latest("tower", "environment_1h", T0)
    assert (mad.fields["pm25_mean"], mad.fields["pm25_count"]) == (pytest.approx(1.7e308), 3.0)
    assert (mast.fields["pm25_mean"], mast.fields["noise_mean"]) == (2.0, 3.0)


async def test_before_1970_there_are_minutes_too(store):
    await store.write([air("mast", -1, pm25=2.0)])
    (point,) = await store.rolled("tower", "environment", MINUTE, start=-MINUTE.ns, end=0)
    assert point.at == -MINUTE.ns


async def test_the_oldest_point_of_a_site_is_known(store):
    assert await store.earliest("tower", "environment") is None
    await store.write([air("mast", T0 + 5, pm25=1.0), air("crane", T0 + 3, pm25=1.0), air("crane", T0, site="other", pm25=1.0)])
    assert await store.earliest("tower", "environment") == T0 + 3
    assert await store.earliest("nowhere", "environment") is None


async def test_what_is_forgotten_is_gone_and_what_comes_later_stays(store):
    await store.forget("environment", T0)
    await store.write([air("mast", T0 + day * 24 * HOUR.ns, pm25=float(day)) for day in range(5)])
    await store.write([Point("scan", {"site": "tower", "device": "gate"}, {"text": "x"}, T0)])
    await store.forget("environment", T0 + 3 * 24 * HOUR.ns)
    assert await store.earliest("tower", "environment") == T0 + 3 * 24 * HOUR.ns
    await store.write([air("mast", T0, pm25=8.0)])
    assert await store.earliest("tower", "environment") == T0
    assert len(await store.latest("tower", "scan", T0)) == 1


def expected(points, start, end, every):
    found = defaultdict(list)
    for point in points:
        if start <= point.at < end and point.tags["site"] == "tower":
            found[point.tags["device"], point.at // every * every].append(point.fields["pm25"])
    return [
        (device, at, pytest.approx(math.fsum(values) / len(values)), min(values), max(values), len(values))
        for (device, at), values in sorted(found.items())
    ]


@pytest.mark.parametrize("every", [MINUTE.ns, 5 * MINUTE.ns, QUARTER.ns, 45 * MINUTE.ns, HOUR.ns, 24 * HOUR.ns, 61 * SECOND])
async def test_a_history_out_of_rollups_says_what_the_raw_points_say(store, every):
    chance = random.Random(every)
    points = [
        Measured("environment", {"site": "tower", "device": device, "zone": zone}, {"pm25": chance.uniform(-5, 80)}, at)
        for device in ("mast", "crane")
        for zone in ("gate", "yard")
        for at in (T0 + chance.randrange(30 * HOUR.ns) for _ in range(400))
    ]
    await store.write(points)
    await roll(store, T0, T0 + 30 * HOUR.ns)
    # What lies behind the end of what is complete is not asked of the rollups: they know nothing of this.
    late = [air("mast", T0 + 29 * HOUR.ns + i * 7 * SECOND, pm25=200.0) for i in range(300)]
    await store.write(late)
    await complete(store, T0 + 29 * HOUR.ns)
    for start, end in ((T0, T0 + 30 * HOUR.ns), (T0 + 12_345_678_901, T0 + 29 * HOUR.ns + 987_654_321_000)):
        found = await store.history("tower", "environment", "pm25", start=start, end=end, every_ns=every)
        assert found == expected(points + late, start, end, every)
    only = await store.history("tower", "environment", "pm25", start=T0, end=T0 + 30 * HOUR.ns, every_ns=every, device="crane")
    assert {bucket.device for bucket in only} == {"crane"}


async def test_a_history_is_known_by_its_rollups_when_the_raw_points_are_gone(store):
    await store.write([air("mast", T0 + i * MINUTE.ns, pm25=float(i)) for i in range(180)])
    await roll(store, T0, T0 + 3 * HOUR.ns)
    await complete(store, T0 + 3 * HOUR.ns)
    await store.forget("environment", T0 + 2 * HOUR.ns)
    found = await store.history("tower", "environment", "pm25", start=T0, end=T0 + 3 * HOUR.ns, every_ns=HOUR.ns)
    assert [(bucket.mean, bucket.samples) for bucket in found] == [(29.5, 60), (89.5, 60), (149.5, 60)]
    assert await store.history("tower", "environment", "absent", start=T0, end=T0 + 3 * HOUR.ns, every_ns=HOUR.ns) == []


async def test_an_infinite_answer_of_influx_says_what_is_wrong(influxdb, influx_database):
    store = await open_store(f"influx:http://127.0.0.1:{influxdb.port}/{influx_database}")
    await store.write([air("mad", T0 + i, pm25=1.7e308) for i in range(3)])
    with pytest.raises(SeriesUnavailableError, match="infinite"):
        await store.history("tower", "environment", "pm25", start=T0, end=T0 + 10, every_ns=10)
    await store.aclose()
