"""What the ledger's report says of streams: balance, asking, days, loss, direct devices."""

import msgspec
from sqlalchemy import insert

from ingest.direct.tables import direct_gap, direct_lane, direct_tally
from ingest.ledger.report import report
from ingest.tables import gap_request, ledger_day, ledger_lost, ledger_stream
from plumbline.inbox import gateway

SECOND = 10**9
NOW = 1_781_150_400 * SECOND
KEY = {"site": "yard", "gateway": "gw", "epoch": "e1", "event_class": "business"}


async def put(engine, table, **values):
    async with engine.begin() as connection:
        await connection.execute(insert(table).values(values))


async def stream(engine, upto, *beyond, **values):
    fixed = KEY | {"upto": upto, "beyond": msgspec.json.encode(beyond).decode(), "first_seen": 1, "last_seen": NOW}
    await put(engine, ledger_stream, **(fixed | values))


async def test_missing_numbers_are_told_by_day_with_what_was_asked_of_them(engine):
    await stream(engine, 5, (8, 9), (12, 20), received=16)
    for day, first, last, received in (("2026-06-10", 1, 9, 7), ("2026-06-11", 12, 20, 9)):
        await put(engine, ledger_day, **KEY, day=day, first_seq=first, last_seq=last, received=received)
    await put(engine, gap_request, **KEY, times=3, asked_at=NOW - 120 * SECOND, asked="[[6,7]]")
    (one,) = await report(engine, now=NOW)
    assert one.verdict == "waits for 4 numbers (6-7, 10-11), asked 3 times, last 2 min ago"
    assert (one.asked.times, one.asked.numbers, one.missing_ranges) == (3, 2, ((6, 7), (10, 11)))
    assert [(day.missing, day.asked) for day in one.days] == [(2, 2), (2, 0)]
    assert [day.day for s in await report(engine, since="2026-06-11") for day in s.days] == ["2026-06-11"]
    assert await report(engine, day="2026-06-12") == []
    assert await report(engine, gateway="other") == []


async def test_books_that_do_not_balance_are_loud(engine):
    await stream(engine, 10, received=9)
    (one,) = await report(engine)
    assert one.off_by == -1
    assert one.verdict.startswith("THE BOOKS DO NOT BALANCE")


async def test_what_a_gateway_lost_and_that_it_is_offline_is_said(engine):
    await stream(engine, 10, (12, 12), received=6, lost=5)
    await put(engine, ledger_lost, **KEY, first=1, last=5, told_at=1)
    await put(engine, gateway, site="yard", gateway="gw", online=False, since=NOW, last_seen=NOW)
    (one,) = await report(engine)
    assert one.lost_ranges == ((1, 5),)
    assert one.verdict == (
        "waits for 1 number (11), not asked for yet, the gateway is offline since 2026-06-11 04:00:00Z;"
        " 5 lost: the gateway does not have them any more (1-5)"
    )


async def test_an_old_outbox_is_not_waited_for(engine):
    await stream(engine, 5, (8, 9), received=7)
    await stream(engine, 3, received=3, epoch="e2", first_seen=2)
    old, new = await report(engine)
    assert (old.closed, new.closed) == (True, False)
    assert "never came: the gateway has begun a new outbox since" in old.verdict
    assert new.verdict == "complete"


async def test_direct_devices_are_marked_with_what_mqtt_promised(engine):
    await stream(engine, 10, received=10, gateway="meters")
    place = {"site": "yard", "gateway": "meters"}
    await put(engine, direct_lane, **place)
    await put(engine, direct_tally, **place, epoch="e1", messages=12, qos0=4, first_seen=1, last_seen=NOW)
    await put(engine, direct_gap, **place, since=NOW - 90 * SECOND, until=NOW - 30 * SECOND, kept=True)
    (one,) = await report(engine)
    assert (one.direct.messages, one.direct.qos0, one.direct.unheard_s) == (12, 4, 60.0)
    assert one.verdict == (
        "direct devices: everything that MQTT gave us; 4 of 12 messages with QoS 0, which nobody sends again;"
        " not subscribed once, 60 s in all, last until 2026-06-11 03:59:30Z (the broker kept QoS 1 for us)"
    )
