"""The company document: taken in once, changed by another, asked by code."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests import tracking_site as site
from tracking_service import company
from tracking_service.api import create_app
from tracking_service.api.company import add_company
from tracking_service.api.wall import Wall
from tracking_service.company.tables import article_code, company_code, person
from tracking_service.document import CompanyDocument, OrderDocument, read_company
from tracking_service.document.company import TemplateDocument
from tracking_service.document.template import completed, lacking
from tracking_service.errors import OrderRefusedError

INSPECTION = {"check": "rebar", "title": {"en": "Rebar", "zh": "钢筋"}, "kind": "hold", "photo_required": True}
DOCUMENT = {
    "company": "north",
    "title": {"en": "North Bridges", "zh": "北方桥梁"},
    "people": [
        {"id": "li", "name": "Li Na", "roles": ["quality", "foreman"], "email": "li@example.org", "language": "zh", "badges": ["B-7"]},
        {"id": "kim", "name": "Kim"},
    ],
    "suppliers": [
        {"id": "steel", "title": {"en": "Steel", "zh": "钢厂"}, "prefixes": ["9506"]},
        {"id": "bolts", "title": {"en": "Bolts", "zh": "螺栓厂"}, "prefixes": ["9506000"]},
    ],
    "equipment": [{"id": "crane-1", "title": {"en": "Crane", "zh": "塔吊"}, "codes": ["CR1"]}],
    "articles": [{"code": "M20", "title": {"en": "Bolt M20", "zh": "螺栓 M20"}, "also": ["4711", "B20"], "gtins": [site.GTIN]}],
    "templates": [
        {
            "id": "bridge",
            "title": {"en": "Bridge", "zh": "桥梁"},
            "requires": ["customer", "due"],
            "technical": ["span"],
            "inspections": [INSPECTION],
            "tasks": [{"key": "piers", "title": {"en": "Piers", "zh": "桥墩"}}],
        }
    ],
}  # fmt: skip


def document(**changes) -> CompanyDocument:
    return read_company(json.dumps(DOCUMENT | changes).encode(), "company.json")


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def test_the_same_document_twice_changes_nothing_and_another_replaces_it(engine):
    async with engine.begin() as connection:
        assert await company.apply(connection, document(), 1)
        assert not await company.apply(connection, document(), 2)
        assert await company.apply(connection, document(people=DOCUMENT["people"][1:], articles=[]), 3)
        assert list((await connection.execute(select(person.c.id))).scalars()) == ["kim"]
        assert list((await connection.execute(select(company_code.c.code))).scalars()) == ["CR1"]
        assert (await connection.execute(select(article_code))).all() == []


async def test_it_answers_by_person_code_article_and_pallet(engine):
    async with engine.begin() as connection:
        await company.apply(connection, document(), 1)
        people = await company.people(connection)
        assert people["li"].roles == {"quality", "foreman"}
        assert set(await company.people(connection, ["kim"])) == {"kim"}
        names = await company.names_of(connection, ["B-7", "CR1", "nobody"])
        assert {code: (known.kind, known.id) for code, known in names.items()} == {
            "B-7": ("person", "li"),
            "CR1": ("equipment", "crane-1"),
        }
        articles = await company.articles_of(connection, ["B20", site.GTIN, "other"])
        assert articles == dict.fromkeys(("B20", site.GTIN), frozenset({"M20", "4711", "B20", site.GTIN}))
        assert await company.supplier_of(connection, site.SSCC) == "bolts" if site.SSCC[1:8] == "9506000" else "steel"
        assert await company.supplier_of(connection, "0" * 18) is None


async def test_a_template_says_what_an_order_lacks_and_gives_it_the_work(engine):
    async with engine.begin() as connection:
        assert "no company document" in await company.template(connection, "bridge")
        await company.apply(connection, document(), 1)
        assert await company.template(connection, "tunnel") == "there is no template 'tunnel'; use bridge"
        template = await company.template(connection, "bridge")
    order = OrderDocument.model_validate(site.order(template="bridge"))
    assert lacking(order, template) == [
        "due: template 'bridge' asks for it",
        "technical.span: template 'bridge' asks for it",
    ]
    whole = OrderDocument.model_validate(site.order(due="2027-01-01T00:00:00Z", technical={"span": "32 m"}))
    assert lacking(whole, template) == []
    filled = completed(whole, template)
    assert [task.key for task in filled.tasks] == ["piers"]
    assert [inspection.check for inspection in filled.inspections] == ["rebar"]
    assert completed(filled, template) == filled


def test_a_template_does_not_ask_for_the_work_that_it_gives():
    task = {"key": "pier", "title": {"en": "Pier", "zh": "桥墩"}}
    told = {"id": "bridge", "title": {"en": "Bridge", "zh": "桥"}, "requires": ["tasks", "lines"]}
    order = OrderDocument.model_validate(site.order(tasks=[]))
    assert lacking(order, TemplateDocument.model_validate(told)) == ["tasks: template 'bridge' asks for it"]
    assert lacking(order, TemplateDocument.model_validate(told | {"tasks": [task]})) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"people": [DOCUMENT["people"][0], {"id": "li", "name": "Other"}]}, "people: 'li' stands there twice"),
        ({"equipment": [{"id": "x", "title": {"en": "x", "zh": "x"}, "codes": ["B-7"]}]}, "codes: 'B-7' stands there twice"),
        ({"articles": [DOCUMENT["articles"][0], {"code": "4711", "title": {"en": "x", "zh": "x"}}]}, "'4711' stands there"),
        ({"suppliers": [{"id": "s", "title": {"en": "x", "zh": "x"}, "prefixes": ["12"]}]}, "suppliers.0.prefixes.0"),
    ],
)
def test_a_mistake_is_named_with_its_place(changes, said):
    with pytest.raises(OrderRefusedError, match=r"company.json: ") as refused:
        document(**changes)
    assert said in str(refused.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_company_or_refused(data):
    with pytest.raises(OrderRefusedError):
        read_company(data, "company.json")


async def test_the_api_takes_a_company_and_gives_it_back(engine):
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, ledger=None)
    app = create_app(wall=wall, more=lambda app: add_company(app, wall, lambda _outcome: None))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        assert (await client.get("/api/company")).status_code == 404
        assert (await client.post("/api/company", json=DOCUMENT)).json() == {"company": "north", "status": "added"}
        assert (await client.post("/api/company", json=DOCUMENT)).json()["status"] == "unchanged"
        assert (await client.get("/api/company")).json()["people"][0]["name"] == "Li Na"
        refused = await client.post("/api/company", json=DOCUMENT | {"people": [{"id": "x y", "name": "X"}]})
        assert refused.status_code == 422
        assert "people.0.id" in refused.json()["detail"]
