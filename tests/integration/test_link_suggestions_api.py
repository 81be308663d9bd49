"""What waits gets its suggestions over the API, and each delivery tells how it came, on both databases."""

import time
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests import tracking_site as site
from tracking_service import company
from tracking_service.api import create_app
from tracking_service.api.linking import add_linking
from tracking_service.api.wall import Wall
from tracking_service.document import OrderDocument
from tracking_service.document.company import CompanyDocument
from tracking_service.intake import Intake
from tracking_service.orders import import_order

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
S = 10**9
DAY = 86_400 * S
NEXT, LATER, STRANGE = "095060001343000014", "095060001343000021", "040063810000000015"


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


def order():
    document = site.order()
    document["lines"][0] |= {"codes": ["ST-0012-35"], "packs": [{"quantity": 4, "code": "CRATE-77"}]}
    document["lines"][1] |= {"label": "M20-880"}
    document["lines"][2] |= {"supplier": "steel"}
    document["deliveries"] = [
        {"sscc": site.SSCC, "line": "30", "quantity": 4, "delivery_note": "DN-77"},
        {"sscc": NEXT, "line": "30", "quantity": 4, "delivery_note": "DN-77"},
    ]
    return document


class Office:
    """A site with an order, its clock, and a client of its API."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.now = time.time_ns() // S * S
        self._wall = Wall(
            engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, now_ns=lambda: self.now
        )
        app = create_app(wall=self._wall, more=lambda app: add_linking(app, self._wall))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")

    async def place(self):
        async with self.engine.begin() as connection:
            document = OrderDocument.model_validate(order())
            await import_order(connection, document, sites=site.SITES, zones=ZONES, now=self.now)
            suppliers = [{"id": "steel", "title": {"en": "Steel", "zh": "钢"}, "prefixes": ["4006381"]}]
            title = {"en": "Works", "zh": "公司"}
            known = CompanyDocument.model_validate({"company": "works", "title": title, "suppliers": suppliers})
            await company.apply(connection, known, self.now)

    async def scan(self, *scans):
        await site.post(self.engine, *scans)
        while await Intake(engine=self.engine, sites=site.SITES).take():
            pass
        return scans[-1].id

    async def suggestions(self, event, **asked):
        answer = await self.client.get(f"/api/unlinked/{event}/suggestions", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, path, **body):
        answer = await self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text

    async def deliveries(self):
        return (await self.client.get("/api/orders/PO-1/deliveries")).json()


@pytest.fixture
async def office(engine):
    office = Office(engine)
    await office.place()
    yield office
    await office.client.aclose()


@pytest.mark.parametrize(
    ("text", "gs1", "line", "part", "quantity"),
    [
        ("ST-0012-36", None, "PO-1~10", "near", 1),
        ("crate 77", None, "PO-1~10", "alike", 4),
        ("M20-88O", None, "PO-1~20", "alike", 1),
        ("9506000134353", None, "PO-1~20", "near", 1),
        ("01", [("01", site.GTIN), ("10", "LOT8"), ("30", "3")], "PO-1~20", "item", 3),
        ("00", [("00", LATER)], "PO-1~30", "next_unit", 4),
        ("00", [("00", STRANGE)], "PO-1~30", "supplier", 1),
        ("(00)09506000134300001", None, "PO-1~30", "near", 4),
        ("PL1:PO-2/20", None, "PO-1~20", "near", 1),
        ("PL1:PO-1/40", None, "PO-1~10", "near", 1),
        ("PLI:PO-1/10", None, "PO-1~10", "near", 1),
        ("https://steel.example/p?c=ST-0012-35", None, "PO-1~10", "within", 1),
    ],
)
async def test_a_scan_that_waits_is_explained(office, text, gs1, line, part, quantity):  # noqa: PLR0917 - one for each column
    best, *_ = await office.suggestions(await office.scan(site.scan(text, gs1, at=office.now)))
    assert "supplier steel" not in best["reason"]["en"]  # it is called by its title
    assert part != "supplier" or ("supplier Steel" in best["reason"]["en"] and "供应商 钢" in best["reason"]["zh"])
    assert (best["line"], best["parts"][0]["name"], best["quantity"]) == (line, part, quantity)
    assert best["linkable"]
    assert not best["exact"]
    assert best["score"] == sum(one["points"] for one in best["parts"])
    assert best["reason"]["zh"] != best["reason"]["en"]


async def test_what_the_same_device_scanned_just_before_speaks_for_an_order_and_a_delivery_note(office):
    pallet = site.scan("00", [("00", site.SSCC)], at=office.now - 60 * S)
    found = await office.suggestions(await office.scan(pallet, site.scan("no such code", at=office.now)))
    assert [(one["number"], one["parts"][0]["name"]) for one in found] == [("30", "note"), ("10", "order"), ("20", "order")]
    assert "DN-77" in found[0]["reason"]["en"]
    other = site.scan("no such code", at=office.now, device="scanner-2")
    assert await office.suggestions(await office.scan(other)) == []


async def test_a_suggestion_can_be_taken_and_then_waits_no_more(office):
    event = await office.scan(site.scan("crate 77", at=office.now))
    [best] = await office.suggestions(event, limit=1)
    await office.act(f"/api/events/{event}/link", line=best["line"], quantity=best["quantity"], teach=True)
    answer = await office.client.get(f"/api/unlinked/{event}/suggestions")
    assert answer.status_code == 404
    assert "linked to PO-1~10; unlink it first" in answer.json()["detail"]
    await office.scan(site.scan("crate 77", at=office.now + 1))
    assert (await office.client.get("/api/unlinked")).json() == []
    assert "lists those that do" in (await office.client.get("/api/unlinked/none/suggestions")).json()["detail"]


async def test_an_event_that_cannot_be_read_has_no_suggestions(office):
    event = site.beam(1, at=office.now)
    async with office.engine.begin() as connection:
        await connection.execute(site.insert(site.inbox.inbox), [site.row(event, b"{")])
    await office.scan(site.beam(2, at=office.now))
    assert await office.suggestions(event.id) == []


async def test_a_delivery_tells_what_came_short_over_back_and_corrected(office):
    [note] = await office.deliveries()
    assert [unit["state"] for unit in note["units"]] == ["expected", "expected"]
    first = site.scan("00", [("00", site.SSCC)], at=office.now)
    await office.scan(first, site.beam(1, at=office.now))
    note, loose = await office.deliveries()
    assert [unit["state"] for unit in note["units"]] == ["arrived", "waiting"]
    assert "1 of 2 units of delivery note DN-77 arrived" in note["reason"]["en"]
    assert (loose["note"], loose["loose"][0]["line"], loose["loose"][0]["arrived"]) == (None, "PO-1~10", 1)

    office.now += DAY
    note, _ = await office.deliveries()
    assert (note["short"], [unit["state"] for unit in note["units"]]) == (True, ["arrived", "missing"])
    assert "short delivery: unit 095060001343000014 with 4 pcs Plates" in note["reason"]["en"]
    assert note["units"][1]["lines"][0]["short"] == 4

    await office.act(f"/api/events/{first.id}/quantity", quantity=3, why="one is bent", person="Li")
    note, _ = await office.deliveries()
    portion = note["units"][0]["lines"][0]
    assert (portion["expected"], portion["arrived"], portion["short"], portion["corrected"]) == (4, 3, 1, 3)
    assert [(one["kind"], one["person"], one["quantity"]) for one in portion["acts"]] == [("quantity", "Li", 3)]
    assert [one["event_id"] for one in portion["scans"]] == [first.id]

    await office.act(f"/api/events/{first.id}/quantity", quantity=6, why="counted again")
    await office.act("/api/lines/PO-1~30/return", event=first.id, quantity=1, why="rust")
    await office.scan(site.scan("00", [("00", NEXT)], at=office.now))
    note, _ = await office.deliveries()
    portion = note["units"][0]["lines"][0]
    assert (portion["arrived"], portion["over"], portion["returned"], portion["corrected"]) == (6, 1, 1, 6)
    assert [unit["state"] for unit in note["units"]] == ["over", "arrived"]
    assert "1 pc Plates went back" in note["units"][0]["reason"]["en"]
    assert (await office.client.get("/api/orders/PO-9/deliveries")).status_code == 404


async def test_what_a_silent_gateway_may_have_seen_is_no_short_delivery(office):
    await site.put_gateway(office.engine, online=False, data_until=office.now + 60 * S)
    await office.scan(site.scan("00", [("00", site.SSCC)], at=office.now))
    office.now += 2 * DAY
    [note] = await office.deliveries()
    assert (note["short"], note["units"][1]["state"]) == (False, "unknown")
    assert "is not known" in note["units"][1]["reason"]["en"]
