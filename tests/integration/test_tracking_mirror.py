"""What tracking mirrors into the series store: on both databases, in memory, and through the service into both real stores."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.series import open_store
from plumbline import codec
from plumbline.event import ClockReading
from plumbline.inbox import gateway, inbox
from plumbline.series import MIRRORED, LatestRow, Point, RefusedPoint, SeriesUnavailableError
from tests import tracking_site as site
from tracking_service import document
from tracking_service.intake import Intake
from tracking_service.mirror import Mirror
from tracking_service.mirror.deliveries import day_of
from tracking_service.mirror.site import on_time_rate
from tracking_service.orders import import_order
from tracking_service.service import TrackingService
from tracking_service.tables import machine_hours, machine_state

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
HOUR = 3_600_000_000_000
DAY = 24 * HOUR
MINUTE = 60_000_000_000
#: Noon in Shanghai.
NOW = 1_790_049_600 * 10**9


class Kept:
    """A series store in memory: points of one series and time are one, the last written fields win."""

    def __init__(self) -> None:
        self.away = False
        self.rows: dict[tuple[str, frozenset[tuple[str, str]], int], dict[str, Any]] = {}
        self.writes = 0
        self._written = asyncio.Event()

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        if self.away:
            raise SeriesUnavailableError("the store is away")
        self.writes += len(points)
        for point in points:
            assert point.tags.get("site") == site.SITE
            self.rows.setdefault((point.measurement, frozenset(point.tags.items()), point.at), {}).update(point.fields)
        self._written.set()
        return ()

    async def hold(self, condition: Callable[[], object]) -> None:
        """Wait until what was written meets a condition."""
        async with asyncio.timeout(120):
            while not condition():
                self._written.clear()
                await self._written.wait()

    def all(self, measurement: str, **tags: str) -> list[tuple[int, dict[str, Any]]]:
        """Points of a measurement with these tags among theirs, by time; tags among the fields."""
        found = [
            (at, fields | dict(own))
            for (name, own, at), fields in self.rows.items()
            if name == measurement and tags.items() <= dict(own).items()
        ]
        return sorted(found, key=lambda row: row[0])

    def newest(self, measurement: str, **tags: str) -> dict[str, Any]:
        return self.all(measurement, **tags)[-1][1]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def store() -> Kept:
    return Kept()


def mirror(engine: AsyncEngine, store: Kept, now: int = NOW) -> Mirror:
    return Mirror(engine=engine, writer=store, sites=site.SITES, now_ns=lambda: now)


async def place(engine: AsyncEngine, now: int = NOW, **changes: Any) -> None:
    parsed = document.read(json.dumps(site.order(**changes)).encode(), "test")
    async with engine.begin() as connection:
        await import_order(connection, parsed, sites=site.SITES, zones=ZONES, now=now)


async def take(engine: AsyncEngine, *events: Any) -> None:
    await site.post(engine, *events)
    await drain(engine)


async def drain(engine: AsyncEngine) -> None:
    intake = Intake(engine=engine, sites=site.SITES)
    while await intake.take():
        pass


async def correct(engine: AsyncEngine, event: Any, at: int) -> None:
    """As ingest does it."""
    right = structs.replace(event, at=at, clock=ClockReading(quality="ntp", boot="boot", mono=1, original=event.at))
    async with engine.begin() as connection:
        values = {"body": codec.encode(right), "at": at, "processed_at": None}
        await connection.execute(update(inbox).where(inbox.c.event_id == event.id).values(**values))
    await drain(engine)


def due(line: str, hours: float) -> dict[str, Any]:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW / 1e9 + hours * 3600))
    return {"line": line, "title": {"en": line, "zh": "钢"}, "label": f"L{line}", "quantity": 4, "unit": "pcs", "needed_by": at}


async def test_lines_say_their_state_their_unit_their_date_and_their_colour(engine, store):
    lines = [due("10", -1), due("20", 1), due("30", 100), due("40", -1)]
    await place(engine, lines=lines, deliveries=[], milestones=[])
    await take(
        engine, *(site.scan(f"PL1:PO-1/40/{n}", at=NOW - HOUR) for n in range(4)), site.scan("PL1:PO-1/20/1", at=NOW - MINUTE)
    )
    await mirror(engine, store).write()
    rows = {line: store.newest("material", line=line) for line in ("10", "20", "30", "40")}
    assert [rows[line]["state"] for line in rows] == ["late", "partial", "nothing", "complete"]
    assert [rows[line]["rag"] for line in rows] == [2.0, 1.0, 0.0, 0.0]
    assert rows["20"]["due"] == float((NOW + HOUR) // 1_000_000)
    assert rows["20"]["unit"] == "pcs"
    assert all(isinstance(value, float | str) for row in rows.values() for value in row.values())


async def test_a_line_is_not_late_where_a_silent_gateway_may_have_seen_it(engine, store):
    await place(engine, lines=[due("10", -1)], deliveries=[], milestones=[])
    await site.put_gateway(engine, online=False, since=NOW - 2 * HOUR, data_until=NOW - 2 * HOUR)
    await mirror(engine, store).write()
    row = store.newest("material", line="10")
    assert row["state"] == "nothing"
    assert "rag" not in row


async def test_lines_are_written_when_they_say_something_new_and_every_five_minutes_else(engine, store):
    await place(engine, lines=[due("10", 1), due("20", 1), due("30", 100)], deliveries=[], milestones=[])
    now = NOW
    one = Mirror(engine=engine, writer=store, sites=site.SITES, now_ns=lambda: now)
    written = []
    for minute in (0, 1, 2, 5, 6):
        now = NOW + minute * MINUTE
        if minute == 2:
            await take(engine, site.scan("PL1:PO-1/20/1", at=NOW))
        await one.write()
        written.append([row["line"] for at, row in store.all("material") if at == now])
    assert written == [["10", "20", "30"], [], ["20"], ["10", "30"], []]
    now = NOW + 61 * MINUTE  # the date has come
    await one.write()
    assert store.newest("material", line="10")["state"] == "late"
    store.away = True
    now += 10 * MINUTE
    with pytest.raises(SeriesUnavailableError):
        await one.write()
    store.away = False
    await one.write()
    assert store.newest("material", line="30")["state"] == "nothing"
    assert store.all("material", line="30")[-1][0] == now


async def test_an_order_says_how_far_it_is_what_is_late_and_whether_it_was_in_time(engine, store):
    milestones = [
        {
            "key": "a",
            "title": {"en": "A", "zh": "甲"},
            "due": "2020-01-01T00:00:00Z",
            "policy": {"material_arrived": {"lines": ["10"]}},
        },
        {"key": "b", "title": {"en": "B", "zh": "乙"}, "policy": {"material_arrived": {"lines": ["20"]}}},
    ]
    await place(engine, lines=[due("10", 1), due("20", 1)], deliveries=[], milestones=milestones)
    await take(engine, site.scan("PL1:PO-1/20/1", at=NOW - HOUR))
    await mirror(engine, store).write()
    row = store.newest("order", order="PO-1")
    assert (row["percent"], row["milestones"], row["late"], row["rag"]) == (12.5, 2.0, 1.0, 2.0)
    assert "on_time" not in row
    beams = [site.scan(f"PL1:PO-1/{line}/{n}", at=NOW - MINUTE) for line in ("10", "20") for n in range(4)]
    await take(engine, *beams)
    await mirror(engine, store, NOW + MINUTE).write()
    row = store.newest("order", order="PO-1")
    assert (row["percent"], row["late"], row["rag"], row["on_time"]) == (100.0, 0.0, 0.0, 0.0)
    assert store.newest("milestone", milestone="a")["done_at"] == float((NOW - MINUTE) // 1_000_000)


async def test_deliveries_are_the_lines_due_or_arrived_on_the_sites_own_day(engine, store):
    midnight = day_of(NOW, ZONES[site.SITE]).start
    assert midnight == NOW - 12 * HOUR
    lines = [due("10", 1), due("20", 13), due("30", -13), due("40", 13), due("50", 13)]
    await place(engine, lines=lines, deliveries=[], milestones=[])
    await take(
        engine,
        site.scan("PL1:PO-1/30/1", at=midnight - 1),
        site.scan("PL1:PO-1/30/2", at=midnight),
        site.scan("PL1:PO-1/40/1", at=midnight - 1),
        site.scan("PL1:PO-1/50/1", at=midnight - 2),
        site.scan("PL1:PO-1/50/1", at=NOW - 1),  # seen again today: it had arrived
    )
    await mirror(engine, store).write()
    found = {row["line"]: row for _, row in store.all("delivery")}
    assert sorted(found) == ["10", "30"]
    assert (found["30"]["arrived_today"], found["30"]["arrived"], found["30"]["last_at"]) == (
        1.0,
        2.0,
        float(midnight // 1_000_000),
    )
    assert (found["10"]["arrived_today"], found["10"]["state"]) == (0.0, "nothing")
    assert "last_at" not in found["10"]


async def test_evidence_stands_at_its_own_time_and_is_written_once(engine, store):
    await place(engine)
    beams = [site.beam(n, at=NOW - HOUR + n) for n in (1, 2)]
    await take(engine, *beams)
    one = mirror(engine, store)
    await one.write()
    assert [at for at, _ in store.all("evidence", milestone="beams")] == [beam.at for beam in beams]
    row = store.newest("evidence", milestone="beams")
    assert (row["kind"], row["device"], row["quantity"], row["title_zh"]) == ("scan", "scanner-1", 1.0, "钢梁")
    assert row["text"] == "Gate scanner scanned 1 pc Beam"
    assert len(store.all("evidence", milestone="all")) == 2
    before = store.writes
    assert await one._mirror_evidence(None) == 0
    assert store.writes == before


async def test_evidence_that_counts_no_longer_is_withdrawn_where_it_stood(engine, store):
    await place(engine)
    late = site.beam(1, at=NOW - HOUR)
    await take(engine, late)
    await mirror(engine, store).write()
    await take(engine, site.beam(1, at=NOW - 2 * HOUR))  # the same beam had been scanned before: that one counts
    await mirror(engine, store).write()
    counted = [at for at, row in store.all("evidence", milestone="beams") if row["quantity"] > 0]
    assert counted == [NOW - 2 * HOUR]
    assert store.newest("evidence", milestone="beams")["kind"] == "withdrawn"
    await correct(engine, late, NOW - 3 * HOUR)
    await mirror(engine, store).write()
    counted = [at for at, row in store.all("evidence", milestone="beams") if row["quantity"] > 0]
    assert counted == [NOW - 3 * HOUR]


async def test_one_scan_of_a_unit_with_several_lines_is_evidence_of_each(engine, store):
    units = [{"sscc": site.SSCC, "line": line, "quantity": 2, "delivery_note": "DN"} for line in ("10", "30")]
    await place(engine, deliveries=units)
    await take(engine, site.scan(f"00{site.SSCC}", [("00", site.SSCC)], at=NOW - HOUR))
    await mirror(engine, store).write()
    found = store.all("evidence", milestone="all")
    assert [at for at, _ in found] == [NOW - HOUR, NOW - HOUR + 1]
    assert {row["title"] for _, row in found} == {"Beam", "Plates"}


async def test_a_site_says_people_gateways_colours_and_how_many_milestones_were_in_time(engine, store):
    await place(engine)
    await site.put_gateway(engine, "gw-1", last_seen=NOW, data_until=NOW)
    await site.put_gateway(engine, "gw-2", online=False, since=NOW)
    await take(
        engine,
        site.check_in("ann", at=NOW - HOUR),
        site.check_in("li", place="roof", at=NOW - HOUR),
        site.check_in("bo", at=NOW - HOUR),
        site.check_in("bo", "out", at=NOW - MINUTE),
    )
    await mirror(engine, store, NOW + 5).write()
    await mirror(engine, store, NOW + 10**9).write()
    people = {row["zone"]: row["on_site"] for _, row in store.all("people")}
    assert people == {"all": 2.0, "gate": 1.0, "elsewhere": 1.0}
    assert len(store.all("people")) == 3  # again in the same minute: the same points
    row = store.newest("site_state")
    assert (row["people"], row["gateways"], row["gateways_online"], row["orders"]) == (2.0, 2.0, 1.0, 1.0)
    assert (row["milestones_green"], row["milestones_red"], row["rag"], row["title_zh"]) == (2.0, 0.0, 0.0, "港口")
    assert "on_time_rate" not in row


@pytest.mark.parametrize(
    ("plans", "rate"),
    [
        ([], None),
        ([(None, NOW)], None),
        ([(NOW - DAY, NOW - 2 * DAY), (NOW - DAY, NOW), (NOW - DAY, None), (NOW + DAY, None)], 100 / 3),
        ([(NOW + DAY, NOW - DAY)], 100.0),
        ([(NOW - 91 * DAY, NOW - 92 * DAY)], None),
        ([(NOW - 91 * DAY, NOW - DAY)], 0.0),
    ],
)
def test_the_on_time_rate_counts_what_was_due_or_done_in_the_last_ninety_days(plans, rate):
    assert on_time_rate(plans, NOW) == (rate and pytest.approx(rate))


async def test_hours_of_machines_end_where_their_gateway_has_not_told_yet(engine, store):
    start = NOW - 2 * HOUR
    await site.put_gateway(engine, data_until=start + 90 * MINUTE, last_seen=NOW)
    await take(
        engine,
        site.state("working", at=start + 10 * MINUTE),
        site.state("idle", at=start + 40 * MINUTE),
        site.state("off", at=start + 70 * MINUTE),
    )
    await mirror(engine, store).write()
    (first, one), (second, two) = store.all("utilisation", device="crane-1")
    assert (first, second) == (start, start + HOUR)
    assert (one["unknown_s"], one["working_s"], one["idle_s"], one["percent"]) == (600.0, 1800.0, 1200.0, 60.0)
    assert (two["idle_s"], two["off_s"], two["unknown_s"], two["percent"]) == (600.0, 1200.0, 1800.0, 0.0)


async def test_late_events_and_a_gateway_that_catches_up_correct_the_hours_they_touch(engine, store):
    start = NOW - 5 * HOUR
    await site.put_gateway(engine, data_until=start + HOUR)
    await take(engine, site.state("working", at=start))
    await mirror(engine, store).write()
    assert [row["unknown_s"] for _, row in store.all("utilisation")] == [0.0, 3600.0, 3600.0, 3600.0, 3600.0]
    async with engine.begin() as connection:
        await connection.execute(update(gateway).values(data_until=NOW))
    await mirror(engine, store).write()
    assert [row["working_s"] for _, row in store.all("utilisation")] == [3600.0] * 5
    # a new mirror, as after a restart: only the hours from the late event on are written again
    written = store.writes
    await take(engine, site.state("fault", at=NOW - 2 * HOUR), site.state("working", at=NOW - 90 * MINUTE))
    await mirror(engine, store)._machines(None)
    assert store.writes == written + 2
    assert [row["fault_s"] for _, row in store.all("utilisation")] == [0.0, 0.0, 0.0, 1800.0, 0.0]
    assert [row["percent"] for _, row in store.all("utilisation")] == [100.0, 100.0, 100.0, 50.0, 100.0]


async def test_an_hour_that_had_a_percentage_does_not_keep_it_when_it_turns_out_off(engine, store):
    await site.put_gateway(engine, data_until=NOW)
    await take(engine, site.state("working", at=NOW - 2 * HOUR))
    await mirror(engine, store).write()
    await take(engine, site.state("off", at=NOW - 2 * HOUR + 1))
    await mirror(engine, store).write()
    assert store.newest("utilisation")["percent"] == 0.0


async def test_a_state_whose_time_was_corrected_leaves_the_hours_where_it_stood(engine, store):
    await site.put_gateway(engine, data_until=NOW)
    wrong = site.state("working", at=NOW - 6 * HOUR)
    await take(engine, wrong)
    await mirror(engine, store).write()
    await correct(engine, wrong, NOW - HOUR)
    await mirror(engine, store).write()
    found = [(row["unknown_s"], row["working_s"]) for _, row in store.all("utilisation")]
    assert found == [(3600.0, 0.0)] * 5 + [(0.0, 3600.0)]
    async with engine.connect() as connection:
        assert len((await connection.execute(select(machine_state))).all()) == 1


async def test_hours_of_years_and_of_tomorrow_do_no_harm(engine, store):
    await site.put_gateway(engine, data_until=NOW)
    await take(engine, site.state("working", at=5), site.state("off", at=NOW + 10 * HOUR))
    assert await mirror(engine, store)._machines(None) == 400 * 24
    assert store.newest("utilisation")["working_s"] == 3600.0
    assert await mirror(engine, store, NOW + 2)._machines(None) == 1


async def test_an_event_that_comes_while_hours_are_written_is_not_forgotten(engine, store):
    await site.put_gateway(engine, data_until=NOW)
    await take(engine, site.state("working", at=NOW - 2 * HOUR))

    class Meanwhile(Kept):
        async def write(self, points):
            if not self.writes:
                await take(engine, site.state("idle", at=NOW - 90 * MINUTE))
            return await super().write(points)

    slow = Meanwhile()
    await mirror(engine, slow)._machines(None)
    async with engine.connect() as connection:
        assert (await connection.execute(select(machine_hours.c.version))).scalar_one() == 2
    await mirror(engine, slow)._machines(None)
    assert [row["idle_s"] for _, row in slow.all("utilisation")] == [1800.0, 3600.0]


async def test_while_the_store_is_away_nothing_waits_in_memory_and_the_newest_state_comes_after(engine, store):
    await place(engine)
    one = mirror(engine, store)
    store.away = True
    running = asyncio.create_task(one.run())
    try:
        await take(engine, site.beam(1, at=NOW - HOUR))
        for _ in range(3):
            one.changed(["PO-1"])
            await asyncio.sleep(0)
        assert not store.rows
        store.away = False
        await store.hold(
            lambda: all(store.all(name) for name in ("evidence", "site_state", "material", "order", "delivery", "people"))
        )
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert store.newest("material", line="10")["arrived"] == 1.0


async def test_a_part_that_fails_does_not_hold_up_the_others(engine, store, monkeypatch):
    await place(engine)

    async def broken(*_arguments, **_more):
        raise ValueError("a mistake of ours")

    monkeypatch.setattr("tracking_service.mirror.loop.mirror_orders", broken)
    await mirror(engine, store)._turn(None)
    assert store.all("site_state")
    assert not store.all("material")


@pytest.fixture(params=["influx", "embedded"])
def series(request, tmp_path) -> str:
    if request.param == "embedded":
        return f"embedded:{tmp_path}/series.duckdb"
    server, database = request.getfixturevalue("influxdb"), request.getfixturevalue("influx_database")
    return f"influx:http://plumbline:secret@127.0.0.1:{server.port}/{database}"


async def test_both_real_stores_take_every_point_and_give_it_back(engine, series):
    real = await open_store(series)

    class Strict(Kept):
        """Beside what is kept in memory, the real store, which may refuse nothing."""

        async def write(self, points):
            await super().write(points)
            refused = await real.write(points)
            assert not refused, refused[0]
            return refused

    store = Strict()
    now = NOW
    one = Mirror(engine=engine, writer=store, sites=site.SITES, now_ns=lambda: now)
    try:
        await place(engine, lines=[due("10", -1), due("20", 1), due("30", 100)], deliveries=[])
        await site.put_gateway(engine, data_until=NOW, last_seen=NOW)
        await one.write()
        await take(
            engine,
            *(site.scan(f"PL1:PO-1/{line}/{n}", at=NOW - HOUR) for line in (10, 20, 30) for n in range(4)),
            site.state("working", at=NOW - 3 * HOUR),
            site.check_in("ann", at=NOW - HOUR),
        )
        now += MINUTE
        await one.write()
        hours = await real.latest(site.SITE, "utilisation", 0)
    finally:
        await real.aclose()
    names = {"material", "milestone", "order", "delivery", "evidence", "people", "site_state", "utilisation"}
    assert {name for name, _, _ in store.rows} == names
    assert names < MIRRORED
    assert [(row.device, row.at) for row in hours] == [("crane-1", NOW)]
    assert hours[0].fields["working_s"] == 0.0
    assert hours[0].fields["unknown_s"] == 60.0


async def test_the_service_mirrors_into_the_real_store(engine, series):
    real = await open_store(series)
    now = time.time_ns()
    await place(engine, now)
    await site.put_gateway(engine, data_until=now)
    await take(engine, site.state("working", at=now - HOUR))
    service = TrackingService(engine=engine, series=real, writer=real, sites=site.SITES, port=0)
    running = asyncio.create_task(service.run())
    hours: Sequence[LatestRow] = ()
    try:
        async with asyncio.timeout(120):
            while not hours:
                await asyncio.sleep(0.05)  # the pause of a poll: the store has no word for 'written'
                hours = await real.latest(site.SITE, "utilisation", now - 3 * HOUR)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await real.aclose()
    assert [row.device for row in hours] == ["crane-1"]
    assert hours[0].fields["unknown_s"] < 3600.0
    assert set(hours[0].fields) >= {"working_s", "idle_s", "off_s", "fault_s", "unknown_s"}
