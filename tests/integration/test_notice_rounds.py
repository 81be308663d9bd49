"""What time brings, through a real mail server: digests, and matters that nobody takes on."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline import inbox
from tests import tracking_site as site
from tests.notice_site import DAY, NOW, ZONES, Clock, S, html_of, place, put, sender_of, states, tell, work
from tracking_service import notices
from tracking_service.errors import UnknownThingError
from tracking_service.mail import Mail
from tracking_service.notices import Notices, Outgoing
from tracking_service.notices.acknowledging import VALID_S, Links, acknowledge
from tracking_service.notices.recipients import RecipientDocument
from tracking_service.notices.rounds import KEPT_NS, PATIENCE_NS
from tracking_service.tables import milestone, notice


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


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sender(engine, mails, clock):
    return sender_of(engine, mails, clock)


async def test_a_digest_comes_once_a_day_at_the_persons_hour(engine, mails, clock, sender):
    await put(engine, "ann", wishes=[{"mode": "digest"}], digest_at="18:30")
    await tell(engine, clock, "1", "2")
    await tell(engine, clock, "3", order="PO-2")
    clock.ns = NOW + 8 * site.HOUR
    await work(sender)
    assert mails.taken == []
    clock.ns += site.HOUR // 2
    await work(sender)
    (mail,) = mails.taken
    assert mail.subject == "Digest: 3 notices"
    assert mail.body.splitlines()[3:] == [
        "PO-1",
        "  2026-09-22 10:00  Thing 1",
        "  2026-09-22 10:00  Thing 2",
        "",
        "PO-2",
        "  2026-09-22 10:00  Thing 3",
    ]
    assert "Thing 3" in html_of(mail)
    clock.ns += DAY
    await work(sender)
    assert len(mails.taken) == 1
    assert await states(engine) == ["folded"] * 3 + ["sent"]


async def test_a_digest_of_one_is_the_notice_itself(engine, mails, clock, sender):
    await put(engine, "ann", wishes=[{"mode": "digest"}])
    await tell(engine, clock, "1")
    clock.ns += DAY
    await work(sender)
    (mail,) = mails.taken
    assert mail.subject == "[PO-1] Thing 1"
    assert "more of 1" in mail.body


async def test_what_came_in_quiet_hours_comes_together_when_they_end(engine, mails, clock, sender):
    await put(engine, "li", language="zh", quiet={"from": "09:00", "until": "13:00"}, urgent=["late"])
    await tell(engine, clock, "1", "2")
    await tell(engine, clock, "3", kind="late")
    await work(sender)
    assert [mail.subject for mail in mails.taken] == ["[PO-1] 事 3"]
    clock.ns += 3 * site.HOUR
    await work(sender)
    assert mails.taken[1].subject == "[PO-1] 汇总：2 条通知"


async def test_what_a_gateway_tells_late_comes_as_one_digest_when_it_has_caught_up(engine, mails, clock, sender):
    await put(engine, "ann")
    await site.put_gateway(engine, online=True, since=NOW, last_seen=NOW, data_until=NOW - 2 * site.HOUR)
    await tell(engine, clock, *map(str, range(30)), at=NOW - 3 * site.HOUR)
    clock.ns += 120 * S
    await tell(engine, clock, "30", at=NOW - site.HOUR)
    await work(sender)
    assert mails.taken == []
    async with engine.begin() as connection:
        await connection.execute(update(inbox.gateway).values(data_until=clock.ns, last_seen=clock.ns))
    clock.ns += 61 * S
    await work(sender)
    (mail,) = mails.taken
    assert mail.subject == "[PO-1] Heard again: 31 things that happened meanwhile"


async def test_a_gateway_that_never_catches_up_holds_nothing_back_for_ever(engine, mails, clock, sender):
    await put(engine, "ann")
    await site.put_gateway(engine, online=True, since=NOW, last_seen=NOW, data_until=NOW - 2 * site.HOUR)
    await tell(engine, clock, "1", at=NOW - 3 * site.HOUR)
    for _ in range(PATIENCE_NS // (15 * S) + 1):
        clock.ns += 15 * S
        await sender.go_round()
    await work(sender)
    assert len(mails.taken) == 1


async def test_late_news_wait_for_the_end_of_quiet_hours_too(engine, mails, clock, sender):
    await put(engine, "ann", quiet={"from": "09:00", "until": "13:00"})
    await tell(engine, clock, "1", at=NOW - site.HOUR)
    clock.ns += 120 * S
    await work(sender)
    assert mails.taken == []
    clock.ns = NOW + 3 * site.HOUR
    await work(sender)
    assert len(mails.taken) == 1


async def test_who_dies_between_sending_and_recording_sends_again_and_mail_programs_see_one(engine, mails, clock, sender):
    await put(engine, "ann")
    await tell(engine, clock, "1")

    class Dies:
        async def send(self, outgoing: Outgoing) -> None:
            await Mail(f"smtp://127.0.0.1:{mails.port}?from=site@example.org").send(outgoing)
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        await Notices(engine=engine, notifier=Dies(), now_ns=clock).send()
    assert await sender.send() == 0
    clock.ns += notices.LEASE_NS
    assert await sender.send() == 1
    first, second = mails.taken
    assert first.message["message-id"] == second.message["message-id"]
    assert first.notice == second.notice


async def test_what_nobody_takes_on_goes_to_the_next_person_and_the_one_after(engine, mails, clock, sender):
    await put(engine, "ann", escalate={"to": "bob", "after_min": 30})
    await put(engine, "bob", wishes=[], escalate={"to": "eve", "after_min": 60})
    await put(engine, "eve", wishes=[], language="zh", escalate={"to": "ann", "after_min": 60})
    await tell(engine, clock, "1", kind="late")
    await work(sender)
    clock.ns += 29 * 60 * S
    await work(sender)
    assert [mail.to for mail in mails.taken] == ["ann@example.org"]
    clock.ns += 60 * S
    await work(sender)
    assert mails.taken[1].to == "bob@example.org"
    assert mails.taken[1].subject == "Nobody took this on: [PO-1] Thing 1"
    assert "Ann was told at 2026-09-22 10:00, and has not acknowledged it." in mails.taken[1].body
    clock.ns += site.HOUR
    await work(sender)
    assert (mails.taken[2].to, mails.taken[2].subject) == ("eve@example.org", "无人处理：[PO-1] 事 1")
    clock.ns += DAY
    await work(sender)
    assert len(mails.taken) == 3  # it does not go round in circles


async def test_what_somebody_takes_on_goes_no_further(engine, mails, clock, sender):
    await put(engine, "ann", escalate={"to": "bob", "after_min": 30})
    await put(engine, "bob", wishes=[])
    await tell(engine, clock, "1", kind="late")
    await work(sender)
    async with engine.begin() as connection:
        number = (await connection.execute(select(notice.c.id))).scalar_one()
        done = await acknowledge(connection, number, person="Ann", now=clock.ns)
        again = await acknowledge(connection, number, person="Bob", now=clock.ns + S)
    assert (done.first, again.first, again.person) == (True, False, "Ann")
    clock.ns += DAY
    await work(sender)
    assert len(mails.taken) == 1


async def test_what_is_done_meanwhile_needs_nobody(engine, mails, clock, sender):
    await put(engine, "ann", escalate={"to": "bob", "after_min": 30})
    await put(engine, "bob", wishes=[])
    await place(engine)
    await tell(engine, clock, "1", kind="late")
    async with engine.begin() as connection:
        await connection.execute(update(notice).values(about="PO-1~m0"))
        await connection.execute(update(milestone).where(milestone.c.id == "PO-1~m0").values(done_at=1))
    clock.ns += DAY
    await work(sender)
    assert [mail.to for mail in mails.taken] == ["ann@example.org"]


async def test_the_link_in_a_mail_takes_its_matter_on_and_no_other_link_does(engine, mails, clock, sender):
    await put(engine, "ann", escalate={"to": "bob", "after_min": 30})
    await tell(engine, clock, "1", kind="late")
    await tell(engine, clock, "2")
    await work(sender)
    pressing, plain = sorted(mails.taken, key=lambda mail: mail.subject)
    assert "acknowledge" not in plain.body
    token = pressing.body.partition("https://plumbline.example/acknowledge/")[2].strip()
    links = Links(engine=engine, base=lambda: "", now_ns=clock)
    number = await links.read(token)
    one, until, signature = token.split(".")
    for forged in (
        "",
        "1",
        f"{int(one) + 1}.{until}.{signature}",
        f"{one}.{int(until) + 1}.{signature}",
        f"{one}.{until}.",
        "١.٢.x",
    ):
        with pytest.raises(UnknownThingError, match="not whole"):
            await links.read(forged)
    clock.ns += (VALID_S + 1) * S
    with pytest.raises(UnknownThingError, match="too old"):
        await links.read(token)
    async with engine.begin() as connection:
        assert (await acknowledge(connection, number, person=None, now=clock.ns, by_link=True)).person == "Ann"


async def test_a_digest_with_pressing_matters_has_one_link_for_all_of_them(engine, mails, clock, sender):
    await put(engine, "ann", wishes=[{"mode": "digest"}], escalate={"to": "bob", "after_min": 30})
    await put(engine, "bob", wishes=[])
    await tell(engine, clock, "1", "2", kind="late")
    clock.ns += DAY
    await work(sender)
    (mail,) = mails.taken
    assert "https://plumbline.example/acknowledge/" in html_of(mail)
    token = mail.body.partition("/acknowledge/")[2].strip()
    number = await Links(engine=engine, base=lambda: "", now_ns=clock).read(token)
    async with engine.begin() as connection:
        await acknowledge(connection, number, person=None, now=clock.ns, by_link=True)
    clock.ns += DAY
    await work(sender)
    assert len(mails.taken) == 1


async def test_two_services_make_one_digest_and_one_report(engine, mails, clock, sender):
    await place(engine)
    await put(engine, "ann", wishes=[{"mode": "digest"}, {"order": "PO-1", "mode": "weekly"}], weekday=3, digest_at="09:00")
    await tell(engine, clock, "1", "2")
    clock.ns += DAY
    other = Notices(
        engine=engine, notifier=Mail(f"smtp://127.0.0.1:{mails.port}?from=site@example.org"), zones=ZONES, now_ns=clock
    )
    await asyncio.gather(sender.go_round(), other.go_round())
    await asyncio.gather(work(sender), work(other))
    assert sorted(mail.subject for mail in mails.taken) == ["[PO-1] Digest: 2 notices", "[PO-1] Weekly report: Tower <steel>"]


async def test_what_turned_out_wrong_while_it_was_gathered_is_in_no_digest(engine, mails, clock, sender):
    await put(engine, "ann", wishes=[{"mode": "digest"}])
    await tell(engine, clock, "1", "2")
    async with engine.begin() as connection:
        wrong = update(notice).where(notice.c.about == "thing-1").values(state="recalled", corrected_at=1)
        await connection.execute(wrong)
    clock.ns += DAY
    await work(sender)
    assert [mail.subject for mail in mails.taken] == ["[PO-1] Thing 2"]


async def test_what_was_told_two_years_ago_is_forgotten_and_what_could_not_be_sent_is_not(engine, mails, clock, sender):
    await put(engine, "ann")
    await tell(engine, clock, "1", "2")
    await work(sender)
    async with engine.begin() as connection:
        await connection.execute(update(notice).where(notice.c.about == "thing-2").values(state="dead"))
    clock.ns += KEPT_NS + DAY
    await work(sender)
    assert await states(engine) == ["dead"]


def test_a_recipient_is_put_and_read_the_same():
    told = {"name": "Li", "ways": [{"way": "mail", "to": "li@example.org"}], "quiet": {"from": "22:00", "until": "06:00"}}
    document = RecipientDocument.model_validate(told)
    assert json.loads(document.model_dump_json(by_alias=True, exclude_defaults=True)) == told
