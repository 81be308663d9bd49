"""The weekly report of an order: what arrived, where its milestones stand, which dates come next."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from html import escape
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.counted import counted
from plumbline.text import Language, Text, amount
from tracking_service import gateways
from tracking_service.document.policy import is_seen
from tracking_service.domain.hours import day_of
from tracking_service.domain.milestone import Rag, hiding, quietest
from tracking_service.domain.notice import local
from tracking_service.notices import page
from tracking_service.planning.colour import assess
from tracking_service.tables import evidence, material_line, milestone, orders

WEEK_NS: Final = 7 * 24 * 3600 * 1_000_000_000
#: A report lists so many lines and so many milestones of an order.
_LISTED: Final = 60


class Came(NamedTuple):
    """A line of which something came within the week."""

    title: Text
    unit: str
    week: Decimal
    arrived: Decimal
    expected: Decimal


class Reached(NamedTuple):
    """A milestone."""

    title: Text
    percent: Decimal
    due: int | None
    done_at: int | None
    rag: Rag
    state: Text


class Predicted(NamedTuple):
    """When an order will be finished, by its own pace."""

    even: int
    """As likely before as after (P50)."""
    safe: int
    """Four times of five before (P80)."""
    cases: int
    """What it rests on."""


Forecaster = Callable[[AsyncConnection, str], Awaitable[Predicted | None]]


class OrderReport(NamedTuple):
    """How an order stands, for its customer."""

    number: str
    title: Text
    customer: str
    site: str
    percent: Decimal
    milestones: Sequence[Reached]
    came: Sequence[Came]
    predicted: Predicted | None
    silent_since: int | None
    """Since when some gateway of the site has not been heard; `None`: all are."""
    zone: tzinfo


class Report(NamedTuple):
    """A report as it goes out."""

    subject: str
    body: str
    html: str


async def read(
    connection: AsyncConnection,
    numbers: Sequence[str],
    *,
    now: int,
    until: int,
    zones: Mapping[str, tzinfo],
    forecast: Forecaster | None = None,
) -> Sequence[OrderReport]:
    """How these orders stand, with what came within the week before `until`."""
    found = (await connection.execute(select(orders).where(orders.c.number.in_(numbers)).order_by(orders.c.number))).all()
    silent = gateways.by_site(await gateways.read(connection))
    reports: list[OrderReport] = []
    for row in found:
        zone = zones.get(row.site, UTC)
        plans = await connection.execute(
            select(milestone).where(milestone.c.order_number == row.number).order_by(milestone.c.ordinal)
        )
        reached = [_reached(plan, now, hiding(silent.get(row.site, ()), seen=is_seen(plan.policy)), zone) for plan in plans]
        percents = [one.percent for one in reached]
        reports.append(
            OrderReport(
                number=row.number,
                title=Text(row.title_en, row.title_zh),
                customer=row.customer,
                site=row.site,
                percent=(sum(percents, Decimal(0)) / len(percents)).quantize(Decimal("0.1")) if percents else Decimal(0),
                milestones=reached,
                came=await _came(connection, row.number, until),
                predicted=await forecast(connection, row.number) if forecast is not None else None,
                silent_since=min((quiet.since for quiet in silent.get(row.site, ())), default=None),
                zone=zone,
            )
        )
    return reports


def _reached(plan: Row[Any], now: int, silent: Sequence[Any], zone: tzinfo) -> Reached:
    quiet = quietest(silent, plan.due) if plan.due is not None else None
    clock = local(quiet.since, zone) if quiet is not None else ""
    found = assess(
        percent=plan.percent, done_at=plan.done_at, start=plan.start, due=plan.due, now=now, silent=silent, clock=clock
    )
    return Reached(Text(plan.title_en, plan.title_zh), plan.percent, plan.due, plan.done_at, found.rag, found.reason)


async def _came(connection: AsyncConnection, order: str, until: int) -> Sequence[Came]:
    week = (
        select(evidence.c.line_id, func.sum(evidence.c.counted).label("week"))
        .where(evidence.c.at >= until - WEEK_NS, evidence.c.at < until)
        .group_by(evidence.c.line_id)
        .subquery()
    )
    lines = await connection.execute(
        select(material_line, week.c.week)
        .join(week, week.c.line_id == material_line.c.id)
        .where(material_line.c.order_number == order)
        .order_by(material_line.c.ordinal)
    )
    return [
        Came(Text(line.title_en, line.title_zh), line.unit, line.week, line.arrived, line.expected)
        for line in lines
        if line.week
    ]


def write(reports: Sequence[OrderReport], *, until: int, zone: tzinfo, language: Language) -> Report:
    """The report in the recipient's language."""
    zh = language == "zh"
    week = f"{day_of(until - WEEK_NS, zone)} – {day_of(until - 1, zone)}"
    if len(reports) == 1:
        subject = f"[{reports[0].number}] {'每周进度报告' if zh else 'Weekly report'}: {reports[0].title.of(language)}"
        title = reports[0].title.of(language)
    else:
        title = f"每周进度报告：{len(reports)} 个订单" if zh else f"Weekly report: {len(reports)} orders"
        subject = title
    kicker = f"{'每周进度报告' if zh else 'Weekly report'} · {week}"
    lines = [kicker, ""]
    sections: list[str] = []
    for report in reports:
        words = _Words(report, language)
        lines += words.plain()
        sections += words.html(alone=len(reports) == 1)
    foot = (
        "各项数据均来自现场记录;百分比为各里程碑的平均值。"
        if zh
        else "Every figure rests on what was recorded on site; an order's percentage is the mean of its milestones'."
    )
    html = page.page(title, sections, language=language, kicker=kicker, foot=foot)
    return Report(subject, "\n".join([*lines, foot]) + "\n", html)


class _Words:
    """An order in a report."""

    def __init__(self, report: OrderReport, language: Language) -> None:
        self._report = report
        self._language: Language = language
        self._zh = language == "zh"
        self._done = sum(1 for one in report.milestones if one.done_at is not None)

    def _say(self, en: str, zh: str) -> str:
        return zh if self._zh else en

    def _progress(self) -> str:
        percent, total = amount(self._report.percent), len(self._report.milestones)
        return self._say(
            f"{percent} % overall, {self._done} of {total} milestones reached",
            f"总进度 {percent}%，{total} 个里程碑已完成 {self._done} 个",
        )

    def _predicted(self) -> str | None:
        found = self._report.predicted
        if found is None:
            return None
        even, safe = day_of(found.even, self._report.zone), day_of(found.safe, self._report.zone)
        return self._say(
            f"Expected to finish around {even}, with some certainty by {safe} (from {found.cases} cases)",
            f"预计于 {even} 前后完成，较有把握在 {safe} 之前(依据 {found.cases} 例)",
        )

    def _silent(self) -> str | None:
        if self._report.silent_since is None:
            return None
        since = local(self._report.silent_since, self._report.zone)
        return self._say(
            f"Part of the site has not been heard since {since}: what happened there is not in this report",
            f"自 {since} 起部分现场数据未传回，本报告不含该部分",
        )

    def _date(self, one: Reached) -> str:
        if one.done_at is not None:
            return self._say("reached ", "完成于 ") + str(day_of(one.done_at, self._report.zone))
        if one.due is None:
            return self._say("no date", "未设期限")
        return self._say("due ", "期限 ") + str(day_of(one.due, self._report.zone))

    def plain(self) -> list[str]:
        """As plain text."""
        report = self._report
        lines = [f"{report.number}  {report.title.of(self._language)}  ({report.customer})", self._progress()]
        lines += [line for line in (self._predicted(), self._silent()) if line is not None]
        lines += ["", self._say("Milestones", "里程碑")]
        lines += [
            f"  {amount(one.percent):>6} %  {one.title.of(self._language)}  ({self._date(one)})"
            for one in report.milestones[:_LISTED]
        ]
        lines += self._rest(len(report.milestones))
        lines += ["", self._say("Arrived this week", "本周到货")]
        lines += [
            f"  + {counted(one.week, one.unit).of(self._language)}  {one.title.of(self._language)}  ({amount(one.arrived)} / {amount(one.expected)})"
            for one in report.came[:_LISTED]
        ] or ["  " + self._say("nothing", "无")]
        return [*lines, *self._rest(len(report.came)), ""]

    def _rest(self, count: int) -> list[str]:
        return [self._say(f"  and {count - _LISTED} more", f"  另有 {count - _LISTED} 项")] if count > _LISTED else []

    def html(self, *, alone: bool) -> list[str]:
        """As HTML."""
        report = self._report
        name = f"{report.number} · {report.customer}"
        sections = [
            page.paragraph(name, colour="#59636e", size=14)
            if alone
            else page.heading(f"{report.number} · {report.title.of(self._language)}")
        ]
        sections += [page.bar(report.percent, height=12), page.paragraph("", size=4), page.paragraph(self._progress())]
        if (predicted := self._predicted()) is not None:
            sections.append(page.paragraph(predicted))
        if (silent := self._silent()) is not None:
            sections.append(page.paragraph(silent, colour=page.COLOURS["yellow"]))
        cells = [
            (self._milestone(one), f"{amount(one.percent)}&nbsp;%{page.small(self._date(one))}")
            for one in report.milestones[:_LISTED]
        ]
        sections += [page.heading(self._say("Milestones", "里程碑")), page.rows(cells)]
        sections += [page.paragraph(line.strip()) for line in self._rest(len(report.milestones))]
        sections.append(page.heading(self._say("Arrived this week", "本周到货")))
        heads = (self._say("Material", "物料"), self._say("This week", "本周"), self._say("So far", "累计"))
        came = [
            (
                escape(one.title.of(self._language)),
                "+&nbsp;" + escape(counted(one.week, one.unit).of(self._language)).replace(" ", "&nbsp;"),
                f"{amount(one.arrived)}&nbsp;/&nbsp;{amount(one.expected)}",
            )
            for one in report.came[:_LISTED]
        ]
        sections.append(page.rows(came, heads=heads) if came else page.paragraph(self._say("Nothing arrived.", "本周无到货。")))
        return sections + [page.paragraph(line.strip()) for line in self._rest(len(report.came))]

    def _milestone(self, one: Reached) -> str:
        colour = page.COLOURS["green" if one.done_at is not None else "blue"]
        said = f"{page.dot(one.rag)} {escape(one.title.of(self._language))}{page.small(one.state.of(self._language))}"
        return f'{said}<div style="padding-top:6px">{page.bar(one.percent, colour, height=5)}</div>'
