"""Schedules and lists through the API: the difference first, then the change; the same file twice changes nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import tracking_site as site
from tracking_service.api import create_app
from tracking_service.api.wall import Wall


def plan(*tasks: str) -> bytes:
    rows = "".join(tasks)
    return f'<Project xmlns="http://schemas.microsoft.com/project"><Title>Hall</Title><Tasks>{rows}</Tasks></Project>'.encode()


def task(uid: int, name: str, day: int, more: str = "") -> str:
    return (
        f"<Task><UID>{uid}</UID><ID>{uid}</ID><Name>{name}</Name><OutlineLevel>1</OutlineLevel>"
        f"<Start>2024-05-{day:02}T08:00:00</Start><Finish>2024-05-{day:02}T17:00:00</Finish><Duration>PT8H0M0S</Duration>{more}</Task>"
    )


MILESTONE = "<Milestone>1</Milestone><PredecessorLink><PredecessorUID>1</PredecessorUID></PredecessorLink>"
FIRST = plan(task(1, "Dig", 6), task(2, "Hole done", 7, MILESTONE))
SECOND = plan(task(1, "Dig deeper", 8), task(3, "Pour", 9))


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def client(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={})
    transport = httpx.ASGITransport(app=create_app(wall=wall, static=tmp_path / "wall"))
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        assert (await client.post("/api/orders", json=site.order())).status_code == 200
        yield client


async def send(client: httpx.AsyncClient, data: bytes, path: str = "schedule", number: str = "PO-1", **query) -> httpx.Response:
    return await client.post(f"/api/orders/{number}/{path}", content=data, params=query)


async def test_a_schedule_shows_its_difference_then_is_applied_then_changes_nothing(client):
    shown = (await send(client, FIRST)).json()
    assert (shown["status"], shown["counts"], shown["tasks"]) == ("difference", {"added": 3}, 2)
    assert [(each["part"], each["key"]) for each in shown["changes"]] == [("task", "1"), ("task", "2"), ("milestone", "2")]
    assert (await send(client, FIRST)).json()["status"] == "difference"  # nothing was done
    applied = (await send(client, FIRST, apply=True, version=shown["version"])).json()
    assert applied["status"] == "applied"
    assert (await send(client, FIRST, apply=True)).json()["status"] == "unchanged"
    order = (await client.get("/api/orders/PO-1")).json()
    assert "2" in [milestone["id"] for milestone in order["milestones"]] or any(
        milestone["id"].endswith("~2") for milestone in order["milestones"]
    )


async def test_a_changed_schedule_tells_what_moved_and_what_went(client):
    await send(client, FIRST, apply=True)
    shown = (await send(client, SECOND)).json()
    assert shown["counts"] == {"removed": 2, "moved": 1, "renamed": 1, "added": 1}
    dig = next(each for each in shown["changes"] if each["key"] == "1")
    assert dig["kinds"] == ["renamed", "moved"]
    assert {"field": "start", "before": "2024-05-06 08:00", "after": "2024-05-08 08:00"} in dig["fields"]


async def test_an_order_that_was_changed_meanwhile_is_left_alone(client):
    version = (await send(client, FIRST)).json()["version"]
    await client.post("/api/orders", json=site.order(customer="Another"))
    refused = await send(client, FIRST, apply=True, version=version)
    assert refused.status_code == 409
    assert "somebody changed it meanwhile" in refused.json()["detail"]


async def test_a_list_of_materials_needs_a_mapping_only_for_words_of_its_own(client):
    rows = "Pos;Was;Menge\n10;Beam;5\n"
    assert "columns are not understood" in (await send(client, rows.encode(), "list")).json()["detail"]
    mapping = 'kind = "materials"\n[columns]\ntitle = "Was"\nquantity = "Menge"\n'
    shown = (await send(client, rows.encode(), "list", mapping=mapping, apply=True)).json()
    assert shown["status"] == "applied"
    assert shown["changes"][0]["fields"] == [{"field": "quantity", "before": "4", "after": "5"}]
    assert "it stays" in shown["remarks"][0]
    lines = (await client.get("/api/orders/PO-1")).json()["lines"]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("data", "query", "status", "said"),
    [
        (b"", {}, 422, "the request: the file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", {}, 422, "Save As"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Project/>', {}, 422, "line 1: a document type"),
        (plan(task(1, "A", 40)), {}, 422, "day"),
        (plan(), {}, 422, "there is no task in it"),
        (FIRST, {"project": "Other"}, 422, "no project 'Other'; the file has 'Hall' (Hall)"),
        (FIRST, {"number": "PO-9"}, 404, "there is no order 'PO-9'"),
        (FIRST, {"encoding": "klingon"}, 422, "there is no encoding 'klingon'"),
    ],
)
async def test_what_cannot_be_taken_is_told(client, data, query, status, said):
    refused = await send(client, data, **query)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert said in refused.json()["detail"]


async def test_a_file_may_be_larger_than_a_document_but_not_without_bound(client):
    padded = FIRST.replace(b"<Tasks>", b"<Junk>" + b" " * 5_000_000 + b"</Junk><Tasks>")
    assert (await send(client, padded)).json()["status"] == "difference"
    assert (await send(client, b" " * (16 * 1024 * 1024 + 1), "list")).status_code == 413
    assert (await client.post("/api/orders", content=b" " * 5_000_000)).status_code == 413
