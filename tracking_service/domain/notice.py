"""What a notice says, in the recipient's language."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple

from plumbline.text import Language, Text, amount
from tracking_service.domain.milestone import Completed, MilestoneEvent, Passed, Reopened


class LineStanding(NamedTuple):
    """How much of a line is there."""

    number: str
    title: Text
    unit: str
    expected: Decimal
    arrived: Decimal


class MilestoneBrief(NamedTuple):
    """What a notice tells of its milestone."""

    id: str
    order: str
    order_title: Text
    title: Text
    percent: Decimal
    due: int | None
    evidence: int
    """How many scans the percentage rests on."""
    lines: Sequence[LineStanding]
    zone: tzinfo
    """The site's."""


class Message(NamedTuple):
    """A mail's subject and plain text."""

    subject: str
    body: str


def dedup_key(event: MilestoneEvent, milestone: str) -> str:
    """What this notice is about: a second one with the same key and recipient is never made."""
    match event:
        case Passed(step):
            return f"{milestone}|passed|{step}"
        case Completed(at):
            return f"{milestone}|completed|{at}"
        case Reopened():
            raise ValueError("a reopened milestone has no notice of its own")
        case _:
            return f"{milestone}|short|{event.due}"


def compose(event: MilestoneEvent, brief: MilestoneBrief, language: Language) -> Message:
    """Write the notice of `event`."""
    said = headline(event, brief).of(language)
    colon = "：" if language == "zh" else ": "
    rows = [
        f"  {line.number}  {line.title.of(language)}{colon}{amount(line.arrived)} / {amount(line.expected)} {line.unit}"
        for line in brief.lines
    ]
    if language == "zh":
        body = [
            said,
            "",
            f"订单：{brief.order} {brief.order_title.zh}",
            f"里程碑：{brief.title.zh}",
            f"进度：{amount(brief.percent)}%(依据 {brief.evidence} 次扫描)",
            f"期限：{local(brief.due, brief.zone) if brief.due is not None else '未设'}",
            "",
            "物料(到货 / 应到)：",
            *rows,
        ]
    else:
        body = [
            said,
            "",
            f"Order: {brief.order} {brief.order_title.en}",
            f"Milestone: {brief.title.en}",
            f"Progress: {amount(brief.percent)} % (on the evidence of {brief.evidence} scan{'' if brief.evidence == 1 else 's'})",
            f"Due: {local(brief.due, brief.zone) if brief.due is not None else 'no date'}",
            "",
            "Material (arrived / expected):",
            *rows,
        ]
    return Message(f"[{brief.order}] {said}", "\n".join(body) + "\n")


def headline(event: MilestoneEvent, brief: MilestoneBrief) -> Text:
    """The notice in one sentence: a mail's subject, and the line on the wall."""
    match event:
        case Passed(step):
            return Text(
                f"{brief.title.en}: more than {step} % ({amount(brief.percent)} %)",
                f"{brief.title.zh}：已过 {step}%({amount(brief.percent)}%)",
            )
        case Completed(at):
            when = local(at, brief.zone)
            return Text(f"{brief.title.en}: completed on {when}", f"{brief.title.zh}：已于 {when} 完成")
        case Reopened():
            return Text(
                f"{brief.title.en}: open again ({amount(brief.percent)} %)",
                f"{brief.title.zh}：重新打开({amount(brief.percent)}%)",
            )
        case _:
            missing = [line for line in brief.lines if line.arrived < line.expected]
            what_en = ", ".join(f"{amount(line.expected - line.arrived)} {line.unit} {line.title.en}" for line in missing[:3])
            what_zh = "、".join(f"{line.title.zh} {amount(line.expected - line.arrived)} {line.unit}" for line in missing[:3])
            return Text(f"{brief.title.en}: due, and missing {what_en}", f"{brief.title.zh}：已到期，缺 {what_zh}")


def local(at: int, zone: tzinfo) -> str:
    """A time (UTC, ns) to the minute, as a clock on the site shows it."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
