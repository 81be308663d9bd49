"""The weekly report, through a real mail server."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import tracking_site as site
from tests.notice_site import DAY, NOW, Clock, html_of, place, put, sender_of, work


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


async def test_the_weekly_report_comes_on_its_day_in_the_customers_language(engine, mails, clock, sender):
    await place(engine)
    await put(engine, "mei", language="zh", wishes=[{"order": "PO-1", "mode": "weekly"}], weekday=2, digest_at="10:30")
    await work(sender)
    assert mails.taken == []
    clock.ns += site.HOUR
    await work(sender)
    clock.ns += site.HOUR
    await work(sender)
    (mail,) = mails.taken
    assert mail.subject == "[PO-1] 每周进度报告: 塔楼钢材"
    assert "总进度 54%，3 个里程碑已完成 1 个" in mail.body
    assert "  + 6 件  钢梁  (18 / 24)" in mail.body
    assert "步骤 1" in html_of(mail)
    clock.ns += 7 * DAY
    await work(sender)
    assert len(mails.taken) == 2


async def test_a_report_of_all_orders_of_a_site_is_one_mail_and_safe_to_show(engine, mails, clock, sender):
    await place(engine, "PO-1")
    await place(engine, "PO-2")
    await put(engine, "ann", wishes=[{"site": site.SITE, "mode": "weekly"}], weekday=2, digest_at="09:00")
    await work(sender)
    (mail,) = mails.taken
    assert mail.subject == "Weekly report: 2 orders"
    assert "Tower <steel>" in mail.body
    assert "Tower &lt;steel&gt;" in html_of(mail)
    assert "<script" not in html_of(mail)


async def test_a_report_says_what_it_cannot_know(engine, mails, clock, sender):
    await place(engine)
    await site.put_gateway(engine, online=False, since=NOW - DAY, data_until=NOW - DAY)
    await put(engine, "ann", wishes=[{"order": "PO-1", "mode": "weekly"}], weekday=2, digest_at="09:00")
    await work(sender)
    assert "has not been heard since 2026-09-21 10:00" in mails.taken[0].body


async def test_a_report_that_is_long_overdue_is_left_out(engine, mails, clock, sender):
    await place(engine)
    await put(engine, "ann", wishes=[{"order": "PO-1", "mode": "weekly"}], weekday=5, digest_at="09:00")
    await work(sender)
    assert mails.taken == []
