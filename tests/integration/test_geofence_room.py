"""The room of visits on a real database: in whatever order and however often fixes come, the same visits."""

import asyncio
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from plumbline.database import open_engine
from plumbline.event import CheckIn, ClockReading, Fix, Scan
from plumbline.site import Device, Zone
from tests import tracking_site as site
from tracking_service.domain.facts import Need
from tracking_service.geofence import folding, room
from tracking_service.geofence.tables import DERIVED, checkpoint, contradiction, silence, tracker, visit
from tracking_service.log import append_events

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
GRID = site.site.grid
"""The gate is about 190 by 222 metres, the grid's origin in its middle."""
PLACES = {
    site.SITE: msgspec.structs.replace(
        site.site,
        devices=(
            *site.site.devices,
            Device(id="digger", title_en="Digger", title_zh="挖掘机", kind="machine", codes=("TAG-7",)),
            Device(id="pallet", title_en="Pallet tracker", title_zh="托盘定位器", kind="other", codes=(site.SSCC,)),
            Device(id="li", title_en="Li", title_zh="李工", kind="person", codes=("BADGE-1",)),
            Device(id="hand", title_en="Hand scanner", title_zh="手持扫码枪", kind="scanner"),
        ),
    )
}


def fix(second: float, east: float, north: float = 0, device: str = "digger", **changes: Any) -> Fix:
    lat, lon = GRID.position(east, north)
    known = site.header(device=device, at=START + round(second * SECOND))
    return Fix(**(known | {"lat": lat, "lon": lon, "accuracy_m": 5.0} | changes))


def drive() -> list[Fix]:
    """From 300 m west into the gate, three hours there, and on to 400 m east; then half an hour there."""
    come = [fix(5 * n, -300 + 20 * n) for n in range(15)]
    rest = [fix(100 + 30 * n, (n * 7) % 11, (n * 5) % 13) for n in range(360)]
    go = [fix(11_000 + 5 * n, 20 * n) for n in range(20)]
    return [*come, *rest, *go, *(fix(11_200 + 30 * n, 400 + n % 3) for n in range(60))]


async def contents(engine, *tables) -> dict[str, list[tuple]]:
    async with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in await connection.execute(select(table))), key=repr)
            for table in tables or DERIVED
        }


async def put(engine, events, *, places=PLACES, every: int = 1000) -> room.Touched:
    whole = room.Touched()
    for start in range(0, len(events), every):
        async with engine.begin() as connection:
            touched = await room.store(connection, events[start : start + every], sites=places)
        whole.needs |= touched.needs
        whole.changes += touched.changes
    await settled(engine, places=places)
    return whole


async def settled(engine, *, places=PLACES) -> int:
    turns = 0
    while True:
        async with engine.begin() as connection:
            touched = await room.settle(connection, sites=places)
        turns += 1
        if not touched.more:
            return turns


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A database file with every table, to be copied."""
    path = tmp_path_factory.mktemp("geofence") / "empty.db"

    async def make() -> None:
        engine = await site.database(f"sqlite+aiosqlite:///{path}")
        await engine.dispose()

    asyncio.run(make())
    return path


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def test_a_machine_comes_and_goes_and_the_times_are_those_of_the_border(engine):
    touched = await put(engine, drive(), every=50)
    (row,) = (await contents(engine, visit))["visit"]
    async with engine.connect() as connection:
        (stay,) = (await connection.execute(select(visit))).all()
    assert len(row) == 9
    assert (stay.site, stay.device, stay.zone) == (site.SITE, "digger", "gate")
    west = GRID.metres(31.2, 121.499)[0]
    assert (stay.since - START) / SECOND == pytest.approx((300 + west) / 4, abs=3)
    assert (stay.until - START) / SECOND == pytest.approx(11_000 - west / 4, abs=5)
    assert touched.needs == {Need("machine", f"{site.SITE}/digger")}
    async with engine.connect() as connection:
        need = Need("machine", f"{site.SITE}/digger")
        told = await room.facts(connection, [need, Need("line", "x")], sites=PLACES)
    assert [(one.zone, one.since, one.until, one.id) for one in told[need.key]] == [("gate", stay.since, stay.until, stay.id)]


async def test_fixes_that_come_again_change_nothing(engine):
    await put(engine, drive())
    before = await contents(engine, *DERIVED, tracker, checkpoint)
    await put(engine, drive()[:0])
    fixes = drive()
    await put(engine, fixes)
    again = await contents(engine)
    await put(engine, fixes)
    assert await contents(engine) == again
    assert len(before["movement"]) == len(drive())


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_order_they_come_in_the_visits_are_those_of_their_times(database_url, empty, seed):
    fixes = drive()
    shuffled = fixes.copy()
    random.Random(seed).shuffle(shuffled)
    engine = await site.database(database_url)
    await put(engine, shuffled, every=37)
    late = await contents(engine)
    await engine.dispose()
    with tempfile.TemporaryDirectory() as folder:
        other = open_engine(f"sqlite+aiosqlite:///{shutil.copy(empty, folder)}", durable=False)
        await put(other, fixes)
        assert late == await contents(other)
        await other.dispose()


@settings(max_examples=10)
@given(data=st.data())
def test_late_fixes_corrected_clocks_and_voided_events_leave_what_the_rest_says_in_order(empty, data):
    """Property: any interleaving of batches, repeats, moves and removals equals one pass over what is left, in order."""
    fixes = _wander(data.draw(st.integers(0, 10_000)))
    order = data.draw(st.permutations(range(len(fixes))))
    moved = data.draw(st.sets(st.integers(0, len(fixes) - 1), max_size=4))
    gone = data.draw(st.sets(st.integers(0, len(fixes) - 1), max_size=4))
    size = data.draw(st.sampled_from([3, 17, 50]))

    async def both() -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = [shutil.copy(empty, Path(folder) / name) for name in ("live.db", "rebuilt.db")]
            live, rebuilt = [open_engine(f"sqlite+aiosqlite:///{path}", durable=False) for path in paths]
            await put(live, [fixes[n] for n in order], every=size)
            corrected = {n: _corrected(fixes[n], data.draw(st.integers(-9_000, 9_000))) for n in sorted(moved)}
            await put(live, list(corrected.values()), every=2)
            async with live.begin() as connection:
                await room.remove(connection, [fixes[n].id for n in gone], sites=PLACES)
            await settled(live)
            last = [corrected.get(n, fixes[n]) for n in range(len(fixes)) if n not in gone]
            await put(rebuilt, sorted(last, key=lambda one: (one.at, one.id)))
            assert await contents(live) == await contents(rebuilt)
            await live.dispose()
            await rebuilt.dispose()

    asyncio.run(both())


def _wander(seed: int) -> list[Fix]:
    roll = random.Random(seed)
    east = north = second = 0.0
    found = []
    for _ in range(80):
        second += roll.choice([5, 30, 30, 600, 2_000])
        if roll.random() < 0.4:
            east, north = east + roll.gauss(0, 120), north + roll.gauss(0, 60)
        found.append(fix(second, east + roll.gauss(0, 10), north + roll.gauss(0, 10)))
    return found


def _corrected(one: Fix, by_s: int) -> Fix:
    clock = ClockReading(quality="free", boot="boot", mono=1, original=one.at)
    return msgspec.structs.replace(one, at=one.at + by_s * SECOND, clock=clock)


async def test_folding_anew_takes_turns_and_nobody_sees_it_half_done(engine, monkeypatch):
    fixes = drive()
    await put(engine, fixes[1:])
    before = await contents(engine, visit)
    monkeypatch.setattr(room, "_AT_ONCE", 20)
    monkeypatch.setattr(room, "_A_TURN", 30)
    async with engine.begin() as connection:
        touched = await room.store(connection, [fixes[0]], sites=PLACES)
    assert touched.more
    assert await contents(engine, visit) == before
    later = [fix(20_000 + 30 * n, 0) for n in range(3)]
    async with engine.begin() as connection:  # meanwhile the machine goes on
        await room.store(connection, later, sites=PLACES)
    assert len((await contents(engine, visit))["visit"]) == 2
    assert await settled(engine) > 10
    done = await contents(engine)
    monkeypatch.undo()
    async with engine.begin() as connection:
        await room.remove(connection, [one.id for one in [*fixes, *later]], sites=PLACES)
    await settled(engine)
    assert (await contents(engine, visit, tracker, checkpoint, silence)) == {
        "visit": [],
        "tracker": [],
        "checkpoint": [],
        "silence": [],
    }
    await put(engine, [*fixes, *later])
    assert await contents(engine) == done


async def test_a_zone_whose_border_moves_in_the_site_file_has_its_visits_found_anew(engine):
    await put(engine, drive())
    far = Zone(
        id="yard",
        title_en="Yard",
        title_zh="堆场",
        kind="storage",
        polygon=tuple(GRID.position(x, y)[::-1] for x, y in ((350, -50), (450, -50), (450, 50), (350, 50))),
    )
    moved = {site.SITE: msgspec.structs.replace(PLACES[site.SITE], zones=(far,))}
    async with engine.begin() as connection:
        touched = await room.settle(connection, sites=moved)
    assert touched.needs == {Need("machine", f"{site.SITE}/digger")}
    async with engine.connect() as connection:
        assert [row.zone for row in await connection.execute(select(visit))] == ["yard"]


async def test_codes_that_come_into_the_site_file_later_are_known_of_scans_of_before(engine):
    """And what a log of before this room holds is read in."""
    away = [fix(30 * n, 12_000) for n in range(10)]
    scan = scanned("TAG-7", 200)
    events = [*away, scan]
    await site.post(engine, *events)
    async with engine.begin() as connection:
        await append_events(connection, 0, [(event.id, event.site) for event in events], now=START)
    unknown = {site.SITE: site.site}
    await settled(engine, places=unknown)
    before = await contents(engine)
    assert (len(before["movement"]), before["claim"], before["contradiction"]) == (10, [], [])
    async with engine.begin() as connection:
        assert await room.behind(connection, sites=PLACES)
        touched = await room.settle(connection, sites=PLACES)
    assert [change.subject for change in touched.changes] == ["digger"]
    async with engine.begin() as connection:
        assert not await room.behind(connection, sites=PLACES)
        await room.settle(connection, sites=unknown)
    assert await contents(engine) == before


async def test_an_old_fix_needs_no_more_than_what_followed_its_hour(engine, monkeypatch):
    fixes = drive()
    await put(engine, fixes)
    folded = []
    monkeypatch.setattr(folding.fold, "step", lambda *given, step=folding.fold.step: folded.append(1) or step(*given))
    await put(engine, [fix(11_100, 390)])
    assert 0 < len(folded) < 200


async def test_visits_are_cut_where_the_tracker_was_silent_and_end_with_what_is_proved(engine):
    early = [fix(30 * n, 0) for n in range(20)]
    await put(engine, [*early, *(fix(9_000 + 30 * n, 3) for n in range(20))])
    async with engine.connect() as connection:
        told = await room.facts(connection, [Need("machine", f"{site.SITE}/digger")], sites=PLACES)
    spans = [((one.since - START) / SECOND, (one.until - START) / SECOND) for one in told[f"{site.SITE}/digger"]]
    assert spans == [(0, 570), (9_000, 9_570)]


async def test_a_machine_that_stands_in_a_zone_by_the_site_file_needs_no_tracker(engine):
    async with engine.connect() as connection:
        told = await room.facts(connection, [Need("machine", f"{site.SITE}/crane-1")], sites=PLACES)
    assert [(one.zone, one.since, one.until) for one in told[f"{site.SITE}/crane-1"]] == [("gate", 0, None)]


def scanned(text: str, second: float, **where: Any) -> Scan:
    return site.scan(text, at=START + round(second * SECOND), **where)


async def test_a_tag_scanned_here_while_its_gps_is_twelve_kilometres_away_is_a_task_with_both_sides(engine):
    away = [fix(30 * n, 12_000) for n in range(10)]
    scan = scanned("TAG-7", 200)
    touched = await put(engine, [*away, scan])
    (change,) = touched.changes
    assert change.kind == "contradiction"
    assert "Digger was scanned at Gate, but its GPS is 11.9 km away" in change.headline.en
    async with engine.connect() as connection:
        (task,) = (await connection.execute(select(contradiction))).all()
    assert (task.event_id, task.device, task.zone) == (scan.id, "digger", "gate")
    assert task.fix_id in {one.id for one in away}
    assert task.distance_m == pytest.approx(11_900, abs=20)
    assert task.resolved_at is None


async def test_it_is_closed_when_its_gps_agrees_again_and_gone_when_a_late_fix_shows_it_never_was(engine):
    scan = scanned("TAG-7", 200)
    await put(engine, [*(fix(30 * n, 12_000) for n in range(7)), scan])
    back = fix(2_000, 20)
    await put(engine, [back])
    async with engine.connect() as connection:
        (task,) = (await connection.execute(select(contradiction))).all()
    assert (task.resolved_at, task.resolved_id) == (back.at, back.id)
    await put(engine, [fix(201, 20)])
    assert (await contents(engine, contradiction))["contradiction"] == []


async def test_one_wrong_fix_among_right_ones_contradicts_nobody(engine):
    way = [fix(30 * n, 10 if n != 6 else 12_000) for n in range(12)]
    assert (await put(engine, [*way, scanned("TAG-7", 181)], every=3)).changes == []
    assert (await contents(engine, contradiction))["contradiction"] == []


async def test_material_is_known_by_the_code_of_its_tracker(engine):
    away = [fix(30 * n, 12_000, device="pallet") for n in range(10)]
    touched = await put(engine, [*away, site.scan("00" + site.SSCC, [("00", site.SSCC)], at=START + 150 * SECOND)])
    assert [change.subject for change in touched.changes] == ["pallet"]


@pytest.mark.parametrize("name", ["BADGE-1", "li"])
async def test_a_badge_at_the_gate_while_the_phone_is_elsewhere_is_a_task(engine, name):
    away = [fix(30 * n, 12_000, device="li") for n in range(10)]
    badge = site.check_in(name, at=START + 150 * SECOND, device="scanner-1")
    (change,) = (await put(engine, [badge, *away])).changes
    assert "Li checked in at Gate" in change.headline.en
    async with engine.begin() as connection:
        await room.remove(connection, [badge.id], sites=PLACES)
    assert (await contents(engine, contradiction))["contradiction"] == []


async def test_a_scanner_that_is_carried_is_where_its_own_fixes_say(engine):
    there = [fix(30 * n, 12_000, device="hand") for n in range(10)]
    digger = [fix(30 * n, 12_020) for n in range(10)]
    assert (await put(engine, [*there, *digger, scanned("TAG-7", 150, device="hand")])).changes == []
    home = [fix(600 + 30 * n, 0) for n in range(60)]
    (change,) = (
        await put(
            engine,
            [*home, *(fix(1_800 + 30 * n, 12_000, device="hand") for n in range(5)), scanned("TAG-7", 1_900, device="hand")],
        )
    ).changes
    assert "scanned at Hand scanner" in change.headline.en


async def test_a_truck_on_its_way_is_no_contradiction(engine):
    """It was 3 km away four minutes ago."""
    assert (await put(engine, [fix(0, 3_000), scanned("TAG-7", 240)])).changes == []


async def test_hostile_names_and_sites_without_a_file_are_kept_and_refuse_nothing(engine):
    strange = [fix(0, 0, site="nowhere"), fix(1, 0, device="a" * 64), scanned("x\0" * 400, 2), scanned("", 3)]
    person = CheckIn(person="p" * 256, place="\0", method="qr", direction="in", **site.header(at=START))
    touched = await put(engine, [*strange, person])
    assert touched.changes == []
