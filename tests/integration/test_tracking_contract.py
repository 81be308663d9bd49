"""The API's contract as tools and people read it, of the whole service; and orders page by page."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from tests import tracking_site as site
from tracking_service.api.contract import _SAYS
from tracking_service.service import TrackingService


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    engine = await site.database(database_url)
    service = TrackingService(engine=engine, series=site.MemorySeries(), sites=site.SITES, port=0)
    task = asyncio.create_task(service.run())
    ready = asyncio.create_task(service.ready())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=120) as client:
        yield client
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await engine.dispose()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


async def test_every_reference_of_the_contract_leads_somewhere_and_every_error_is_a_problem(client):
    contract = (await client.get("/openapi.json")).json()
    found = set(references(contract))
    for reference in found:
        at: Any = contract
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]
        assert at
    assert "$defs" not in str(contract)
    assert "#/components/schemas/LinkAct" in found
    operations = {f"{method.upper()} {path}": one for path, each in contract["paths"].items() for method, one in each.items()}
    for operation in operations.values():
        assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
        assert "422" not in operation["responses"]


async def test_every_operation_says_in_a_sentence_what_it_does(client):
    contract = (await client.get("/openapi.json")).json()
    said = {
        f"{method.upper()} {path}": one["summary"] for path, each in contract["paths"].items() for method, one in each.items()
    }
    assert [name for name, summary in said.items() if not summary.endswith(".")] == []
    assert set(_SAYS) <= set(said)


class Page(HTMLParser):
    """What a page links to, fetches, and offers as a place to link to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.links.append(value)
            if name == "id" and value:
                self.places.add(value)


async def test_the_page_for_people_needs_no_other_host_and_no_script_and_its_links_lead_somewhere(client):
    answer = await client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = Page()
    page.feed(answer.text)
    assert {"script", "img", "iframe"}.isdisjoint(page.tags)
    assert "url(" not in answer.text
    for link in page.links:
        assert link in {"/openapi.json", "data:,"} or link.removeprefix("#") in page.places, link
    for path in (await client.get("/openapi.json")).json()["paths"]:
        assert f"<code>{path}</code>" in answer.text


async def test_orders_are_read_page_by_page_each_once(client):
    for number in range(1, 8):
        taken = await client.post("/api/orders", json=site.order() | {"number": f"PO-{number}"})
        assert taken.status_code == 200, taken.text
    seen: list[str] = []
    address: str | None = "/api/orders?limit=3"
    while address:
        answer = await client.get(address)
        assert answer.status_code == 200
        seen += [one["number"] for one in answer.json()]
        found = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        address = found[1] if found else None
    assert seen == [f"PO-{number}" for number in range(1, 8)]
    assert "link" not in (await client.get("/api/orders?limit=7")).headers
    for wrong in ("limit=0", "limit=501", "limit=many"):
        refused = await client.get(f"/api/orders?{wrong}")
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert "limit" in refused.json()["detail"]
    assert (await client.get("/api/orders", params={"after": "PO-\x00\ud7ff😀"})).status_code == 200
