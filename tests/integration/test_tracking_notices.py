"""Notices leave the outbox through a real mail server."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.errors import SettingsError
from tests import tracking_site as site
from tests.certificates import Signer
from tests.servers import free_port
from tracking_service.mail import Mail
from tracking_service.notices import LEASE_NS, NoticeError, Notices, Outgoing
from tracking_service.tables import insert_new, notice


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def mails() -> AsyncIterator[site.Mailbox]:
    mailbox = site.Mailbox()
    yield mailbox
    mailbox.stop()


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.ns = time.time_ns()

    def __call__(self) -> int:
        return self.ns


def smtp(port: int) -> Mail:
    return Mail(f"smtp://127.0.0.1:{port}?from=site@example.org")


async def put(engine: AsyncEngine, key: str = "m|passed|25", **values) -> int:
    known = {
        "dedup_key": key,
        "recipient": "li@example.org",
        "name": "李工",
        "language": "zh",
        "subject": "[PO-1] 钢梁到场：已过 25%",
        "body": "订单：PO-1\n物料 <b> & co\n",
        "state": "waiting",
        "attempts": 0,
        "created_at": 1,
        "next_attempt_at": 1,
    }
    async with engine.begin() as connection:
        return await insert_new(connection, notice, [known | values])


async def stored(engine: AsyncEngine):
    async with engine.connect() as connection:
        return (await connection.execute(select(notice).order_by(notice.c.id))).all()


async def test_a_notice_goes_out_once_as_it_was_written(engine, mails):
    await put(engine)
    assert await put(engine) == 0
    sender = Notices(engine=engine, notifier=smtp(mails.port))
    assert await sender.send() == 1
    assert await sender.send() == 0
    (mail,) = mails.taken
    assert (mail.to, mail.subject) == ("li@example.org", "[PO-1] 钢梁到场：已过 25%")
    assert mail.body.splitlines() == ["订单：PO-1", "物料 <b> & co"]
    assert len(mail.notice) == 64
    (row,) = await stored(engine)
    assert (row.state, row.attempts, row.last_error) == ("sent", 1, None)


async def test_a_refused_notice_is_tried_again_later_and_each_time_later_still(engine, mails):
    clock = Clock()
    mails.refusals = 2
    await put(engine)
    sender = Notices(engine=engine, notifier=smtp(mails.port), now_ns=clock, chance=lambda: 0.0)
    waits = []
    while (await stored(engine))[0].state == "waiting":
        assert await sender.send() == 1
        assert await sender.send() == 0
        (row,) = await stored(engine)
        if row.state == "waiting":
            assert "451" in row.last_error
            waits.append(row.next_attempt_at - clock.ns)
            clock.ns = row.next_attempt_at
    assert waits == [2_500_000_000, 5_000_000_000]
    assert len(mails.taken) == 1


async def test_a_notice_that_never_leaves_is_dead_and_keeps_its_error(engine):
    clock = Clock()
    await put(engine)
    sender = Notices(engine=engine, notifier=smtp(free_port()), now_ns=clock, max_attempts=3)
    for _ in range(3):
        assert await sender.send() == 1
        clock.ns += 24 * site.HOUR
    assert await sender.send() == 0
    (row,) = await stored(engine)
    assert (row.state, row.attempts) == ("dead", 3)
    assert row.last_error


async def test_one_bad_address_does_not_hold_back_the_others(engine, mails):
    await put(engine, recipient="a" * 70 + "@example.org")
    await put(engine, recipient="ann@example.org")
    sender = Notices(engine=engine, notifier=smtp(mails.port))
    while await sender.send():
        pass
    assert "ann@example.org" in [mail.to for mail in mails.taken]


async def test_a_notice_claimed_by_a_sender_that_died_is_free_after_its_lease(engine, mails):
    clock = Clock()
    await put(engine)

    class Dies:
        async def send(self, _outgoing: Outgoing) -> None:
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        await Notices(engine=engine, notifier=Dies(), now_ns=clock).send()
    sender = Notices(engine=engine, notifier=smtp(mails.port), now_ns=clock)
    assert await sender.send() == 0
    clock.ns += LEASE_NS
    assert await sender.send() == 1
    assert len(mails.taken) == 1


async def test_two_senders_never_take_the_same_notice(engine, mails):
    for number in range(12):
        await put(engine, key=f"m|{number}")
    senders = [Notices(engine=engine, notifier=smtp(mails.port)) for _ in range(2)]
    await asyncio.gather(*(sender.send() for sender in senders))
    assert len(mails.taken) == 12
    assert len({mail.notice for mail in mails.taken}) == 12


async def test_an_address_that_is_refused_for_good_is_dead_at_once(engine, mails):
    mails.unknown.add("li@example.org")
    await put(engine)
    await put(engine, recipient="ann@example.org")
    await put(engine, recipient="not an address")
    assert await Notices(engine=engine, notifier=smtp(mails.port)).send() == 3
    gone, sent, wrong = await stored(engine)
    assert (gone.state, sent.state, wrong.state) == ("dead", "sent", "dead")
    assert "550 5.1.1 no such user" in gone.last_error
    assert "is not an address" in wrong.last_error


async def test_what_goes_by_a_way_that_is_not_there_waits_for_it(engine, mails):
    await put(engine, way="site-chat", recipient="site-chat:")
    assert await Notices(engine=engine, notifier=smtp(mails.port)).send() == 0
    took = []

    class Chat:
        async def send(self, outgoing: Outgoing) -> None:
            took.append(outgoing)

    assert await Notices(engine=engine, ways={"site-chat": Chat()}).send() == 1
    assert (took[0].way, took[0].to) == ("site-chat", "")


async def test_a_way_that_hangs_holds_up_no_other(engine, mails):
    await put(engine, way="site-chat", recipient="site-chat:")
    await put(engine)
    sent = asyncio.Event()

    class Hangs:
        async def send(self, _outgoing: Outgoing) -> None:
            await sent.wait()

    sending = asyncio.create_task(Notices(engine=engine, notifier=smtp(mails.port), ways={"site-chat": Hangs()}).send())
    await mails.hold(1)
    sent.set()
    assert await sending == 2


async def test_a_mail_server_is_spoken_with_in_private_and_only_if_it_is_the_one(tmp_path, monkeypatch):
    signer = Signer(tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*signer.sign("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", str(signer.ca))
    mailbox = site.Mailbox(tls=context)
    told = Outgoing("k", "li@example.org", "李工", "s", "b", html="<p>b</p>")
    try:
        await Mail(f"smtps://localhost:{mailbox.port}?from=site@example.org").send(told)
        with pytest.raises(NoticeError, match="certificate"):
            await Mail(f"smtps://127.0.0.1:{mailbox.port}?from=site@example.org").send(told)
    finally:
        mailbox.stop()
    (mail,) = mailbox.taken
    assert mail.message.get_body(("html",)).get_content().strip() == "<p>b</p>"
    assert mail.message["auto-submitted"] == "auto-generated"
    assert str(mail.message["to"]) == "李工 <li@example.org>"


async def test_the_mail_server_says_why(mails):
    mails.refusals = 1
    with pytest.raises(NoticeError, match="451"):
        await smtp(mails.port).send(Outgoing("k", "li@example.org", "", "s", "b"))


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("http://h?from=a@b.example", "not a mail server"),
        ("smtp://?from=a@b.example", "not a mail server"),
        ("smtp://h", "sender is missing"),
        ("smtp://h:x?from=a@b.example", "port"),
        ("smtp://h?from=a@b.example&to=c@d.example", "'to' is not an option"),
    ],
)
def test_a_mail_server_that_is_none_is_refused_with_the_remedy(url, wrong):
    with pytest.raises(SettingsError, match=wrong):
        Mail(url)
