"""How healthy an order is, 0 to 100: five parts, each with its points, its weight and the sentence why."""

from decimal import Decimal
from typing import Literal, NamedTuple

from plumbline.text import Text, amount

PartName = Literal["schedule", "material", "quality", "data", "open_questions"]


class Standing(NamedTuple):
    """What an order's health is made from."""

    behind: Decimal | None
    """Percent behind the plan, at the worst of its milestones; 0 or less: not behind; `None`: there is no plan."""
    late: int
    """Milestones past their date and not done."""
    needed: int
    """Lines that are needed within the time ahead, or were before."""
    short: int
    """Of these: not all there."""
    checks: int
    """Points of the inspection and test plan that have a result."""
    failed: int
    """Of these: the newest result is 'failed'."""
    gateways: int
    silent: int
    """Gateways that are offline or behind."""
    unlinked: int
    """Scans of the site that wait for a person."""
    contradictions: int
    """Sources that say different things."""


class PartScore(NamedTuple):
    """A part of the score."""

    name: PartName
    points: int
    of: int
    why: Text


class Score(NamedTuple):
    """The score and its parts; parts of which nothing is known are left out, and the others count for more."""

    points: int
    parts: tuple[PartScore, ...]


def score(standing: Standing) -> Score | None:
    """The health score; `None` where nothing is known of the order itself: a site whose gateways all speak makes none healthy."""
    own = (_schedule(standing), _material(standing), _quality(standing))
    if not any(own):
        return None
    parts = tuple(part for part in (*own, _data(standing), _questions(standing)) if part)
    total = sum(part.of for part in parts)
    return Score(round(100 * sum(part.points for part in parts) / total), parts)


def _part(name: PartName, of: int, share: float | Decimal, why: Text) -> PartScore:
    return PartScore(name, round(of * max(0.0, min(1.0, float(share)))), of, why)


def _schedule(standing: Standing) -> PartScore | None:
    if standing.behind is None and not standing.late:
        return None
    behind = max(Decimal(0), standing.behind or Decimal(0))
    share = 0 if standing.late else 1 - behind / 20  # 20 % behind is as bad as it gets
    if standing.late:
        many = standing.late != 1
        why = Text(
            f"{standing.late} milestone{'s' if many else ''} past {'their' if many else 'its'} date",
            f"{standing.late} 个里程碑已超期",
        )
    elif behind:
        shown = amount(behind.quantize(Decimal("0.1")))
        why = Text(f"{shown} % behind the plan", f"落后计划 {shown}%")
    else:
        why = Text("On plan", "符合计划")
    return _part("schedule", 40, share, why)


def _material(standing: Standing) -> PartScore | None:
    if not standing.needed:
        return None
    there = standing.needed - standing.short
    why = Text(
        f"{there} of {standing.needed} lines that are needed soon are there",
        f"近期所需 {standing.needed} 行物料，已到 {there} 行",
    )
    return _part("material", 25, there / standing.needed, why)


def _quality(standing: Standing) -> PartScore | None:
    if not standing.checks:
        return None
    why = (
        Text(f"{standing.failed} of {standing.checks} checks failed", f"{standing.checks} 项检查中 {standing.failed} 项不合格")
        if standing.failed
        else Text(f"All of {standing.checks} checks passed", f"{standing.checks} 项检查全部合格")
    )
    return _part("quality", 15, 1 - 2 * standing.failed / standing.checks, why)


def _data(standing: Standing) -> PartScore | None:
    if not standing.gateways:
        return None
    on = standing.gateways - standing.silent
    why = Text(f"{on} of {standing.gateways} gateways tell what they see", f"{standing.gateways} 个网关中 {on} 个在线")
    return _part("data", 10, on / standing.gateways, why)


def _questions(standing: Standing) -> PartScore:
    count = standing.unlinked + standing.contradictions
    why = (
        Text(
            f"{count} open question{'' if count == 1 else 's'}: scans that belong nowhere, sources that disagree",
            f"{count} 个待处理问题：未关联扫描、来源矛盾",
        )
        if count
        else Text("No open questions", "无待处理问题")
    )
    return _part("open_questions", 10, 1 - count / 20, why)
