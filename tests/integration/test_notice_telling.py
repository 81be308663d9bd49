"""Who hears of what, and how it is put right: the outbox as the transaction that moved a milestone leaves it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.text import Text
from tests import tracking_site as site
from tests.notice_site import DAY, NOW, ZONES, S, put
from tracking_service import notices
from tracking_service.domain.notice import Change, Said, Standing
from tracking_service.notices import recipients
from tracking_service.notices.recipients import RecipientDocument
from tracking_service.tables import insert_new, milestone, notice, orders, subscription

BEAMS = "PO-1~beams"
VOID = Text("a scan was void: wrong pallet", "扫描作废：托盘有误")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    await place(engine)
    yield engine
    await engine.dispose()


async def place(engine, number="PO-1", people=(("li@example.org", "李工", "zh"), ("ann@example.org", "Ann", "en"))):
    texts = {"title_en": "Tower steel", "title_zh": "塔楼钢材"}
    async with engine.begin() as connection:
        order = {"number": number, "site": site.SITE, "customer": "Harbour Ltd", "document": "{}", "imported_at": 1, **texts}
        await insert_new(connection, orders, [order])
        one = {
            "id": f"{number}~beams",
            "order_number": number,
            "ordinal": 0,
            "title_en": "Beams on site",
            "title_zh": "钢梁到场",
        }
        await insert_new(
            connection, milestone, [one | {"percent": Decimal(0), "evidence": 0, "policy": '{"material_arrived": {}}'}]
        )
        rows = [{"order_number": number, "email": to, "name": name, "language": language} for to, name, language in people]
        await insert_new(connection, subscription, rows)


async def move(engine, percent, done_at=None, *, at=0, now=NOW, cause=None, which=BEAMS):
    """Milestone and notices in one transaction, as the engine does it."""
    async with engine.begin() as connection:
        row = (await connection.execute(select(milestone).where(milestone.c.id == which))).one()
        values = {"percent": Decimal(percent), "done_at": done_at, "evidence": 3}
        await connection.execute(update(milestone).where(milestone.c.id == which).values(values))
        before = {which: Standing(row.percent, row.done_at)}
        return await notices.moved(connection, before, now, zones=ZONES, cause=cause, at=at)


async def due(engine, at, now):
    async with engine.begin() as connection:
        await connection.execute(update(milestone).where(milestone.c.id == BEAMS).values(due=at))
    async with engine.connect() as connection:
        if not await notices.anything_due(connection, now):
            return []
    async with engine.begin() as connection:
        return await notices.tell_due(connection, now, zones=ZONES)


async def outbox(engine, **values):
    statement = select(notice).order_by(notice.c.id)
    for name, value in values.items():
        statement = statement.where(notice.c[name] == value)
    async with engine.connect() as connection:
        return (await connection.execute(statement)).all()


async def sent(engine, at=NOW):
    async with engine.begin() as connection:
        values = {"state": "sent", "sent_at": at, "attempts": 1}
        await connection.execute(update(notice).where(notice.c.state.in_(("waiting", "gathered"))).values(values))


async def test_each_person_of_an_order_hears_in_their_language_once(engine):
    await move(engine, 30)
    await move(engine, 40)
    rows = await outbox(engine)
    assert {(row.recipient, row.subject, row.kind, row.state) for row in rows} == {
        ("li@example.org", "[PO-1] 钢梁到场：已达 25%(30%)", "progress", "waiting"),
        ("ann@example.org", "[PO-1] Beams on site: at least 25 % (30 %)", "progress", "waiting"),
    }
    assert len(rows) == 2


async def test_a_milestone_that_is_open_again_because_the_world_moved_on_is_told_and_not_called_an_error(engine):
    await move(engine, 100, NOW)
    await sent(engine)
    await move(engine, 80, now=NOW + DAY)
    (_, row) = await outbox(engine, recipient="ann@example.org")
    assert row.subject == "[PO-1] Beams on site: open again (80 %)"
    await move(engine, 100, NOW + 2 * DAY, now=NOW + 2 * DAY)
    assert [row.kind for row in await outbox(engine, recipient="ann@example.org")] == ["completed", "reopened", "completed"]


async def test_a_notice_that_was_wrong_is_corrected_to_exactly_those_who_got_it_quoting_it(engine):
    await move(engine, 100, NOW)
    await sent(engine, NOW + 60 * S)
    async with engine.begin() as connection:  # somebody who came later did not get the wrong one
        late = {"order_number": "PO-1", "email": "new@example.org", "name": "New", "language": "en"}
        await insert_new(connection, subscription, [late])
    await move(engine, 75, now=NOW + DAY, cause=VOID)
    rows = await outbox(engine, state="waiting")
    by = {row.recipient: row for row in rows}
    assert by["ann@example.org"].subject == "[PO-1] Corrected: Beams on site: open again (75 %)"
    assert "“[PO-1] Beams on site: completed on 2026-09-22 10:00”  (2026-09-22 10:01)" in by["ann@example.org"].body
    assert "Why: a scan was void: wrong pallet" in by["ann@example.org"].body
    assert "Progress: 75 %" in by["ann@example.org"].body
    assert by["li@example.org"].subject == "[PO-1] 更正：钢梁到场：重新打开(75%)"
    assert "原因：扫描作废：托盘有误" in by["li@example.org"].body
    assert by["new@example.org"].subject == "[PO-1] Beams on site: open again (75 %)"
    assert len(rows) == 3


async def test_a_correction_that_was_wrong_itself_is_corrected_and_done_is_told_again(engine):
    await move(engine, 100, NOW)
    await sent(engine)
    await move(engine, 75, now=NOW + DAY, cause=VOID)
    await sent(engine)
    await move(engine, 100, NOW, now=NOW + 2 * DAY, cause=Text("the scan counts after all", "扫描有效"))
    first, second, third = await outbox(engine, recipient="ann@example.org")
    assert third.subject == "[PO-1] Corrected: Beams on site: completed on 2026-09-22 10:00"
    assert second.subject in third.body
    assert first.corrected_at is not None
    assert second.corrected_at is not None
    assert third.corrected_at is None


async def test_a_correction_answers_the_mail_that_it_corrects(engine):
    await move(engine, 100, NOW)
    await sent(engine)
    await move(engine, 100, NOW - 2 * DAY, now=NOW + DAY, cause=VOID)
    first, second = await outbox(engine, recipient="ann@example.org")
    assert second.answers == f'["{first.dedup_key}"]'
    assert second.subject == "[PO-1] Corrected: Beams on site: completed on 2026-09-20 10:00"


async def test_what_has_not_left_is_put_right_where_it_waits(engine):
    await move(engine, 100, NOW)
    await move(engine, 100, NOW - site.HOUR, cause=VOID)
    (row,) = await outbox(engine, recipient="ann@example.org")
    assert (row.state, row.subject) == ("waiting", "[PO-1] Beams on site: completed on 2026-09-22 09:00")
    await move(engine, 60, cause=VOID)
    recalled, told = await outbox(engine, recipient="ann@example.org")
    assert (recalled.state, told.kind) == ("recalled", "reopened")


async def test_a_notice_that_may_have_left_is_corrected_not_recalled(engine):
    await move(engine, 100, NOW)
    async with engine.begin() as connection:  # claimed by a sender that has said nothing yet
        await connection.execute(update(notice).values(attempts=1))
    await move(engine, 60, cause=VOID)
    rows = await outbox(engine, recipient="ann@example.org")
    assert [row.kind for row in rows] == ["completed", "reopened"]
    assert "Corrected" in rows[1].subject


async def test_steps_that_were_passed_wrongly_are_taken_back_in_one_notice_and_may_be_passed_again(engine):
    await move(engine, 30)
    await move(engine, 60)
    await sent(engine)
    await move(engine, 10, cause=VOID)
    rows = await outbox(engine, recipient="ann@example.org", state="waiting")
    assert len(rows) == 1
    assert rows[0].subject == "[PO-1] Corrected: Beams on site: 10 %"
    assert rows[0].body.count("“") == 2
    await sent(engine)
    await move(engine, 55)
    (again,) = await outbox(engine, recipient="ann@example.org", state="waiting")
    assert again.subject == "[PO-1] Beams on site: at least 50 % (55 %)"


async def test_a_date_that_passes_is_told_once_as_late(engine):
    assert [change.kind for change in await due(engine, NOW - 1, NOW)] == ["late"]
    assert await due(engine, NOW - 1, NOW + DAY) == []
    assert [change.kind for change in await due(engine, NOW, NOW + DAY)] == ["late"]  # another date
    assert len(await outbox(engine, recipient="ann@example.org", kind="late")) == 2


async def test_while_a_gateway_is_silent_nothing_is_late_only_unknown_and_afterwards_what_it_is(engine):
    await site.put_gateway(engine, online=False, since=NOW - site.HOUR, data_until=NOW - 2 * site.HOUR)
    assert [change.kind for change in await due(engine, NOW - 1, NOW)] == ["unknown"]
    assert await due(engine, NOW - 1, NOW + 5 * S) == []
    (row,) = await outbox(engine, recipient="ann@example.org")
    assert row.subject == "[PO-1] Beams on site: due; unknown since 2026-09-22 08:00, gateway gw-1 offline"
    await sent(engine)
    from plumbline import inbox

    async with engine.begin() as connection:
        await connection.execute(update(inbox.gateway).values(online=True, data_until=NOW, last_seen=NOW))
    assert [change.kind for change in await due(engine, NOW - 1, NOW + 60 * S)] == ["late"]
    assert (await outbox(engine, recipient="li@example.org"))[-1].subject == "[PO-1] 钢梁到场：已到期，完成 0%"


async def test_what_is_signed_at_the_office_is_late_whatever_gateway_is_silent(engine):
    await site.put_gateway(engine, online=False, since=NOW - site.HOUR, data_until=NOW - 2 * site.HOUR)
    async with engine.begin() as connection:
        await connection.execute(update(milestone).values(policy='{"signed_off": {"role": "engineer"}}'))
    assert [change.kind for change in await due(engine, NOW - 1, NOW)] == ["late"]


async def test_who_was_told_that_it_is_late_hears_that_it_never_was(engine):
    await due(engine, NOW - site.HOUR, NOW)
    await sent(engine)
    await move(engine, 100, NOW - 2 * site.HOUR, now=NOW + site.HOUR)
    late, corrected = await outbox(engine, recipient="ann@example.org")
    assert late.corrected_at is not None
    assert corrected.subject == "[PO-1] Corrected: Beams on site: completed on 2026-09-22 08:00"
    assert "data that came late" in corrected.body
    assert corrected.state == "gathered"  # with whatever else the gateway tells late


async def test_what_was_late_and_is_done_later_was_rightly_late(engine):
    await due(engine, NOW - site.HOUR, NOW)
    await sent(engine)
    await move(engine, 100, NOW + site.HOUR, now=NOW + site.HOUR)
    assert [row.kind for row in await outbox(engine, recipient="ann@example.org")] == ["late", "completed"]


async def test_what_was_seen_before_we_told_the_opposite_is_a_correction_too(engine):
    await move(engine, 60, now=NOW)
    await sent(engine)
    await move(engine, 20, now=NOW + site.HOUR, at=NOW - site.HOUR)
    rows = await outbox(engine, recipient="ann@example.org")
    assert [row.kind for row in rows] == ["progress", "corrected"]


async def test_news_of_a_gateway_that_catches_up_is_gathered(engine):
    await move(engine, 30, at=NOW - site.HOUR)
    (row,) = await outbox(engine, recipient="ann@example.org")
    assert (row.state, row.catch_up) == ("gathered", True)


async def test_the_most_specific_wish_decides(engine):
    await put(
        engine,
        "ann",
        wishes=[
            {"mode": "off"},
            {"site": site.SITE, "mode": "digest"},
            {"order": "PO-1", "kinds": ["completed"], "mode": "immediate"},
        ],
    )
    await move(engine, 60)
    await move(engine, 100, NOW)
    rows = await outbox(engine, recipient="ann@example.org")
    assert [(row.kind, row.state, row.person) for row in rows] == [
        ("progress", "gathered", "ann"),
        ("completed", "waiting", "ann"),
    ]
    assert rows[0].next_attempt_at == NOW + 21 * site.HOUR  # 07:00 of the next day in Shanghai


async def test_who_wants_nothing_hears_nothing_though_an_order_names_them(engine):
    await put(engine, "ann", wishes=[{"mode": "off"}])
    await put(engine, "elsewhere", wishes=[{"site": "other", "mode": "immediate"}])
    await move(engine, 60)
    assert {row.recipient for row in await outbox(engine)} == {"li@example.org"}


async def test_a_person_who_said_nothing_of_this_order_hears_as_the_order_says_at_their_own_hours(engine):
    await put(engine, "ann", wishes=[{"order": "PO-9", "mode": "immediate"}], quiet={"from": "09:00", "until": "11:00"})
    await move(engine, 60)
    (row,) = await outbox(engine, recipient="ann@example.org")
    assert (row.state, row.next_attempt_at) == ("gathered", NOW + site.HOUR)


async def test_quiet_hours_are_the_persons_own_and_what_is_urgent_passes_them(engine):
    quiet = {"from": "22:00", "until": "06:00"}
    await put(engine, "mei", zone="America/New_York", quiet=quiet, urgent=["late"])  # it is 22:00 there
    await move(engine, 60)
    await due(engine, NOW - 1, NOW)
    rows = await outbox(engine, recipient="mei@example.org")
    assert [(row.kind, row.state, row.next_attempt_at - NOW) for row in rows] == [
        ("progress", "gathered", 8 * site.HOUR),
        ("late", "waiting", 0),
    ]


async def test_a_person_is_reached_by_every_way_they_named(engine):
    ways = [{"way": "mail", "to": "mei@example.org"}, {"way": "site-chat"}]
    document = RecipientDocument.model_validate({"name": "Mei", "ways": ways, "wishes": [{"mode": "immediate"}]})
    async with engine.begin() as connection:
        await recipients.put(connection, "mei", document, ways=["site-chat"], now=1)
        with pytest.raises(ValueError, match="there is no way 'site-chat'; the operator has mail, sms"):
            await recipients.put(connection, "mei", document, ways=["sms"], now=1)
    await move(engine, 60)
    assert [(row.way, row.recipient) for row in await outbox(engine, person="mei")] == [
        ("mail", "mei@example.org"),
        ("site-chat", "site-chat:"),
    ]


async def test_other_rooms_tell_their_own_news_once(engine):
    change = Change(
        event=Said("contradiction", "c-1"),
        site=site.SITE,
        order=None,
        subject="harbour/beam-7",
        headline=Text("Scanned at the gate, seen 12 km away", "门口已扫描，定位在 12 公里外"),
        at=NOW,
    )
    await put(engine, "mei", wishes=[{"site": site.SITE, "kinds": ["contradiction"], "mode": "immediate"}])
    for _ in range(2):
        async with engine.begin() as connection:
            await notices.tell(connection, [change], NOW, zones=ZONES)
    (row,) = await outbox(engine)
    assert row.subject == "[harbour] Scanned at the gate, seen 12 km away"
    assert row.order_number is None


async def test_whatever_another_room_says_can_be_told(engine):
    wild = "a\0b#1\n" * 100
    changes = [
        Change(
            event=Said("task", wild + end),
            site=site.SITE,
            order="PO-1",
            subject=wild,
            headline=Text(wild, wild),
            details=(Text(wild, wild),),
            at=NOW,
        )
        for end in "xyx"
    ]
    for _ in range(2):
        async with engine.begin() as connection:
            await notices.tell(connection, changes, NOW, zones=ZONES)
    assert len(await outbox(engine, recipient="ann@example.org")) == 2


async def test_a_transaction_that_fails_tells_nobody(engine):
    async def failing():
        async with engine.begin() as connection:
            await connection.execute(update(milestone).values(percent=Decimal(60)))
            await notices.moved(connection, {BEAMS: Standing(Decimal(0), None)}, NOW, zones=ZONES)
            raise KeyError

    with pytest.raises(KeyError):
        await failing()
    assert await outbox(engine) == []
