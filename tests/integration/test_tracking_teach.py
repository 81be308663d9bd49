"""A clerk's decision teaches; what was taught, merged or packed is counted, and taking it back takes it back."""

import time
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from plumbline.event import Scan
from tests import tracking_site as site
from tracking_service import acts, office
from tracking_service.document import OrderDocument
from tracking_service.intake import Intake
from tracking_service.linking.tables import line_code
from tracking_service.orders import import_order
from tracking_service.rebuild import rebuild
from tracking_service.rooms.ground import Ground
from tracking_service.tables import material_line, unlinked_scan

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
PACK = "19506000134359"


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


def ground():
    return Ground(site.SITES, ZONES, time.time_ns())


def scan(text, gs1=None):
    return Scan(raw=text.encode(), text=text, gs1=gs1, **site.header(at=time.time_ns()))


async def place(engine, **changes):
    async with engine.begin() as connection:
        document = OrderDocument.model_validate(site.order(**changes))
        await import_order(connection, document, sites=site.SITES, zones=ZONES, now=time.time_ns())


async def take(engine, *events):
    await site.post(engine, *events)
    while await Intake(engine=engine, sites=site.SITES).take():
        pass


async def do(engine, act):
    async with engine.begin() as connection:
        await office.record(connection, act, ground())


async def arrived(engine, order="PO-1"):
    async with engine.connect() as connection:
        rows = await connection.execute(select(material_line).where(material_line.c.order_number == order))
        return {row.line: float(row.arrived) for row in rows}


async def waiting(engine):
    async with engine.connect() as connection:
        return set((await connection.execute(select(unlinked_scan.c.text))).scalars())


def lines(**changes):
    first, *rest = site.order()["lines"]
    return [first | changes, *rest]


async def test_what_is_taught_holds_for_what_waits_what_comes_and_other_orders_of_the_item(engine):
    await place(engine)
    await place(engine, number="PO-2", deliveries=[], lines=[line | {"batch": None} for line in site.order()["lines"]])
    first, second = scan("MAKER-77"), scan("MAKER-77")
    await take(engine, first, second)
    assert await waiting(engine) == {"MAKER-77"}
    await do(engine, acts.LinkAct(event=first.id, line="PO-1~10", quantity="2", teach=True, person="Li"))
    assert await waiting(engine) == set()
    assert (await arrived(engine))["10"] == 4
    await take(engine, scan("MAKER-77"))
    assert (await arrived(engine))["10"] == 6
    assert (await arrived(engine, "PO-2"))["10"] == 0  # it has neither GTIN nor label: the code is this line's alone


async def test_taking_the_decision_back_takes_back_what_it_taught(engine):
    await place(engine)
    first = scan("MAKER-77")
    await take(engine, first, scan("MAKER-77"))
    act = acts.LinkAct(event=first.id, line="PO-1~10", teach=True)
    await do(engine, act)
    assert (await arrived(engine))["10"] == 2
    await do(engine, acts.VoidAct(ref=act.id, why="the wrong line"))
    assert (await arrived(engine))["10"] == 0
    assert await waiting(engine) == {"MAKER-77"}
    await do(engine, acts.RestoreAct(ref=act.id, why="it was right"))
    assert (await arrived(engine))["10"] == 2


async def test_packs_and_suppliers_codes_count_what_they_hold(engine):
    await place(
        engine,
        lines=lines(
            codes=["SUP-1"], packs=[{"gtin": PACK, "quantity": 20}, {"code": "PALLET", "quantity": "60"}], quantity=200
        ),
    )
    await take(
        engine, scan("SUP-1"), scan("x", (("01", PACK), ("21", "7"))), scan("y", (("01", PACK), ("30", "2"))), scan("PALLET")
    )
    assert (await arrived(engine))["10"] == 1 + 20 + 40 + 60


async def test_merged_articles_count_from_the_moment_they_are_merged(engine):
    await place(engine, lines=lines(label="STEEL-A"))
    await take(engine, scan("OLD-4"))
    assert await waiting(engine) == {"OLD-4"}
    document = {"company": "n", "title": {"en": "N", "zh": "北"}}
    steel = {"code": "STEEL-A", "title": {"en": "Steel", "zh": "钢"}, "also": ["OLD-4"]}
    await do(engine, acts.CompanyAct(document=document | {"articles": [steel]}))
    assert (await arrived(engine))["10"] == 1
    await do(engine, acts.CompanyAct(document=document))
    assert (await arrived(engine))["10"] == 0
    assert await waiting(engine) == {"OLD-4"}


async def test_a_code_that_would_fit_two_lines_waits_for_a_person(engine):
    both = [line | {"codes": ["SAME"]} for line in site.order()["lines"]]
    await place(engine, lines=both)
    await take(engine, scan("SAME"))
    async with engine.connect() as connection:
        row = (await connection.execute(select(unlinked_scan))).first()
    assert row.reason == "ambiguous"
    assert "PO-1/10, PO-1/20, PO-1/30" in row.reason_en


async def test_what_was_taught_is_made_anew_from_the_log(engine):
    await place(engine)
    first = scan("MAKER-77")
    await take(engine, first, scan("MAKER-77"))
    await do(engine, acts.LinkAct(event=first.id, line="PO-1~20", quantity="3", teach=True))
    await place(engine, number="PO-2", deliveries=[])  # the same item under another order
    async with engine.connect() as connection:
        taught = set((await connection.execute(select(line_code.c.line_id).where(line_code.c.code == "MAKER-77"))).scalars())
    assert taught == {"PO-1~20", "PO-2~20"}
    found = await rebuild(engine, sites=site.SITES, zones=ZONES, now=time.time_ns())
    assert found.equal, found.shown
