"""People, orders and a sender for tests of notices; the tests' fixtures make of them what they need."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.text import Text
from tests import tracking_site as site
from tracking_service import notices
from tracking_service.domain.notice import Change, Said
from tracking_service.mail import Mail
from tracking_service.notices import Notices, recipients
from tracking_service.notices.acknowledging import Links
from tracking_service.notices.recipients import RecipientDocument
from tracking_service.tables import evidence, insert_new, material_line, milestone, notice, orders

ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
S = 10**9
NOW = 1_790_042_400 * S  # Tuesday 2026-09-22 10:00 in Shanghai
DAY = 24 * site.HOUR


class Clock:
    def __init__(self) -> None:
        self.ns = NOW

    def __call__(self) -> int:
        return self.ns


def sender_of(engine: AsyncEngine, mails: site.Mailbox, clock: Clock) -> Notices:
    """A sender to that mail server, with links."""
    links = Links(engine=engine, base=lambda: "https://plumbline.example", now_ns=clock)
    mail = Mail(f"smtp://127.0.0.1:{mails.port}?from=site@example.org")
    return Notices(engine=engine, notifier=mail, zones=ZONES, links=links, now_ns=clock)


async def work(sender):
    await sender.go_round()
    while await sender.send():
        pass


async def put(engine, name, *, wishes=({"mode": "immediate"},), **more):
    document = RecipientDocument.model_validate(
        {"name": name.title(), "ways": [{"way": "mail", "to": f"{name}@example.org"}], "wishes": list(wishes), **more}
    )
    async with engine.begin() as connection:
        await recipients.put(connection, name, document, ways=[], now=1)


async def tell(engine, clock, *keys, kind="task", order="PO-1", at=None):
    changes = [
        Change(
            event=Said(kind, key),
            site=site.SITE,
            order=order,
            subject=f"thing-{key}",
            headline=Text(f"Thing {key}", f"事 {key}"),
            details=(Text(f"more of {key}", f"{key} 详情"),),
            at=clock.ns if at is None else at,
        )
        for key in keys
    ]
    async with engine.begin() as connection:
        await notices.tell(connection, changes, clock.ns, zones=ZONES)


async def states(engine):
    async with engine.connect() as connection:
        return [row.state for row in await connection.execute(select(notice).order_by(notice.c.id))]


def html_of(mail: site.Mail) -> str:
    return mail.message.get_body(("html",)).get_content()


async def place(engine, number="PO-1"):
    texts = {"title_en": "Tower <steel>", "title_zh": "塔楼钢材"}
    line = {"unit": "pcs", "expected": Decimal(24), "arrived": Decimal(18), "certificate_required": False}
    async with engine.begin() as connection:
        order = {"number": number, "site": site.SITE, "customer": "Harbour Ltd", "document": "{}", "imported_at": 1, **texts}
        await insert_new(connection, orders, [order])
        plans = [(100, NOW - 2 * DAY, NOW - DAY), (62, None, NOW + 2 * DAY), (0, None, None)]
        rows = [
            {
                "id": f"{number}~m{n}",
                "order_number": number,
                "ordinal": n,
                "title_en": f"Step {n}",
                "title_zh": f"步骤 {n}",
                "percent": Decimal(percent),
                "evidence": 1,
                "policy": '{"material_arrived": {}}',
                "done_at": done,
                "due": due,
            }
            for n, (percent, done, due) in enumerate(plans)
        ]
        await insert_new(connection, milestone, rows)
        known = {
            "id": f"{number}~10",
            "order_number": number,
            "ordinal": 0,
            "line": "10",
            "title_en": "Beam",
            "title_zh": "钢梁",
        }
        await insert_new(connection, material_line, [known | line])
        came = {
            "line_id": f"{number}~10",
            "site": site.SITE,
            "device": "scanner-1",
            "quantity": Decimal(3),
            "counted": Decimal(3),
        }
        times = [NOW - 2 * DAY, NOW - 3 * DAY, NOW - 20 * DAY]
        await insert_new(
            connection,
            evidence,
            [came | {"event_id": f"{number}-{n}", "at": at, "piece": str(n)} for n, at in enumerate(times)],
        )
