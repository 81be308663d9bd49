"""The office's acts over HTTP: taken once, refused with a sentence, and every number opens to what it rests on."""

import asyncio
import time

import httpx
import pytest
from sqlalchemy import select

from plumbline.event import Inspection
from plumbline.ids import new_event_id
from tests import tracking_site as site
from tracking_service import office
from tracking_service.acts import CompanyAct
from tracking_service.api import create_app
from tracking_service.api.wall import Wall
from tracking_service.intake import Intake
from tracking_service.log import log
from tracking_service.rooms.ground import Ground

MATERIAL = {"material_arrived": {"lines": ["10"]}}
PLANS = {
    "beams": MATERIAL,
    "signed": {"signed_off": {"role": "engineer"}},
    "weld": {"inspection_passed": {"checks": ["weld"]}},
    "crew": {"crew_checked_in": {"place": "gate", "crew": [{"people": 1}]}},
}


def order():
    """Four beams, and a milestone for each sort of evidence."""
    document = site.order(
        milestones=[{"key": key, "title": {"en": key, "zh": key}, "policy": policy} for key, policy in PLANS.items()]
    )
    document["inspections"] = [{"check": "weld", "title": {"en": "Weld", "zh": "焊缝"}}]
    return document


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def client(engine, tmp_path):
    wall = Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={})
    transport = httpx.ASGITransport(app=create_app(wall=wall, static=tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        assert (await client.post("/api/orders", json=order())).status_code == 200
        yield client


async def drain(engine):
    intake = Intake(engine=engine, sites=site.SITES)
    while await intake.take():
        pass
    await intake.tick()


async def percent(client, key):
    milestones = (await client.get("/api/orders/PO-1")).json()["milestones"]
    return next(one["percent"] for one in milestones if one["id"] == f"PO-1~{key}")


async def test_a_signature_completes_its_milestone_and_its_withdrawal_opens_it_again(client):
    path = "/api/milestones/PO-1~signed/sign-off"
    assert (await client.post(path, json={"role": "engineer", "person": "Wang"})).json()["status"] == "recorded"
    assert await percent(client, "signed") == 100
    (proof,) = (await client.get("/api/milestones/PO-1~signed/evidence")).json()
    assert (proof["kind"], proof["person"], proof["device"]) == ("act", "Wang", "office")
    await client.post(path, json={"role": "engineer", "person": "Wang", "withdrawn": True})
    assert await percent(client, "signed") == 0
    moves = (await client.get("/api/milestones/PO-1~signed/transitions")).json()
    assert [(move["before"], move["after"]) for move in moves] == [(100, 0), (0, 100)]
    assert all(move["why"]["en"] and move["why"]["zh"] and len(move["causes"]) == 1 for move in moves)


async def test_the_same_act_again_is_known_and_another_under_its_id_is_refused(client):
    act = {"kind": "return", "id": new_event_id(), "line": "PO-1~10", "quantity": 1, "why": "bent"}
    refused = await client.post("/api/acts", json=act)
    assert (refused.status_code, refused.json()["detail"]) == (422, "quantity: 1 cannot go back, 0 is there")
    signed = {"kind": "sign_off", "id": new_event_id(), "milestone": "PO-1~signed", "role": "engineer", "person": "Wang"}
    assert [(await client.post("/api/acts", json=signed)).json()["status"] for _ in range(2)] == ["recorded", "known"]
    other = await client.post("/api/acts", json=signed | {"person": "Li"})
    assert other.status_code == 422
    assert "another act" in other.json()["detail"]
    (listed,) = [one for one in (await client.get("/api/acts?order=PO-1")).json() if one["kind"] == "sign_off"]
    assert (listed["person"], listed["about"], listed["void"]) == ("Wang", "PO-1~signed", False)


async def test_what_is_voided_rolls_back_and_restoring_it_brings_it_back(client, engine):
    beams = [site.beam(piece) for piece in range(4)]
    await site.post(engine, *beams)
    await drain(engine)
    assert await percent(client, "beams") == 100
    told = await client.post(f"/api/events/{beams[0].id}/void", json={"why": "test scan", "person": "Li"})
    assert told.status_code == 200
    assert await percent(client, "beams") == 75
    assert len((await client.get("/api/milestones/PO-1~beams/evidence")).json()) == 3
    move = (await client.get("/api/milestones/PO-1~beams/transitions")).json()[0]
    assert (move["cause"], move["causes"][-1]) == ("corrected", beams[0].id)
    again = await client.post(f"/api/events/{beams[0].id}/void", json={"why": "test scan"})
    assert again.json()["detail"].endswith("is void already")
    await client.post(f"/api/events/{beams[0].id}/restore", json={"why": "it was none"})
    assert await percent(client, "beams") == 100


async def test_a_clerk_corrects_links_quantities_and_returns(client, engine):
    stranger, beam = site.scan("stranger"), site.beam(1)
    await site.post(engine, stranger, beam)
    await drain(engine)
    assert (await client.post(f"/api/events/{stranger.id}/link", json={"line": "PO-1~10", "quantity": 2})).status_code == 200
    assert await percent(client, "beams") == 75
    await client.post(f"/api/events/{stranger.id}/quantity", json={"quantity": 3, "why": "counted"})
    assert await percent(client, "beams") == 100
    back = await client.post("/api/lines/PO-1~10/return", json={"quantity": 1, "event": beam.id, "why": "bent"})
    assert await percent(client, "beams") == 75
    await client.post(f"/api/acts/{back.json()['id']}/void", json={"why": "it stayed"})
    assert await percent(client, "beams") == 100
    await client.post(f"/api/events/{stranger.id}/unlink", json={"why": "another order's"})
    assert await percent(client, "beams") == 25
    assert "another order's" in (await client.get("/api/unlinked")).json()[0]["reason"]["en"]


async def test_inspections_and_check_ins_open_to_what_was_seen(client, engine):
    at = time.time_ns()
    seen = Inspection(check="weld", result="failed", order="PO-1", **site.header(at=at))
    await site.post(engine, seen, site.check_in("Li", at=at))
    await drain(engine)
    assert await percent(client, "weld") == 0
    assert await percent(client, "crew") == 100
    assert (await client.post("/api/orders/PO-1/inspections", json={"check": "weld", "result": "passed"})).status_code == 200
    assert await percent(client, "weld") == 100
    for key, kind in (("weld", "act"), ("crew", "event")):
        proofs = (await client.get(f"/api/milestones/PO-1~{key}/evidence")).json()
        assert kind in {proof["kind"] for proof in proofs}
        assert all(proof["sentence"]["en"] and proof["sentence"]["zh"] for proof in proofs)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/acts", {"kind": "dance"}, 422, "dance"),
        ("/api/acts", [1], 422, "the request"),
        ("/api/acts", {"kind": "order", "document": {}}, 422, "POST /api/orders"),
        ("/api/milestones/PO-1~none/sign-off", {"role": "engineer", "person": "Li"}, 404, "no milestone"),
        ("/api/milestones/PO-1~signed/sign-off", {"role": "cook", "person": "Li"}, 422, "engineer"),
        ("/api/milestones/PO-1~signed/sign-off", {"role": "engineer"}, 422, "needs the name"),
        ("/api/milestones/PO-1~signed/sign-off", {"milestone": "PO-1~beams"}, 422, "the address says"),
        ("/api/orders/PO-1/inspections", {"check": "paint", "result": "passed"}, 422, "it has weld"),
        ("/api/orders/PO-9/inspections", {"check": "weld", "result": "passed"}, 404, "no order"),
        ("/api/lines/PO-1~77/return", {"quantity": 1, "why": "x"}, 404, "no line"),
        ("/api/lines/PO-1~10/return", {"quantity": "NaN", "why": "x"}, 422, "quantity"),
        ("/api/events/00000000-0000-7000-8000-000000000001/void", {"why": "x"}, 404, "no event and no act"),
        ("/api/events/nonsense/void", {"why": "x"}, 422, "ref"),
        ("/api/lines/PO-1~10/certificate", {"document": "3.1", "at": "2099-01-01T00:00:00Z"}, 422, "future"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_what_and_where(client, path, body, status, said):
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.text


async def test_a_body_that_is_no_json_and_one_that_is_too_long_are_refused(client):
    assert (await client.post("/api/acts", content=b"{")).status_code == 422
    assert (await client.post("/api/acts", content=b'{"kind":"' + b"x" * 70_000 + b'"}')).status_code == 422
    assert (await client.post("/api/lines/PO-1~10/return", content=b"[" * 60_000)).status_code == 422


async def test_where_the_company_names_who_has_a_role_nobody_else_signs(client, engine):
    title = {"en": "Acme", "zh": "甲"}
    people = [{"id": "wang", "name": "Wang", "roles": ["engineer"]}, {"id": "li", "name": "Li"}]
    done = CompanyAct(document={"company": "acme", "title": title, "people": people})
    async with engine.begin() as connection:
        await office.record(connection, done, Ground(site.SITES, {}, time.time_ns()))
    path = "/api/milestones/PO-1~signed/sign-off"
    refused = await client.post(path, json={"role": "engineer", "person": "Li"})
    assert refused.json()["detail"] == "person: 'Li' has not the role 'engineer'; the company document names Wang"
    assert (await client.post(path, json={"role": "engineer", "person": "wang"})).status_code == 200


async def test_positions_of_the_log_have_no_holes_whoever_writes_at_once(client, engine):
    await site.post(engine, *(site.beam(piece) for piece in range(20)))
    workers = [Intake(engine=engine, sites=site.SITES, batch=3) for _ in range(2)]

    async def work(intake):
        while await intake.take():
            pass

    signed = {"kind": "sign_off", "milestone": "PO-1~signed", "role": "engineer"}
    acts = [client.post("/api/acts", json=signed | {"person": f"engineer {number}"}) for number in range(5)]
    await asyncio.gather(*map(work, workers), *acts)
    await drain(engine)
    async with engine.connect() as connection:
        positions = (await connection.execute(select(log.c.position).order_by(log.c.position))).scalars().all()
    assert positions == list(range(1, 27))  # the order, 20 scans, 5 signatures
