"""Webhooks leave the outbox for a real server: signed, in order, again until they are taken."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.text import Text
from tests import tracking_site as site
from tests.certificates import Signer
from tests.servers import free_port
from tests.webhook_receiver import Receiver
from tracking_service.domain.notice import Change, Moved, Said
from tracking_service.errors import UnknownThingError
from tracking_service.webhooks import hooks, put
from tracking_service.webhooks.address import WebhookRefusedError, networks
from tracking_service.webhooks.hooks import WebhookDocument
from tracking_service.webhooks.sender import KEPT_NS, LEASE_NS, Webhooks
from tracking_service.webhooks.tables import delivery, webhook

HERE = networks("127.0.0.1")
NOW = 1_790_000_000 * 10**9


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def erp() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


class Clock:
    def __init__(self) -> None:
        self.ns = NOW

    def __call__(self) -> int:
        return self.ns


def change(order: str | None = "PO-1", key: str = "1", kind="task") -> Change:
    return Change(
        event=Said(kind, key),
        site=site.SITE,
        order=order,
        subject=f"{order}~beams",
        headline=Text(f"thing {key}", f"事 {key}"),
        at=NOW,
        data={"n": key},
    )


async def add(engine, url, **more):
    async with engine.begin() as connection:
        return await hooks.add(connection, WebhookDocument(url=url, **more), now=NOW)


async def tell(engine, *changes):
    async with engine.begin() as connection:
        await put(connection, changes, NOW)


async def stored(engine):
    async with engine.connect() as connection:
        return (await connection.execute(select(delivery).order_by(delivery.c.id))).all()


def sender(engine, clock=None, **more):
    return Webhooks(engine=engine, allowed=HERE, now_ns=clock or Clock(), chance=lambda: 0.0, **more)


async def drain(webhooks):
    while await webhooks.send():
        pass


async def test_a_change_arrives_signed_with_what_it_says(engine, erp):
    _, secret = await add(engine, erp.url)
    await tell(engine, change())
    await drain(sender(engine))
    (message,) = erp.taken
    assert message.signed_with(secret)
    assert not message.signed_with("whsec_" + "A" * 43 + "=")
    assert message.told["type"] == "plumbline.task"
    assert message.told["data"]["order"] == "PO-1"
    assert message.told["data"]["headline"] == {"en": "thing 1", "zh": "事 1"}
    assert message.told["data"]["n"] == "1"
    (row,) = await stored(engine)
    assert (row.state, row.attempts, row.status, message.headers["webhook-id"]) == ("sent", 1, 204, row.message)


async def test_a_message_that_is_refused_comes_again_under_its_id_and_later_each_time(engine, erp):
    clock = Clock()
    await add(engine, erp.url)
    await tell(engine, change())
    erp.answer(500, body=b"out of order")
    erp.answer(503, {"retry-after": "600"})
    webhooks = sender(engine, clock)
    waits = []
    while (row := (await stored(engine))[0]).state == "waiting":
        clock.ns = max(clock.ns, row.next_attempt_at)
        assert await webhooks.send() == 1
        assert await webhooks.send() == 0
        (row,) = await stored(engine)
        waits.append((row.next_attempt_at - clock.ns) // 10**9)
        if row.state == "waiting":
            assert str(row.status) in row.last_error
    assert waits[:2] == [2, 600]
    assert len({message.headers["webhook-id"] for message in erp.taken}) == 1
    assert len(erp.taken) == 3


async def test_messages_of_an_order_come_in_their_order_and_hold_up_no_other(engine, erp):
    clock = Clock()
    await add(engine, erp.url)
    await tell(engine, *(change("PO-1", str(n)) for n in range(3)), *(change("PO-2", str(n)) for n in range(2)))
    erp.answer(500)
    webhooks = sender(engine, clock)
    assert await webhooks.send() == 2  # the first of each
    blocked = next(m.told["data"]["order"] for m in erp.taken[:1])
    await drain(webhooks)
    other = [m.told["data"] for m in erp.taken if m.told["data"]["order"] != blocked]
    assert [data["n"] for data in other] == [str(n) for n in range(len(other))]
    clock.ns += 60 * 10**9
    await drain(webhooks)
    told = {}
    for message in erp.taken:
        told.setdefault(message.told["data"]["order"], []).append(message.told["data"]["n"])
    told[blocked].remove("0")  # it came twice
    assert told == {"PO-1": ["0", "1", "2"], "PO-2": ["0", "1"]}


async def test_a_message_that_is_never_taken_is_dead_lets_the_next_ones_by_and_can_be_sent_again(engine, erp):
    clock = Clock()
    number, _ = await add(engine, erp.url)
    await tell(engine, change(key="1"), change(key="2"))
    for _ in range(3):
        erp.answer(400, body=b"no such order")
    webhooks = sender(engine, clock, max_attempts=3)
    for _ in range(3):
        assert await webhooks.send() == 1
        clock.ns += site.HOUR
    await drain(webhooks)
    first, second = await stored(engine)
    assert (first.state, second.state) == ("dead", "sent")
    assert "400 no such order" in first.last_error
    async with engine.begin() as connection:
        assert await hooks.replay(connection, number, now=clock.ns) == 1
    await drain(webhooks)
    assert [row.state for row in await stored(engine)] == ["sent", "sent"]


async def test_who_dies_between_sending_and_recording_sends_again_under_the_same_id(engine, erp):
    clock = Clock()
    await add(engine, erp.url)
    await tell(engine, change())
    erp.hold = threading.Event()
    dying = asyncio.create_task(sender(engine, clock).send())
    assert await asyncio.to_thread(erp.came.wait, 30)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    erp.hold.set()
    other = sender(engine, clock)
    assert await other.send() == 0  # leased
    clock.ns += LEASE_NS
    assert await other.send() == 1
    first, second = erp.taken
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.raw == second.raw


async def test_two_senders_never_take_the_same_message(engine, erp):
    await add(engine, erp.url)
    await tell(engine, *(change(f"PO-{n}") for n in range(8)))
    await asyncio.gather(*(sender(engine).send() for _ in range(2)))
    assert len(erp.taken) == len({message.headers["webhook-id"] for message in erp.taken}) == 8


async def test_a_redirect_is_not_followed(engine, erp):
    await add(engine, erp.url)
    await tell(engine, change())
    erp.answer(302, {"location": "http://127.0.0.1:1/elsewhere"})
    assert await sender(engine).send() == 1
    (row,) = await stored(engine)
    assert row.state == "waiting"
    assert "redirects are not followed" in row.last_error


async def test_a_receiver_that_is_gone_is_turned_off_and_its_messages_wait(engine, erp):
    number, _ = await add(engine, erp.url)
    await tell(engine, change())
    erp.answer(410)
    clock = Clock()
    webhooks = sender(engine, clock)
    assert await webhooks.send() == 1
    async with engine.connect() as connection:
        row = (await connection.execute(select(webhook))).one()
    assert not row.enabled
    assert "410" in row.why_disabled
    clock.ns += site.HOUR
    assert await webhooks.send() == 0
    async with engine.begin() as connection:
        await hooks.turn(connection, number, on=True)
    assert await webhooks.send() == 1
    assert [row.state for row in await stored(engine)] == ["sent"]


async def test_a_name_that_came_to_mean_this_machine_is_not_called(engine, erp):
    await add(engine, erp.url)
    await tell(engine, change())
    assert await Webhooks(engine=engine, now_ns=Clock()).send() == 1
    assert erp.taken == []
    (row,) = await stored(engine)
    assert "not on the public internet" in row.last_error


async def test_a_server_that_is_away_says_so(engine):
    await add(engine, f"http://127.0.0.1:{free_port()}/")
    await tell(engine, change())
    assert await sender(engine).send() == 1
    (row,) = await stored(engine)
    assert row.state == "waiting"
    assert "no connection to 127.0.0.1" in row.last_error


async def test_a_webhook_hears_of_what_it_asked_for_and_of_nothing_else(engine, erp):
    await add(engine, erp.url, kinds=["late", "moved"], order="PO-1")
    moved = Change(event=Moved(), site=site.SITE, order="PO-1", subject="m", headline=Text("m", "m"), at=NOW)
    await tell(engine, change(kind="task"), change(kind="late"), change("PO-2", kind="late"), moved)
    await drain(sender(engine))
    assert [message.told["type"] for message in erp.taken] == ["plumbline.late", "plumbline.moved"]


async def test_a_new_secret_signs_beside_the_old_one_for_a_day(engine, erp):
    clock = Clock()
    number, old = await add(engine, erp.url)
    async with engine.begin() as connection:
        new = await hooks.rotate(connection, number, now=clock.ns)
    await tell(engine, change(key="1"), change("PO-2"))
    webhooks = sender(engine, clock)
    assert await webhooks.send() == 2
    assert erp.taken[0].signed_with(old)
    assert erp.taken[0].signed_with(new)
    clock.ns += hooks.OVERLAP_NS
    await tell(engine, change("PO-3"))
    await drain(webhooks)
    assert erp.taken[-1].signed_with(new)
    assert not erp.taken[-1].signed_with(old)


async def test_a_ping_waits_behind_nothing(engine, erp):
    clock = Clock()
    number, _ = await add(engine, erp.url)
    await tell(engine, change())
    erp.answer(500)
    webhooks = sender(engine, clock)
    assert await webhooks.send() == 1
    async with engine.begin() as connection:
        await hooks.ping(connection, number, now=clock.ns)
    assert await webhooks.send() == 1
    assert erp.taken[-1].told["type"] == "plumbline.ping"


async def test_where_nobody_may_be_called_is_refused_when_it_is_asked_for():
    for url in ("http://example.org/", "https://127.0.0.1/", "https://localhost/x"):
        with pytest.raises(WebhookRefusedError):
            await hooks.check(url, [])
    await hooks.check("http://127.0.0.1/", HERE)


async def test_what_was_taken_a_month_ago_is_forgotten(engine, erp):
    clock = Clock()
    await add(engine, erp.url)
    await tell(engine, change())
    webhooks = sender(engine, clock)
    await drain(webhooks)
    clock.ns += KEPT_NS + site.HOUR
    await webhooks._work()
    assert await stored(engine) == []


async def test_a_webhook_that_is_removed_takes_its_messages_along(engine, erp):
    number, _ = await add(engine, erp.url)
    await tell(engine, change())
    async with engine.begin() as connection:
        await hooks.remove(connection, number)
        with pytest.raises(UnknownThingError):
            await hooks.remove(connection, number)
    assert await stored(engine) == []


async def test_the_certificate_is_the_hosts_though_the_connection_goes_to_its_address(engine, tmp_path, monkeypatch):
    signer = Signer(tmp_path / "ca")
    contexts = {}
    for name in ("localhost", "elsewhere"):
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(*signer.sign(name))
    monkeypatch.setenv("SSL_CERT_FILE", str(signer.ca))
    right, wrong = Receiver(tls=contexts["localhost"]), Receiver(tls=contexts["elsewhere"])
    webhooks = Webhooks(engine=engine, allowed=networks("127.0.0.1,::1"), now_ns=Clock(), chance=lambda: 0.0)
    try:
        await add(engine, right.url)
        await add(engine, wrong.url)
        await tell(engine, change())
        assert await webhooks.send() == 2
    finally:
        right.stop()
        wrong.stop()
    states = {row.state: row.last_error for row in await stored(engine)}
    assert states["sent"] is None
    assert len(right.taken) == 1
    assert wrong.taken == []
    assert "certificate" in states["waiting"].lower()
