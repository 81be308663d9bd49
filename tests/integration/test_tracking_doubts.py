"""Names in an order that nobody knows are told with the answer, and taken in."""

import time
from dataclasses import dataclass

import httpx
import msgspec
import pytest

from tests import tracking_site as site
from tracking_service import company
from tracking_service.api import create_app
from tracking_service.api.wall import Wall
from tracking_service.document import CompanyDocument

TITLE = {"en": "North", "zh": "北方"}
COMPANY = {
    "company": "north",
    "title": TITLE,
    "people": [{"id": "wang", "name": "Wang"}],
    "suppliers": [{"id": "hb-steel", "title": TITLE}],
}
CRANE = {"equipment_working": {"equipment": ["crane-l"], "minutes": 5}}


@dataclass
class Asked:
    """The answers to an order, before and after the company document came."""

    before: list[str]
    after: list[str]
    refused: str


@pytest.fixture
async def asked(database_url) -> Asked:
    engine = await site.database(database_url)
    lines = [line | {"supplier": "hb-stel"} for line in site.order()["lines"]]
    milestones = [site.order()["milestones"][0] | {"owner": "nobody-here", "policy": CRANE}]
    order = site.order(lines=lines, milestones=milestones)
    strict = {site.SITE: msgspec.structs.replace(site.SITES[site.SITE], unknown_devices="set_aside")}
    answers: list[httpx.Response] = []
    for sites, known in ((site.SITES, False), (site.SITES, True), (strict, True)):
        if known:
            async with engine.begin() as connection:
                await company.apply(connection, CompanyDocument.model_validate(COMPANY), time.time_ns())
        wall = Wall(engine=engine, series=site.MemorySeries(), sites=sites, profiles={}, plans={}, ledger=None)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(wall=wall)), base_url="http://test"
        ) as client:
            answers.append(await client.post("/api/orders", json=order | {"customer": str(len(answers))}))
    await engine.dispose()
    return Asked(answers[0].json()["warnings"], answers[1].json()["warnings"], answers[2].text)


async def test_suppliers_and_owners_are_held_against_the_company_document_where_there_is_one(asked):
    assert not any("company document" in each for each in asked.before)
    assert asked.after[:2] == [
        "lines.10.supplier and 2 more: the company document has no supplier 'hb-stel'; did you mean 'hb-steel'?",
        "milestones.beams.owner: the company document has no person 'nobody-here'; add it there, or correct the order",
    ]


async def test_a_device_that_the_site_does_not_know_is_told_where_it_takes_such_and_refused_where_it_does_not(asked):
    assert asked.before == asked.after[2:]
    assert "has no device 'crane-l'; did you mean 'crane-1'?" in asked.before[0]
    assert "there is no device 'crane-l'" in asked.refused
