"""The intake on both databases: linking, idempotence, late and broken events, time."""

import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline import inbox
from tests import tracking_site as site
from tracking_service import document
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.outcome import Outcome
from tracking_service.tables import (
    activity,
    equipment_state,
    evidence,
    material_line,
    milestone,
    notice,
    presence,
    unlinked_scan,
)

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def place(engine: AsyncEngine, **changes) -> str:
    parsed = document.read(json.dumps(site.order(**changes)).encode(), "test")
    async with engine.begin() as connection:
        done = await import_order(connection, parsed, sites=site.SITES, zones=ZONES, now=time.time_ns())
    return done.status


async def drain(engine: AsyncEngine, **settings) -> list[Outcome]:
    heard: list[Outcome] = []
    intake = Intake(engine=engine, sites=site.SITES, heard=heard.append, **settings)
    while await intake.take():
        pass
    await intake.tick()
    return heard


async def rows(engine: AsyncEngine, table, *columns):
    async with engine.connect() as connection:
        statement = select(*(columns or table.c)).order_by(table.primary_key.columns.values()[0])
        return [tuple(row) for row in await connection.execute(statement)]


async def percent(engine: AsyncEngine, name: str = "beams") -> Decimal:
    async with engine.connect() as connection:
        statement = select(milestone.c.percent).where(milestone.c.id == f"PO-1~{name}")
        return (await connection.execute(statement)).scalar_one()


async def test_scans_move_lines_and_milestones_with_the_evidence_in_one_transaction(engine):
    await place(engine)
    scans = [
        site.beam(1),
        site.beam(2),
        site.scan("x", [("01", site.GTIN), ("10", "LOT7"), ("30", "10")]),
        site.scan("y", [("00", site.SSCC)]),
    ]
    await site.post(engine, *scans)
    (outcome,) = await drain(engine)
    assert [seen.event_id for seen in outcome.observed] == [scan.id for scan in scans]
    assert await rows(engine, material_line, material_line.c.id, material_line.c.arrived) == [
        ("PO-1~10", 2),
        ("PO-1~20", 10),
        ("PO-1~30", 8),
    ]
    assert await percent(engine) == 50
    assert await percent(engine, "all") == Decimal("83.33")
    assert len(await rows(engine, evidence)) == 4
    assert await rows(engine, inbox.inbox, inbox.inbox.c.processed_at) != [(None,)] * 4


async def test_the_same_unit_and_the_same_piece_arrive_once(engine):
    await place(engine)
    pallet = [site.scan("y", [("00", site.SSCC)]) for _ in range(3)]
    await site.post(engine, *pallet, site.beam(1), site.beam(1))
    (outcome,) = await drain(engine)
    assert [line[1] for line in await rows(engine, material_line, material_line.c.line, material_line.c.arrived)] == [1, 0, 8]
    assert [entry.text.en.startswith("Seen again") for entry in outcome.activity if entry.kind == "scan"] == [
        False,
        True,
        True,
        False,
        True,
    ]


async def test_taking_a_row_again_counts_nothing_twice(engine):
    await place(engine)
    await site.post(engine, site.beam(1), site.scan("x", [("01", site.GTIN), ("10", "LOT7")]), site.scan("hello"))
    await drain(engine)
    before = [await rows(engine, table) for table in (material_line, milestone, evidence, unlinked_scan, notice, activity)]
    async with engine.begin() as connection:
        await connection.execute(update(inbox.inbox).values(processed_at=None))
    await drain(engine)
    after = [await rows(engine, table) for table in (material_line, milestone, evidence, unlinked_scan, notice, activity)]
    assert after == before


async def test_an_event_that_cannot_be_read_is_set_aside_and_holds_nothing_back(engine):
    await place(engine)
    bad, good = site.beam(1), site.beam(2)
    async with engine.begin() as connection:
        await connection.execute(insert(inbox.inbox), [site.row(bad, b'{"kind":'), site.row(good)])
    await drain(engine)
    ((event_id, reason),) = await rows(engine, unlinked_scan, unlinked_scan.c.event_id, unlinked_scan.c.reason)
    assert (event_id, reason) == (bad.id, "unreadable")
    assert await percent(engine) == 25


async def test_what_no_database_text_can_hold_is_shown_not_refused(engine):
    await place(engine)
    hostile = ["nul\0l", "PL1:PO-1/10/\0", "\x1d" * 300, "'; DROP TABLE orders; --", "z" * 8192]
    await site.post(engine, *map(site.scan, hostile), site.scan("q", [("01", "\0" * 14), ("10", "x" * 256), ("21", "y" * 256)]))
    await site.post(engine, site.check_in("Zoë\0", place="\0"), site.state("fault"), site.beam(2))
    await drain(engine)
    assert await percent(engine) == 50
    assert len(await rows(engine, unlinked_scan)) == 5


async def test_a_row_that_the_database_refuses_is_found_and_set_aside(engine, monkeypatch):
    await place(engine)
    poison, good = site.beam(1), site.beam(2)
    from tracking_service.rooms import arrivals

    identify = arrivals.identify

    def broken(text, gs1):
        if text == poison.text:
            raise ZeroDivisionError("a rule that fails on this scan")
        return identify(text, gs1)

    monkeypatch.setattr(arrivals, "identify", broken)
    await site.post(engine, poison, good)
    await drain(engine)
    assert await percent(engine) == 25
    ((reason,),) = await rows(engine, unlinked_scan, unlinked_scan.c.reason_en)
    assert "a rule that fails" in reason


async def test_late_scans_recompute_on_observation_time(engine):
    await place(engine)
    start = time.time_ns() - site.HOUR
    pieces = [site.beam(piece, at=start + piece) for piece in range(1, 5)]
    await site.post(engine, pieces[3], pieces[1])
    await drain(engine)
    await site.post(engine, pieces[0], pieces[2])
    await drain(engine)
    async with engine.connect() as connection:
        done_at = (await connection.execute(select(milestone.c.done_at).where(milestone.c.id == "PO-1~beams"))).scalar_one()
    assert done_at == start + 4


async def test_an_order_that_comes_after_its_scans_finds_them(engine):
    await site.post(engine, site.beam(1), site.scan("y", [("00", site.SSCC)]), site.scan("stranger"))
    await drain(engine)
    assert len(await rows(engine, unlinked_scan)) == 3
    assert await place(engine) == "added"
    assert await percent(engine) == 25
    assert await rows(engine, unlinked_scan, unlinked_scan.c.text) == [("stranger",)]


async def test_the_same_document_changes_nothing_and_a_changed_one_is_applied_to_the_evidence(engine):
    await place(engine)
    await site.post(engine, *(site.beam(piece) for piece in range(4)))
    await drain(engine)
    assert await percent(engine) == 100
    assert await place(engine) == "unchanged"
    lines = site.order()["lines"]
    lines[0] = lines[0] | {"quantity": 8}
    assert await place(engine, lines=lines) == "changed"
    assert await percent(engine) == 50
    assert await place(engine, lines=lines[1:], milestones=[]) == "changed"
    assert {reason for (reason,) in await rows(engine, unlinked_scan, unlinked_scan.c.reason)} == {"unknown_line"}
    assert await place(engine) == "changed"
    assert await percent(engine) == 100
    assert await rows(engine, unlinked_scan) == []


async def test_each_step_and_the_completion_is_told_once_to_each_person(engine):
    await place(engine, milestones=site.order()["milestones"][:1])
    for piece in (1, 2, 2, 3, 4, 4):
        await site.post(engine, site.beam(piece))
        await drain(engine)
    told = await rows(engine, notice, notice.c.recipient, notice.c.dedup_key)
    kinds = [key.split("|")[1:] for recipient, key in told if recipient == "ann@example.org"]
    assert [kind[:2] if kind[0] == "passed" else kind[:1] for kind in kinds] == [
        ["passed", "25"],
        ["passed", "50"],
        ["passed", "75"],
        ["completed"],
    ]
    assert len(told) == 8


async def test_material_missing_at_its_date_is_told_once_but_not_while_a_gateway_is_silent(engine):
    due = "2026-01-01T08:00:00Z"
    plan = site.order()["milestones"][0] | {"due": due}
    await site.put_gateway(engine, online=False, data_until=1)
    await place(engine, milestones=[plan])
    await drain(engine)
    assert {kind for (kind,) in await rows(engine, notice, notice.c.kind)} == {"unknown"}
    async with engine.begin() as connection:
        await connection.execute(update(inbox.gateway).values(online=True, data_until=time.time_ns()))
    await drain(engine)
    await drain(engine)
    told = await rows(engine, notice, notice.c.recipient, notice.c.subject, notice.c.kind)
    assert sorted((recipient, subject) for recipient, subject, kind in told if kind == "late") == [
        ("ann@example.org", "[PO-1] Beams on site: due, and missing 4 pcs Beam"),
        ("li@example.org", "[PO-1] 钢梁到场：已到期，缺 钢梁 4 件"),
    ]


async def test_the_newest_word_on_a_person_and_a_machine_counts(engine):
    at = time.time_ns()
    await site.post(
        engine,
        site.state("working", at=at + 10),
        site.state("working", at=at + 20),
        site.check_in("Li", "out", at=at + 5),
        site.check_in("Li", "in", at=at + 6),
    )
    await drain(engine)
    await site.post(engine, site.state("idle", at=at), site.check_in("Li", "out", at=at + 4), site.check_in("Ann", at=at))
    await drain(engine)
    assert await rows(engine, equipment_state, equipment_state.c.state, equipment_state.c.since) == [("working", at + 10)]
    assert sorted(await rows(engine, presence, presence.c.person, presence.c.direction)) == [("Ann", "in"), ("Li", "in")]


async def test_gateways_that_come_and_go_stand_among_the_activity_once(engine):
    await site.put_gateway(engine, online=False)
    first = await drain(engine)
    again = await drain(engine)
    assert [entry.text.en for outcome in first for entry in outcome.activity] == ["Gateway gw-1 went offline"]
    assert again == []


async def test_postgresql_says_that_rows_wait_without_being_asked(postgresql, unique_name):
    import asyncio

    from sqlalchemy import text

    engine = await site.database(postgresql.new_database(unique_name("listen")))
    taken = asyncio.Event()
    intake = Intake(engine=engine, sites=site.SITES, heard=lambda outcome: outcome.observed and taken.set(), poll_s=3600)
    task = asyncio.create_task(intake.run())
    try:
        while True:  # until it listens: a connection of its own, which says so in pg_stat_activity
            async with engine.connect() as connection:
                statement = text(
                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                )
                if (await connection.execute(statement)).scalar_one():
                    break
        await site.post(engine, site.beam(1))
        async with engine.begin() as connection:
            await connection.execute(text("NOTIFY plumbline_inbox"))
        await asyncio.wait_for(taken.wait(), 60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()


async def test_two_workers_share_the_inbox_and_count_everything_once(engine):
    import asyncio

    await place(
        engine, lines=[site.order()["lines"][0] | {"quantity": 200}], deliveries=[], milestones=[site.order()["milestones"][0]]
    )
    await site.post(engine, *(site.beam(piece) for piece in range(200)))
    await asyncio.gather(*(drain(engine, batch=7) for _ in range(2)))
    await drain(engine)
    assert await percent(engine) == 100
    assert len(await rows(engine, evidence)) == 200


async def test_the_migrated_tables_are_those_of_the_models(engine):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from tracking_service.tables import metadata

    def differences(connection):
        def ours(name: str, kind: str, _parents: object) -> bool:
            return kind != "table" or name in metadata.tables

        return compare_metadata(MigrationContext.configure(connection, opts={"include_name": ours}), metadata)

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
