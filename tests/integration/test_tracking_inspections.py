"""Inspections seen on site find the point that they were of, or wait for a person; live equals rebuilt, on both databases."""

import json
import time
from zoneinfo import ZoneInfo

import httpx
import pytest

from plumbline.event import Inspection
from tests import tracking_site as site
from tracking_service import document, office
from tracking_service.acts import CompanyAct
from tracking_service.api import create_app
from tracking_service.api.linking import add_linking
from tracking_service.api.wall import Wall
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.rebuild import rebuild
from tracking_service.rooms.ground import Ground

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
S = 10**9
DAY = 86_400 * S
PHOTO = "a" * 64


def order(number="PO-1", check="weld", **point):
    plan = {"check": check, "title": {"en": "Weld seam", "zh": "焊缝"}, **point}
    milestone = {"key": "weld", "title": {"en": "Welded", "zh": "已焊"}, "policy": {"inspection_passed": {"checks": [check]}}}
    return site.order(number=number, inspections=[plan], milestones=[milestone], deliveries=[])


class Works:
    """A company with a database, a clock and an API."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.now = time.time_ns() // S * S
        self.wall = Wall(
            engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, now_ns=lambda: self.now
        )
        app = create_app(wall=self.wall, more=lambda app: add_linking(app, self.wall))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")

    async def place(self, told) -> None:
        self.now += S
        async with self.engine.begin() as connection:
            parsed = document.read(json.dumps(told).encode(), "test")
            await import_order(connection, parsed, sites=site.SITES, zones=ZONES, now=self.now)

    async def staff(self, *, titles=(), **roles) -> None:
        self.now += S
        people = [{"id": name, "name": name.title(), "roles": told, "badges": [f"B-{name}"]} for name, told in roles.items()]
        company = {"company": "acme", "title": {"en": "Acme", "zh": "甲"}, "people": people, "roles": list(titles)}
        async with self.engine.begin() as connection:
            await office.record(connection, CompanyAct(document=company), Ground(site.SITES, ZONES, self.now))

    async def see(self, check="weld", result="passed", **told) -> str:
        self.now += S
        event = Inspection(check=check, result=result, **told, **site.header(at=self.now))
        await site.post(self.engine, event)
        while await Intake(engine=self.engine, sites=site.SITES, now_ns=lambda: self.now).take():
            pass
        return event.id

    async def waits(self) -> dict[str, str]:
        """What waits: id and reason."""
        found = (await self.client.get("/api/unlinked", params={"site": site.SITE})).json()
        assert {one["kind"] for one in found} <= {"inspection"}
        assert all(one["reason"]["zh"] for one in found)
        return {one["event_id"]: one["reason"]["en"] for one in found}

    async def percent(self, number="PO-1") -> float:
        return (await self.client.get(f"/api/orders/{number}")).json()["milestones"][0]["percent"]

    async def why(self, number="PO-1") -> str:
        return (await self.client.get(f"/api/orders/{number}")).json()["milestones"][0]["why"]["en"]

    async def post(self, path, status=200, **body) -> str:
        self.now += S
        answer = await self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()["id"] if status == 200 else answer.text

    async def points(self, event, status=200):
        answer = await self.client.get(f"/api/unlinked/{event}/points")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def check(self) -> None:
        found = await rebuild(self.engine, sites=site.SITES, zones=ZONES, now=self.now)
        assert found.shown == []
        assert found.equal


@pytest.fixture
async def works(database_url):
    engine = await site.database(database_url)
    works = Works(engine)
    yield works
    await works.check()
    await works.client.aclose()
    await engine.dispose()


async def test_an_inspection_that_names_no_order_moves_the_only_one_that_has_its_point_and_opens_to_it(works):
    await works.place(order())
    event = await works.see(person="Li")
    assert await works.percent() == 100
    assert await works.waits() == {}
    proof = (await works.client.get("/api/milestones/PO-1~weld/evidence")).json()
    assert [one["event_id"] for one in proof] == [event]
    told = (await works.client.get("/api/wall", params={"site": site.SITE})).json()["activity"]
    assert "Inspection Weld seam: passed (PO-1)" in [one["text"]["en"] for one in told]
    await works.post(f"/api/events/{event}/void", why="a test")
    assert await works.percent() == 0
    await works.post(f"/api/events/{event}/restore", why="no test")
    assert await works.percent() == 100


async def test_one_that_two_orders_may_mean_waits_until_a_person_decides_and_the_decision_is_taken_back(works):
    await works.place(order())
    await works.place(order("PO-2"))
    event = await works.see(person="Li")
    assert await works.waits() == {event: "2 orders have the inspection 'weld': PO-1, PO-2"}
    await works.post("/api/orders/PO-2/inspections", check="weld", result="passed")
    first, second = await works.points(event)
    assert (first["order"], first["exact"], first["linkable"]) == ("PO-1", True, True)
    assert (second["order"], second["result"]) == ("PO-2", "passed")
    assert first["score"] == sum(part["points"] for part in first["parts"]) > second["score"]
    act = await works.post(f"/api/events/{event}/assign", order="PO-1", check="weld", person="Clerk")
    assert (await works.percent(), await works.waits()) == (100, {})
    assert "does not wait" in (await works.points(event, 404))["detail"]
    await works.post(f"/api/acts/{act}/void", why="the other one")
    assert await works.percent() == 0
    assert list(await works.waits()) == [event]
    await works.post(f"/api/events/{event}/assign", order="PO-1", check="weld")
    await works.post(f"/api/events/{event}/unlink", why="no weld at all")
    assert (await works.percent(), await works.waits()) == (0, {event: "it was taken off its order: no weld at all"})


async def test_what_came_before_its_order_falls_into_place_with_a_late_import(works):
    named = await works.see(order="PO-1", result="failed")
    other = await works.see("paint")
    bare = await works.see()
    assert await works.waits() == {
        named: "there is no order 'PO-1'",
        other: "no order of this site has an inspection 'paint'",
        bare: "no order of this site has an inspection 'weld'",
    }
    await works.place(order())
    assert await works.percent() == 100  # the later of the two decides
    assert list(await works.waits()) == [other]
    await works.place(order(check="paint"))  # the plan was changed: what it explained waits again
    assert sorted(await works.waits()) == sorted([named, bare])
    assert await works.percent() == 100


async def test_orders_that_are_imported_one_after_the_other_are_not_told_apart_by_which_came_first(works):
    event = await works.see()
    await works.place(order())
    assert await works.percent() == 100
    await works.place(order("PO-2"))
    assert await works.percent() == 0
    assert list(await works.waits()) == [event]


async def test_an_order_that_comes_later_takes_no_inspection_from_the_one_that_was_there(works):
    late = await works.see()
    await works.place(order())
    works.now += 8 * DAY
    await works.see()
    await works.place(order("PO-2"))
    assert await works.percent() == 100
    assert await works.waits() == {}
    await works.place(order("PO-1", note="changed") if False else order() | {"customer": "Another"})
    assert await works.percent() == 100
    await works.post(f"/api/events/{late}/unlink", why="x")


@pytest.mark.parametrize("person", ["wang", "Wang", "B-wang"])
async def test_the_inspectors_role_is_asked_for_on_site_as_in_the_office(works, person):
    await works.place(order(role="quality"))
    await works.staff(wang=["quality"], li=[])
    strange, nobody = await works.see(person="li"), await works.see()
    waits = await works.waits()
    assert "'li' has not the role 'quality'" in waits[strange]
    assert "of somebody with the role 'quality'" in waits[nobody]
    assert await works.percent() == 0
    refused = await works.post("/api/orders/PO-1/inspections", 422, check="weld", result="passed", person="li")
    assert "has not the role 'quality'" in refused
    refused = await works.post(f"/api/events/{strange}/assign", 422, order="PO-1", check="weld")
    assert "has not the role 'quality'" in refused
    (found,) = await works.points(nobody)
    assert (found["linkable"], found["exact"]) == (False, True)
    await works.post(f"/api/events/{nobody}/assign", order="PO-1", check="weld", inspector=person)
    assert await works.percent() == 100
    assert f"inspected by {person}" in await works.why()
    await works.post(f"/api/events/{nobody}/void", why="x")
    await works.see(person=person)
    assert await works.percent() == 100
    await works.staff(li=["quality"])  # who left has inspected all the same; who came in has now
    assert await works.waits() == {}
    assert await works.percent() == 100


async def test_roles_are_called_by_their_titles_in_the_readers_language_and_anew_when_the_company_renames_them(works):
    signed = {"key": "s", "title": {"en": "s", "zh": "s"}, "policy": {"signed_off": {"role": "site_engineer"}}}
    crew = {"crew_checked_in": {"place": "gate", "crew": [{"role": "Rigger", "people": 2}, {"role": "diver", "people": 1}]}}
    crewed = {"key": "c", "title": {"en": "c", "zh": "c"}, "policy": crew}
    await works.place(order(role="quality") | {"milestones": [signed, crewed]})

    async def told():
        return (await works.client.get("/api/orders/PO-1")).json()["milestones"]

    sign, come = await told()
    assert (sign["roles"], sign["role_titles"]) == (["site_engineer"], [{"en": "site engineer", "zh": "现场工程师"}])
    assert "现场工程师" in sign["policy"]["zh"]
    assert "现场工程师" in sign["why"]["zh"]
    assert "司索工" in come["policy"]["zh"]
    titles = [("site_engineer", "Resident engineer", "驻地工程师"), ("diver", "Diver", "潜水员"), ("quality", "QC", "质量员")]
    roles = [{"id": name, "title": {"en": en, "zh": zh}} for name, en, zh in titles]
    await works.staff(wang=["quality"], titles=roles)
    sign, come = await told()
    assert "驻地工程师" in sign["why"]["zh"]
    assert "Resident engineer" in sign["why"]["en"]
    assert "潜水员" in come["why"]["zh"]
    event = await works.see(person="li")
    (waiting,) = (await works.client.get("/api/unlinked")).json()
    assert "没有“质量员”角色" in waiting["reason"]["zh"]
    (point,) = await works.points(event)
    assert (point["role"], point["role_title"]) == ("quality", {"en": "QC", "zh": "质量员"})
    assert "没有“质量员”角色" in point["reason"]["zh"]


async def test_hidden_work_needs_its_picture_from_the_site_too(works):
    await works.place(order(photo_required=True))
    await works.see(person="Li")
    assert await works.percent() == 0
    assert "1 picture missing" in await works.why()
    await works.see(person="Li", photo=PHOTO)
    assert await works.percent() == 100


@pytest.mark.parametrize(
    ("check", "told", "part"),
    [
        ("WELD ", None, "alike"),
        ("weld-seam", None, "title"),
        ("焊缝", None, "title"),
        ("weld-07", None, "within"),
        ("x", "PO-1", "order"),
    ],
)
async def test_a_name_in_another_spelling_is_suggested_and_decides_nothing(works, check, told, part):
    await works.place(order())
    event = await works.see(check, order=told)
    assert await works.percent() == 0
    (found,) = await works.points(event)
    assert part in {one["name"] for one in found["parts"]}
    assert not found["exact"]


async def test_decisions_that_cannot_be_are_refused_with_what_to_do(works):
    await works.place(order())
    scan = site.beam(1)
    await site.post(works.engine, scan)
    event = await works.see("paint")
    assert "has no inspection 'paint'; it has weld" in await works.post(
        f"/api/events/{event}/assign", 422, order="PO-1", check="paint"
    )
    assert "no order 'PO-9'" in await works.post(f"/api/events/{event}/assign", 404, order="PO-9", check="weld")
    assert "no inspection" in await works.post(f"/api/events/{scan.id}/assign", 422, order="PO-1", check="weld")
    assert "assign it" in await works.post(f"/api/events/{event}/link", 422, line="PO-1~10")
    assert "belongs to no order" in await works.post(f"/api/events/{event}/unlink", 422, why="x")
    await works.post(f"/api/events/{event}/void", why="x")
    assert await works.waits() == {}
    assert "restore it first" in await works.post(f"/api/events/{event}/assign", 422, order="PO-1", check="weld")
