"""Orders against their plans, from the database: what the API shows and what people are warned of."""

import json
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import select, update

from tests import tracking_site as site
from tracking_service import company
from tracking_service.api import create_app
from tracking_service.api.plan import add_plan
from tracking_service.api.wall import Wall
from tracking_service.document import CompanyDocument, OrderDocument
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.outlooks import Outlooks, Watch
from tracking_service.tables import milestone, notice
from tracking_service.webhooks import hooks
from tracking_service.webhooks.hooks import WebhookDocument
from tracking_service.webhooks.tables import delivery

DAY = 24 * 3600 * 10**9
ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


def iso(at: int) -> str:
    return datetime.fromtimestamp(at // 10**9, UTC).isoformat()


async def place(engine, now: int, **changes) -> None:
    lines = [line | {"needed_by": iso(now + 5 * DAY)} for line in site.order()["lines"]]
    plan = {
        "start": iso(now - 10 * DAY),
        "due": iso(now + 30 * DAY),
        "lines": lines,
        "tasks": [
            {
                "key": "erect",
                "owner": "li",
                "title": {"en": "Erect", "zh": "安装"},
                "start": iso(now - 10 * DAY),
                "finish": iso(now + 10 * DAY),
            },
            {"key": "clad", "title": {"en": "Clad", "zh": "外装"}, "duration_days": 8, "after": [{"task": "erect"}]},
        ],
    }
    milestones = [one | {"task": "erect", "due": iso(now + 10 * DAY)} for one in site.order()["milestones"]]
    document = OrderDocument.model_validate(site.order(**(plan | {"milestones": milestones} | changes)))
    async with engine.begin() as connection:
        await import_order(connection, document, sites=site.SITES, zones=ZONES, now=now)


async def told(engine):
    async with engine.connect() as connection:
        return list(await connection.execute(select(notice).order_by(notice.c.id)))


async def test_an_order_says_what_its_plan_asks_for_by_now_when_lines_are_promised_and_who_must_sign(engine):
    now = time.time_ns()
    signed = {"key": "accepted", "title": {"en": "Accepted", "zh": "验收"}, "policy": {"signed_off": {"role": "supervisor"}}}
    half = site.order()["milestones"][0] | {"due": iso(now + 10 * DAY)}
    lines = [line | {"promised": iso(now + DAY), "supplier": "acme"} for line in site.order()["lines"]]
    changes = {"start": iso(now - 10 * DAY), "milestones": [half, signed], "lines": lines}
    document = OrderDocument.model_validate(site.order(**changes))
    async with engine.begin() as connection:
        await import_order(connection, document, sites=site.SITES, zones=ZONES, now=now)
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, ledger=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(wall=wall)), base_url="http://test") as client:
        order = (await client.get("/api/orders/PO-1")).json()
        act = {"person": "Li Wei", "role": "supervisor"}
        assert (await client.post("/api/milestones/PO-1~accepted/sign-off", json=act)).is_success
        after = (await client.get("/api/orders/PO-1")).json()
        acme = {"id": "acme", "title": {"en": "Acme Steel", "zh": "阿克美钢厂"}}
        owner = {"company": "north", "title": {"en": "North", "zh": "北方"}, "suppliers": [acme]}
        async with engine.begin() as connection:
            await company.apply(connection, CompanyDocument.model_validate(owner), now)
        named = (await client.get("/api/orders/PO-1")).json()
    arrived, accepted = order["milestones"]
    assert (order["site"], order["lines"][0]["supplier"], order["lines"][0]["supplier_title"]) == (site.SITE, "acme", None)
    assert named["lines"][0]["supplier_title"] == {"en": "Acme Steel", "zh": "阿克美钢厂"}
    assert datetime.fromisoformat(order["lines"][0]["promised"]) == datetime.fromisoformat(iso(now + DAY))
    assert (arrived["planned"], arrived["roles"], arrived["done_at"]) == (50.0, [], None)
    assert (accepted["planned"], accepted["roles"]) == (None, ["supervisor"])
    assert after["milestones"][1]["done_at"] is not None


async def test_the_api_shows_an_order_against_its_plan(engine):
    now = time.time_ns()
    await place(engine, now)
    await site.post(engine, *(site.beam(piece, at=now) for piece in range(1, 3)))
    while await Intake(engine=engine, sites=site.SITES).take():
        pass
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, ledger=None)
    people = {"company": "north", "title": {"en": "North", "zh": "北方"}, "people": [{"id": "li", "name": "李工"}]}
    async with engine.begin() as connection:
        await company.apply(connection, CompanyDocument.model_validate(people), now)
    app = create_app(wall=wall, more=lambda app: add_plan(app, wall))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        plan = (await client.get("/api/orders/PO-1/plan")).json()
        assert (await client.get("/api/orders/PO-9/plan")).status_code == 404
    erect, clad = plan["tasks"]
    assert 0 < erect["percent"] < 50
    assert erect["rag"] == "red"
    assert (erect["owner"], erect["owner_name"], clad["owner_name"]) == ("li", "李工", None)
    assert clad["after"] == ["erect"]
    assert plan["critical"] == ["erect", "clad"]
    assert plan["finish"] > iso(now + 10 * DAY)
    assert {one["line"] for one in plan["shortages"]} == {"10", "20", "30"}
    assert plan["expected"] is None
    assert 0 <= plan["health"]["points"] < 100
    assert {part["name"] for part in plan["health"]["parts"]} >= {"schedule", "material", "open_questions"}


async def test_people_are_warned_once_of_each_shortage(engine):
    now = time.time_ns()
    await place(engine, now)
    watch = Watch(engine=engine, zones=ZONES)
    assert len(await watch.look()) == 3
    first = await told(engine)
    assert any("Beam" in row.subject or "钢梁" in row.subject for row in first)
    assert await watch.look() == []
    await Watch(engine=engine, zones=ZONES).look()  # another process knows it by the outbox
    assert len(await told(engine)) == len(first)


async def test_another_system_is_told_once_of_each_shortage_whoever_looks_and_how_often(engine):
    now = time.time_ns()
    await place(engine, now)
    async with engine.begin() as connection:
        for _ in range(2):
            await hooks.add(connection, WebhookDocument(url="https://erp.example.org/"), now=now)
    first = Watch(engine=engine, zones=ZONES)
    await first.look()
    for _ in range(2):  # the service was started anew, and another one runs beside it
        await Watch(engine=engine, zones=ZONES).look()
    async with engine.connect() as connection:
        rows = (await connection.execute(select(delivery.c.webhook, delivery.c.body, delivery.c.message))).all()
    assert len(rows) == 6
    assert len({row.message for row in rows}) == 6
    assert len({(row.webhook, json.loads(row.body)["data"]["subject"]) for row in rows}) == 6


async def test_a_finish_that_moves_is_news_and_the_first_is_not(engine):
    now = time.time_ns()
    await place(engine, now)
    await _finished_before(engine, now, pace=1.0)
    clock = [now]
    watch = Watch(engine=engine, zones=ZONES, now_ns=lambda: clock[0])
    assert {change.kind for change in await watch.look()} == {"shortage"}
    clock[0] += 12 * DAY  # nothing came since
    moved = [change for change in await watch.look() if change.kind == "forecast"]
    assert [change.order for change in moved] == ["PO-1"]
    assert "later than before" in moved[0].headline.en
    assert [change for change in await watch.look() if change.kind == "forecast"] == []


async def test_what_happened_before_is_read_from_finished_work_and_deliveries(engine):
    now = time.time_ns()
    await place(engine, now)
    await _finished_before(engine, now, pace=1.5)
    async with engine.connect() as connection:
        before = await Outlooks(ZONES).before(connection, now)
        found = await Outlooks(ZONES).of(connection, "PO-1", now)
    assert before.paces.quantile(0.5) == pytest.approx(1.5)
    assert found.expected.paces == 6
    assert found.expected.p50 > now + 10 * DAY


async def test_tasks_that_wait_for_each_other_by_their_summaries_hold_nothing_up(engine):
    now = time.time_ns()
    tasks = [
        {"key": "phase", "title": {"en": "Phase", "zh": "阶段"}},
        {"key": "part", "title": {"en": "Part", "zh": "部分"}, "parent": "phase", "after": [{"task": "phase"}]},
    ]
    await place(engine, now, tasks=tasks, milestones=site.order()["milestones"])
    assert await Watch(engine=engine, zones=ZONES).look() == []


async def _finished_before(engine, now: int, *, pace: float) -> None:
    """Six milestones of another order, done in so many times their planned time."""
    plans = [site.order()["milestones"][0] | {"key": f"m{n}", "due": iso(now - 10 * DAY)} for n in range(6)]
    old = site.order(number="PO-0", milestones=plans, start=iso(now - 30 * DAY), deliveries=[])
    async with engine.begin() as connection:
        await import_order(connection, OrderDocument.model_validate(old), sites=site.SITES, zones=ZONES, now=now)
        start = (await connection.execute(select(milestone.c.start).where(milestone.c.id == "PO-0~m0"))).scalar_one()
        done = start + round(20 * DAY * pace)
        await connection.execute(update(milestone).where(milestone.c.order_number == "PO-0").values(done_at=done, percent=100))


async def test_a_policy_names_places_and_machines_as_people_do(engine):
    now = time.time_ns()
    crew = {"crew_checked_in": {"place": "gate", "crew": [{"people": 2}]}}
    crane = {"equipment_working": {"equipment": ["crane-1"], "minutes": 5}}
    begun = {"key": "begun", "title": {"en": "Begun", "zh": "开工"}, "policy": {"all_of": [crew, crane]}}
    await place(engine, now, tasks=[], milestones=[begun])
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, ledger=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(wall=wall)), base_url="http://test") as client:
        (milestone_,) = (await client.get("/api/orders/PO-1")).json()["milestones"]
    assert "at Gate" in milestone_["policy"]["en"]
    assert "Tower crane" in milestone_["policy"]["en"]
    assert "塔吊" in milestone_["policy"]["zh"]
