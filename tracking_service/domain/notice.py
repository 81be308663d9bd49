"""What a notice is about, and what it says, in the recipient's language.

A `Change` is one thing that people should hear. What it claims of a milestone can turn out wrong later: `stands` says
whether a claim that was told still agrees with what is known.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from plumbline.counted import counted
from plumbline.text import Language, Text, amount, joined, visible
from tracking_service.domain.milestone import STEPS, Completed, MilestoneEvent, Passed, Reopened, ShortAtDue

Kind = Literal[
    "progress", "completed", "reopened", "late", "unknown", "shortage", "forecast", "contradiction", "task", "report"
]
#: What can be subscribed to, with its meaning; `corrected` goes to whoever got the wrong notice, wanted or not.
KINDS: Final[Mapping[Kind, Text]] = {
    "progress": Text("a milestone passed 25, 50 or 75 %", "里程碑过 25%、50%、75%"),
    "completed": Text("a milestone is complete", "里程碑完成"),
    "reopened": Text("a milestone that was complete is open again", "已完成的里程碑重新打开"),
    "late": Text("a milestone's date has come and it is not complete", "里程碑到期未完成"),
    "unknown": Text("a milestone's date has come while a gateway is silent", "里程碑到期而网关失联"),
    "shortage": Text("material will be short", "物料将短缺"),
    "forecast": Text("the predicted finish has moved", "预计完成时间变动"),
    "contradiction": Text("two sources contradict each other", "数据来源互相矛盾"),
    "task": Text("something waits for a person's decision", "有事项待人处理"),
    "report": Text("the weekly report", "每周报告"),
}
#: The kinds that somebody has to take on.
PRESSING: Final[tuple[Kind, ...]] = ("late", "shortage", "contradiction")


@dataclass(frozen=True, slots=True)
class Unknown:
    """The date has come, but a gateway that may know better is silent."""

    due: int
    gateway: str
    since: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A milestone stands differently, which is no news by itself; what was told of it may be wrong now."""


@dataclass(frozen=True, slots=True)
class Said:
    """Anything that another room has to say.

    `key` tells it from others of its kind and subject: the same key is told once.
    """

    kind: Kind
    key: str


Happening = MilestoneEvent | Unknown | Moved | Said
_KIND: Final[Mapping[type, Kind]] = {
    Passed: "progress",
    Completed: "completed",
    Reopened: "reopened",
    ShortAtDue: "late",
    Unknown: "unknown",
}


class Standing(NamedTuple):
    """How far a milestone is."""

    percent: Decimal
    done_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that people should hear."""

    event: Happening
    site: str
    order: str | None
    subject: str
    """What it is about: a milestone's id, a line's, a device …"""
    headline: Text
    """One sentence; in a mail the subject."""
    details: tuple[Text, ...] = ()
    """Further lines of the body."""
    at: int
    """Observation time of what caused it (UTC, ns): old news of a gateway that catches up goes out together."""
    standing: Standing | None = None
    """How the milestone stands now: notices of it that say otherwise are corrected."""
    cause: Text | None = None
    """Why what was told before was wrong; `None`: it was right, and the world moved on."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The same for machines, as JSON."""

    @property
    def kind(self) -> Kind | None:
        """What people subscribe to; `None`: it is told to nobody by itself."""
        event = self.event
        return event.kind if isinstance(event, Said) else _KIND.get(type(event))

    @property
    def dedup_key(self) -> str:
        """What this notice is about: a second one with the same key and recipient is not made."""
        return dedup_key(self.event, self.subject)

    @property
    def claim(self) -> int | None:
        """What it claims of its milestone, as a number that `stands` reads."""
        match self.event:
            case Passed(step):
                return step
            case Completed(at):
                return at
            case ShortAtDue(due) | Unknown(due=due):
                return due
            case Reopened():
                return 0
            case _:
                return None


def stands(kind: str, claim: int, now: Standing) -> bool:
    """Whether a claim that was told agrees with how the milestone stands; times agree when they read the same."""
    match kind:
        case "progress":
            return now.percent >= claim
        case "completed":
            return now.done_at is not None and now.done_at // _MINUTE == claim // _MINUTE
        case "late":
            return now.done_at is None or now.done_at > claim
        case "reopened":
            return now.done_at is None
        case _:
            return True


_MINUTE: Final = 60_000_000_000
#: A longer key, of another room's making, ends in its hash.
_LONGEST_KEY: Final = 280


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
    """How many observations the percentage rests on."""
    lines: Sequence[LineStanding]
    zone: tzinfo
    """The site's."""
    site: str = ""
    done_at: int | None = None
    why: Text | None = None
    """The policy's sentence: what is there and what is missing."""

    @property
    def standing(self) -> Standing:
        """How far it is."""
        return Standing(self.percent, self.done_at)


class Message(NamedTuple):
    """A mail's subject and plain text."""

    subject: str
    body: str


def moved(brief: MilestoneBrief, before: Standing, *, at: int, cause: Text | None = None) -> Change | None:
    """What a milestone that stands at `brief` says to people who knew it at `before`; `None`: nothing.

    `at`: observation time of what moved it.
    """
    event = _event(before, brief.standing)
    if event is None:
        return None
    return of_milestone(event, brief, at=event.at if isinstance(event, Completed) else at, cause=cause)


def of_milestone(
    event: MilestoneEvent | Unknown | Moved, brief: MilestoneBrief, *, at: int, cause: Text | None = None
) -> Change:
    """A change of a milestone, in words and data."""
    return Change(
        event=event,
        site=brief.site,
        order=brief.order,
        subject=brief.id,
        headline=headline(event, brief),
        details=_details(brief),
        at=at,
        standing=brief.standing,
        cause=cause,
        data={
            "milestone": brief.id,
            "title": {"en": brief.title.en, "zh": brief.title.zh},
            "percent": float(brief.percent),
            "due": iso(brief.due),
            "done_at": iso(brief.done_at),
            "evidence": brief.evidence,
        },
    )


def _event(before: Standing, after: Standing) -> MilestoneEvent | Moved | None:
    if after.done_at is not None and before.done_at is None:
        return Completed(after.done_at)
    if after.done_at is None and before.done_at is not None:
        return Reopened()
    if after.done_at is None and (passed := [step for step in STEPS if before.percent < step <= after.percent]):
        return Passed(passed[-1])
    return Moved() if after != before else None


def dedup_key(event: Happening, subject: str) -> str:
    """What this notice is about: a second one with the same key and recipient is never made."""
    match event:
        case Passed(step):
            what = f"passed|{step}"
        case Completed(at):
            what = f"completed|{at}"
        case Reopened():
            what = "reopened"
        case ShortAtDue(due):
            what = f"short|{due}"
        case Unknown(due):
            what = f"unknown|{due}"
        case Said(kind, key):
            what = f"{kind}|{key}"
        case Moved():
            what = "moved"
    key = visible(f"{subject}|{what}", 4_000)
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[: _LONGEST_KEY - 65]}|{hashlib.sha256(key.encode()).hexdigest()}"


def compose(event: MilestoneEvent | Unknown | Moved, brief: MilestoneBrief, language: Language) -> Message:
    """Write the notice of `event`."""
    return written(of_milestone(event, brief, at=0), language)


def written(change: Change, language: Language) -> Message:
    """A change as a mail says it."""
    said = change.headline.of(language)
    rows = [detail.of(language) for detail in change.details]
    body = [said, *([""] if rows else []), *rows]
    subject = f"[{change.order}] {said}" if change.order else f"[{change.site}] {said}"
    return Message(subject, "\n".join(body) + "\n")


def corrected(change: Change, wrong: Sequence[tuple[str, int]], zone: tzinfo, language: Language) -> Message:
    """The notice that takes others back: `wrong` are their subjects and when they were sent."""
    said = change.headline.of(language)
    cause = change.cause or Text("data that came late say otherwise", "迟到的数据表明并非如此")
    quoted = [f"  “{subject}”  ({local(at, zone)})" for subject, at in wrong]
    rows = [detail.of(language) for detail in change.details]
    if language == "zh":
        return Message(
            f"[{change.order or change.site}] 更正：{said}",
            "\n".join([f"更正：{said}", "", "以下通知有误：", *quoted, f"原因：{cause.zh}", "", "现在的情况：", *rows]) + "\n",
        )
    return Message(
        f"[{change.order or change.site}] Corrected: {said}",
        "\n".join(
            [
                f"Corrected: {said}",
                "",
                "We told you, and it was wrong:",
                *quoted,
                f"Why: {cause.en}",
                "",
                "As it stands now:",
                *rows,
            ]
        )
        + "\n",
    )


def _details(brief: MilestoneBrief) -> tuple[Text, ...]:
    s = "" if brief.evidence == 1 else "s"
    due = local(brief.due, brief.zone) if brief.due is not None else None
    rows = [
        Text(f"Order: {brief.order} {brief.order_title.en}", f"订单：{brief.order} {brief.order_title.zh}"),
        Text(f"Milestone: {brief.title.en}", f"里程碑：{brief.title.zh}"),
        Text(
            f"Progress: {amount(brief.percent)} % (on the evidence of {brief.evidence} observation{s})",
            f"进度：{amount(brief.percent)}%(依据 {brief.evidence} 条记录)",
        ),
        Text(f"Due: {due or 'no date'}", f"期限：{due or '未设'}"),
    ]
    if brief.why is not None:
        rows.append(Text(f"Why: {brief.why.en}", f"说明：{brief.why.zh}"))
    if brief.lines:
        rows += [Text("", ""), Text("Material (arrived / expected):", "物料(到货 / 应到)：")]
    for line in brief.lines:
        here, of = amount(line.arrived), counted(line.expected, line.unit)
        rows.append(
            Text(f"  {line.number}  {line.title.en}: {here} / {of.en}", f"  {line.number}  {line.title.zh}：{here} / {of.zh}")
        )
    return tuple(rows)


def headline(event: MilestoneEvent | Unknown | Moved, brief: MilestoneBrief) -> Text:
    """The notice in one sentence: a mail's subject, and the line on the wall."""
    shown = amount(brief.percent)
    match event:
        case Passed(step):
            return Text(f"{brief.title.en}: at least {step} % ({shown} %)", f"{brief.title.zh}：已达 {step}%({shown}%)")
        case Completed(at):
            when = local(at, brief.zone)
            return Text(f"{brief.title.en}: completed on {when}", f"{brief.title.zh}：已于 {when} 完成")
        case Reopened():
            return Text(f"{brief.title.en}: open again ({shown} %)", f"{brief.title.zh}：重新打开({shown}%)")
        case Moved():
            done = headline(Completed(brief.done_at), brief) if brief.done_at is not None else None
            return done or Text(f"{brief.title.en}: {shown} %", f"{brief.title.zh}：{shown}%")
        case Unknown() | ShortAtDue():
            return _due(event, brief)


def _due(event: Unknown | ShortAtDue, brief: MilestoneBrief) -> Text:
    if isinstance(event, Unknown):
        clock = local(event.since, brief.zone)
        return Text(
            f"{brief.title.en}: due; unknown since {clock}, gateway {event.gateway} offline",
            f"{brief.title.zh}：已到期；自 {clock} 起未知，网关 {event.gateway} 离线",
        )
    missing = [line for line in brief.lines if line.arrived < line.expected]
    if not missing:
        return Text(
            f"{brief.title.en}: due, and at {amount(brief.percent)} %",
            f"{brief.title.zh}：已到期，完成 {amount(brief.percent)}%",
        )
    lacking = [(line.title, counted(line.expected - line.arrived, line.unit)) for line in missing[:3]]
    parts = joined(Text(f"{left.en} {title.en}", f"{title.zh} {left.zh}") for title, left in lacking)
    return Text(f"{brief.title.en}: due, and missing {parts.en}", f"{brief.title.zh}：已到期，缺 {parts.zh}")


def local(at: int, zone: tzinfo) -> str:
    """A time (UTC, ns) to the minute, as a clock on the site shows it."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def iso(at: int | None) -> str | None:
    """A time (UTC, ns) for machines (RFC 3339)."""
    return None if at is None else datetime.fromtimestamp(at // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
