"""Whatever happens to a milestone, and whenever mails go out in between: what people were told last is how it stands."""

import asyncio
import itertools
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from plumbline.text import Text
from tests import tracking_site as site
from tracking_service import notices
from tracking_service.domain.notice import Standing, stands
from tracking_service.tables import insert_new, milestone, notice, orders, subscription

S = 10**9
NOW = 1_790_042_400 * S
WHY = Text("a scan was void", "扫描作废")
_numbers = itertools.count()

#: How a milestone comes to stand, whether that is a correction, how long ago its cause was seen, and whether mails go out then.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 10, 30, 55, 80, 100]),
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from([0, 600]),
        st.sampled_from(["nothing", "claims", "sends", "refuses"]),
    ),
    max_size=10,
)


async def play(engine, steps):
    number = f"PO-{next(_numbers)}"
    which = f"{number}~m"
    texts = {"title_en": "M", "title_zh": "M"}
    async with engine.begin() as connection:
        row = {"number": number, "site": site.SITE, "customer": "C", "document": "{}", "imported_at": 1, **texts}
        await insert_new(connection, orders, [row])
        one = {
            "id": which,
            "order_number": number,
            "ordinal": 0,
            "percent": Decimal(0),
            "evidence": 0,
            "policy": '{"material_arrived": {}}',
            **texts,
        }
        await insert_new(connection, milestone, [one])
        person = {"order_number": number, "email": "ann@example.org", "name": "Ann", "language": "en"}
        await insert_new(connection, subscription, [person])
    before = Standing(Decimal(0), None)
    for n, (percent, minute, corrects, ago, then) in enumerate(steps):
        now = NOW + n * 3600 * S
        after = Standing(Decimal(percent), NOW - minute * 60 * S if percent == 100 else None)
        async with engine.begin() as connection:
            values = {"percent": after.percent, "done_at": after.done_at}
            await connection.execute(update(milestone).where(milestone.c.id == which).values(values))
            cause = WHY if corrects else None
            if after != before:
                await notices.moved(connection, {which: before}, now, zones={}, cause=cause, at=now - ago * S)
            ours = (notice.c.order_number == number) & notice.c.state.in_(("waiting", "gathered"))
            done = {
                "claims": {"state": "waiting", "attempts": 1, "last_error": None},
                "sends": {"state": "sent", "attempts": 1, "sent_at": now, "last_error": None},
                "refuses": {"state": "waiting", "attempts": 1, "last_error": "451"},
            }.get(then)
            if done is not None:
                await connection.execute(update(notice).where(ours).values(done))
        before = after
    async with engine.connect() as connection:
        return before, (
            await connection.execute(select(notice).where(notice.c.order_number == number).order_by(notice.c.id))
        ).all()


def test_what_people_were_told_last_is_how_it_stands(tmp_path):
    loop = asyncio.new_event_loop()
    engine = loop.run_until_complete(site.database(f"sqlite:///{tmp_path}/truth.db"))

    @settings(max_examples=60)
    @given(STEPS)
    def check(steps):
        standing, rows = loop.run_until_complete(play(engine, steps))
        held = [row for row in rows if row.corrected_at is None and row.claim is not None and row.state != "recalled"]
        assert all(stands(row.kind, row.claim, standing) for row in held), [(row.kind, row.claim, row.state) for row in held]
        if standing.done_at is not None:
            assert any(row.kind == "completed" for row in held)
        assert len({(row.dedup_key, row.recipient) for row in rows}) == len(rows)

    try:
        check()
    finally:
        loop.run_until_complete(engine.dispose())
        loop.close()
