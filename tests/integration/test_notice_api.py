"""The API of notices and webhooks, over a real service: subscriptions, the outbox, the link in a mail, webhooks."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.text import Text
from tests import tracking_site as site
from tests.webhook_receiver import Receiver
from tracking_service import notices
from tracking_service.domain.notice import Change, Said
from tracking_service.notices import Notices
from tracking_service.notices.outbox import NoticeError, Outgoing
from tracking_service.service import TrackingService
from tracking_service.tables import notice
from tracking_service.webhooks.address import networks

LI = {
    "name": "李工",
    "language": "zh",
    "zone": "Asia/Shanghai",
    "ways": [{"way": "mail", "to": "li@example.org"}, {"way": "site-chat", "to": ""}],
    "quiet": {"from": "22:00", "until": "06:00"},
    "urgent": ["late", "corrected"],
    "digest_at": "18:30",
    "weekday": 5,
    "escalate": {"to": "wang", "after_min": 30, "kinds": ["late"]},
    "wishes": [
        {"site": None, "order": None, "kinds": "all", "mode": "digest"},
        {"site": None, "order": "PO-1", "kinds": ["late"], "mode": "immediate"},
        {"site": "harbour", "order": None, "kinds": "all", "mode": "weekly"},
    ],
}

#: What is wrong, and a word of the answer.
REFUSED = [
    ({"ways": []}, "ways"),
    ({"quiet": {"from": "22:00", "until": "22:00"}}, "leave 'quiet' out"),
    ({"ways": [{"way": "mail", "to": "li"}]}, "e-mail address"),
    ({"ways": [{"way": "mail", "to": "li@a.example, x@b.example"}]}, "e-mail address"),
    ({"ways": [{"way": "mail", "to": "li@a.example\r\nBcc: x@b.example"}]}, "e-mail address"),
    ({"ways": [{"way": "json://10.0.0.1"}]}, "pattern"),
    ({"ways": [{"way": "telegram"}]}, "the operator has mail, site-chat"),
    ({"zone": "Mars/Olympus"}, "time zone"),
    ({"zone": "../../etc/passwd"}, "time zone"),
    ({"quiet": {"from": "25:00", "until": "06:00"}}, "time of the day"),
    ({"digest_at": "7"}, "time of the day"),
    ({"weekday": 0}, "weekday"),
    ({"urgent": ["everything"]}, "urgent"),
    ({"wishes": [{"site": "a", "order": "b", "mode": "off"}]}, "leave out 'site'"),
    ({"wishes": [{"kinds": ["late"], "mode": "weekly"}]}, "no kinds"),
    ({"wishes": [{"kinds": ["report"], "mode": "digest"}]}, "weekly"),
    ({"wishes": [{"mode": "off"}, {"mode": "digest"}]}, "twice"),
    ({"escalate": {"to": "bob", "after_min": 0}}, "after_min"),
    ({"nonsense": 1}, "nonsense"),
    ({"name": "a\u0000b"}, "control characters"),
]


class Chat:
    def __init__(self) -> None:
        self.took: list[Outgoing] = []

    async def send(self, outgoing: Outgoing) -> None:
        self.took.append(outgoing)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def api(engine) -> AsyncIterator[httpx.AsyncClient]:
    service = TrackingService(
        engine=engine,
        series=site.MemorySeries(),
        sites=site.SITES,
        ways={"site-chat": Chat()},
        webhook_networks=networks("127.0.0.1"),
    )
    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plumbline") as client:
        yield client


async def tell(engine, kind="late", subject="PO-1~beams"):
    change = Change(
        event=Said(kind, "1"), site=site.SITE, order="PO-1", subject=subject, headline=Text("Late", "已到期"), at=10**18
    )
    async with engine.begin() as connection:
        await notices.tell(connection, [change], 10**18, zones={})


async def stored(engine):
    async with engine.connect() as connection:
        return (await connection.execute(select(notice).order_by(notice.c.id))).all()


async def test_a_recipient_is_kept_as_told_and_forgotten_when_asked(api):
    answer = await api.put("/api/recipients/li", json=LI)
    assert answer.status_code == 200, answer.text
    wishes = sorted(answer.json()["wishes"], key=str)
    assert answer.json() | {"wishes": wishes} == LI | {"id": "li", "wishes": sorted(LI["wishes"], key=str)}
    assert (await api.put("/api/recipients/li", json=answer.json() | {"id": "li"})).status_code == 422  # 'id' is the address's
    assert [one["id"] for one in (await api.get("/api/recipients")).json()] == ["li"]
    assert (await api.get("/api/recipients/li")).json()["name"] == "李工"
    assert (await api.delete("/api/recipients/li")).status_code == 204
    assert (await api.get("/api/recipients/li")).status_code == 404
    assert (await api.delete("/api/recipients/li")).status_code == 404


async def test_what_cannot_be_a_recipient_is_refused_with_the_field(api):
    for wrong, said in REFUSED:
        answer = await api.put("/api/recipients/li", json=LI | wrong)
        assert answer.status_code == 422, wrong
        assert said in answer.json()["detail"]
    assert (await api.get("/api/recipients")).json() == []


async def test_dead_letters_are_listed_with_their_reason_and_go_out_again(api, engine):
    await api.put("/api/recipients/li", json=LI | {"quiet": None, "ways": LI["ways"][:1]})
    await tell(engine)

    class Refuses:
        async def send(self, _outgoing: Outgoing) -> None:
            raise NoticeError("550 no such user", permanent=True)

    await Notices(engine=engine, notifier=Refuses()).send()
    (dead,) = (await api.get("/api/notices", params={"state": "dead"})).json()
    assert (dead["last_error"], dead["attempts"], dead["kind"]) == ("550 no such user", 1, "late")
    assert (await api.post(f"/api/notices/{dead['id']}/replay")).json() == {"replayed": 1}
    assert (await api.post(f"/api/notices/{dead['id']}/replay")).status_code == 404
    assert [row.state for row in await stored(engine)] == ["waiting"]
    assert (await api.get("/api/notices", params={"order": "PO-2"})).json() == []
    async with engine.begin() as connection:
        await connection.execute(update(notice).values(state="dead", corrected_at=1))
    assert (await api.post("/api/notices/replay")).json() == {"replayed": 0}  # what is wrong is not sent again


async def test_a_matter_is_taken_on_by_the_api_once(api, engine):
    await api.put("/api/recipients/li", json=LI)
    await tell(engine)
    number = (await stored(engine))[0].id
    first = await api.post(f"/api/notices/{number}/acknowledge", json={"person": "Wang"})
    assert (first.json()["first"], first.json()["person"]) == (True, "Wang")
    again = await api.post(f"/api/notices/{number}/acknowledge", json={"person": "Li"})
    assert (again.json()["first"], again.json()["person"]) == (False, "Wang")
    assert all(row.next_at is None for row in await stored(engine))
    assert (await api.post("/api/notices/99/acknowledge", json={"person": "Li"})).status_code == 404
    for nobody in ("", "a\0b", "x" * 129, None):
        assert (await api.post(f"/api/notices/{number}/acknowledge", json={"person": nobody})).status_code == 422
    assert (await api.get("/api/notices", params={"order": "a\0b"})).status_code == 422
    assert (await api.post("/api/notices/0/acknowledge", json={"person": "Li"})).status_code == 422


async def test_the_link_in_a_notice_asks_first_and_takes_on_at_the_button(engine):
    chat = Chat()
    service = TrackingService(engine=engine, series=site.MemorySeries(), sites=site.SITES, ways={"site-chat": chat})
    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plumbline") as api:
        await api.put("/api/recipients/li", json=LI | {"quiet": None, "ways": [{"way": "site-chat"}]})
        await tell(engine)
        await service._notices.send()
        path = "/acknowledge/" + chat.took[0].body.partition("/acknowledge/")[2].strip()
        for _ in range(2):  # a scanner that looks at links takes nothing on
            asked = await api.get(path)
            assert asked.status_code == 200
            assert "我来处理" in asked.text
            assert (await stored(engine))[0].next_at is not None
        done = await api.post(path)
        assert "李工" in done.text
        assert (await stored(engine))[0].next_at is None
        for wrong in (path[:-1], "/acknowledge/1.2.3", "/acknowledge/%00"):
            assert (await api.get(wrong)).status_code == 404
            assert (await api.post(wrong)).status_code == 404


async def test_a_webhook_is_made_called_looked_at_and_removed(engine):
    erp = Receiver()
    service = TrackingService(
        engine=engine, series=site.MemorySeries(), sites=site.SITES, webhook_networks=networks("127.0.0.1")
    )
    transport = httpx.ASGITransport(app=service.app)
    sending = asyncio.create_task(service._webhooks.run())
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://plumbline") as api:
            made = await api.post("/api/webhooks", json={"url": erp.url, "title": "ERP", "kinds": ["late"]})
            assert made.status_code == 201, made.text
            number, secret = made.json()["id"], made.json()["secret"]
            (seen,) = (await api.get("/api/webhooks")).json()
            assert (seen["url"], seen["enabled"], secret not in str(seen)) == (erp.url, True, True)
            queued = (await api.post(f"/api/webhooks/{number}/ping")).json()["message"]
            assert await asyncio.to_thread(erp.came.wait, 30)
            assert erp.taken[0].signed_with(secret)
            assert erp.taken[0].headers["webhook-id"] == queued
            renewed = (await api.post(f"/api/webhooks/{number}/secret")).json()["secret"]
            assert renewed != secret
            messages = (await api.get(f"/api/webhooks/{number}/messages")).json()
            assert messages[0]["message"] == queued
            assert (await api.post(f"/api/webhooks/{number}/replay")).json() == {"replayed": 0}
            assert (await api.patch(f"/api/webhooks/{number}", json={"enabled": False})).status_code == 204
            assert (await api.delete(f"/api/webhooks/{number}")).status_code == 204
            assert (await api.delete(f"/api/webhooks/{number}")).status_code == 404
            assert (await api.get("/api/webhooks/nonsense/messages")).status_code == 422
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        erp.stop()


async def test_a_webhook_into_the_companys_own_network_is_refused(api):
    for url, said in [
        ("http://10.0.0.1/", "not on the public internet"),
        ("https://169.254.169.254/latest/meta-data", "not on the public internet"),
        ("https://[::ffff:10.0.0.1]/", "not on the public internet"),
        ("gopher://127.0.0.1/", "not a web address"),
        ("https://user:secret@erp.example/", "user or password"),
    ]:
        answer = await api.post("/api/webhooks", json={"url": url})
        assert answer.status_code == 422, url
        assert said in answer.json()["detail"]
