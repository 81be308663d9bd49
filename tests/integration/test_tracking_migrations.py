"""What tracking's migrations take over from before, on both databases."""

import time

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, select, text

import tracking_service
from plumbline.event import Inspection
from plumbline.site import Zones
from tests import tracking_site as site
from tracking_service.document import OrderDocument
from tracking_service.intake import Intake
from tracking_service.notices.tables import due_told
from tracking_service.orders import import_order
from tracking_service.rebuild import rebuild
from tracking_service.rooms.tables import inspection
from tracking_service.schema import _FOLDER
from tracking_service.tables import inspection_point, machine_hours, machine_state, material_line, milestone


def back_to(revision: str):
    """A downgrade, for `run_sync`."""

    def downgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(_FOLDER))
        config.attributes |= {"connection": connection, "version_table": "alembic_tracking"}
        command.downgrade(config, revision)

    return downgrade


async def test_machines_that_told_their_state_before_there_were_hours_have_them_too(database_url):
    engine = await site.database(database_url)
    now = time.time_ns()
    early = [site.state("working", at=now - 5), site.state("off", at=now - 4, device="mixer"), site.beam(1, at=now)]
    await site.post(engine, *early)
    while await Intake(engine=engine, sites=site.SITES).take():
        pass
    async with engine.begin() as connection:
        await connection.run_sync(back_to("20261122_manifest"))
    waiting = site.state("idle", at=now - 3)
    await site.post(engine, waiting)
    await tracking_service.migrate(engine)
    async with engine.connect() as connection:
        told = {
            tuple(row)
            for row in await connection.execute(select(machine_state.c.event_id, machine_state.c.state, machine_state.c.at))
        }
        hours = {row.device: row for row in await connection.execute(select(machine_hours))}
    assert told == {(early[0].id, "working", now - 5), (early[1].id, "off", now - 4)}
    assert hours["crane-1"].dirty_from == hours["crane-1"].known_until == now - 5
    while await Intake(engine=engine, sites=site.SITES).take():  # what waited is taken in as ever
        pass
    async with engine.connect() as connection:
        assert len((await connection.execute(select(machine_state))).all()) == 3
    await engine.dispose()


async def test_what_was_told_of_due_dates_goes_back_to_where_older_versions_look_and_lines_stay(database_url):
    engine = await site.database(database_url)
    now = time.time_ns()
    async with engine.begin() as connection:
        await import_order(connection, OrderDocument.model_validate(site.order()), sites=site.SITES, zones={}, now=now)
        one = (await connection.execute(select(milestone.c.id).order_by(milestone.c.id))).scalars().first()
        await connection.execute(insert(due_told).values(milestone_id=one, due=now, what="late"))
        await connection.run_sync(back_to("20261122_model"))
        before = (await connection.execute(text(f"SELECT short_told FROM milestone WHERE id = '{one}'"))).scalar_one()
    await tracking_service.migrate(engine)
    async with engine.connect() as connection:
        lines = (await connection.execute(select(material_line.c.line))).scalars().all()
        told = (await connection.execute(select(due_told.c.due))).scalars().all()
    assert (before, told) == (now, [now])
    assert len(lines) == len(site.order()["lines"])
    await engine.dispose()


async def test_orders_and_inspections_of_before_have_their_points_and_are_linked_from_now_on(database_url):
    engine = await site.database(database_url)
    now = time.time_ns()
    plan = [{"check": "weld", "title": {"en": "Weld", "zh": "焊缝"}, "role": "quality", "photo_required": True}]
    asked = {"key": "p", "title": {"en": "p", "zh": "p"}, "policy": {"inspection_passed": {"checks": ["weld", "paint"]}}}
    told = OrderDocument.model_validate(site.order(inspections=plan, milestones=[asked]))
    async with engine.begin() as connection:
        await import_order(connection, told, sites=site.SITES, zones={}, now=now)
    await site.post(engine, Inspection(check="weld", result="passed", order="PO-1", **site.header(at=now)))
    while await Intake(engine=engine, sites=site.SITES).take():
        pass
    async with engine.begin() as connection:
        before = set(await connection.execute(select(inspection_point)))
        checks = set(await connection.execute(select(inspection)))
        await connection.run_sync(back_to("20261122_suppliers"))
    await tracking_service.migrate(engine)
    async with engine.begin() as connection:
        assert set(await connection.execute(select(inspection_point))) == before
        assert {row.told_point for row in await connection.execute(select(inspection))} == {"weld"}
    assert {(row.point, row.role, row.photo) for row in before} == {("weld", "quality", True), ("paint", None, False)}
    assert len(checks) == 1
    await site.post(engine, Inspection(check="paint", result="passed", **site.header(at=now)))
    while await Intake(engine=engine, sites=site.SITES).take():
        pass
    found = await rebuild(engine, sites=site.SITES, zones=Zones(site.SITES), now=now, adopt=True)
    assert found.differing == {"inspection": 1}  # which role it had is not known of before
    await engine.dispose()
