"""Green, yellow, red: how far something is against how far its plan says it should be by now.

The plan between start and date is a straight line. Where a gateway is silent, what it saw is not known: what could only have
become late since then is `unknown`, not late.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from plumbline.text import Text, amount
from tracking_service.domain.milestone import WARN_NS, Assessment, Rag, Silence, longest

_DAY: Final = 24 * 3600 * 1_000_000_000
_HOUR: Final = 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """When a colour turns, in percent behind the plan."""

    yellow: Decimal = Decimal(5)
    red: Decimal = Decimal(10)

    @property
    def sentence(self) -> Text:
        """The rule as people read it."""
        return Text(
            f"Green: done, or at most {amount(self.yellow)} % behind its plan. Yellow: more than {amount(self.yellow)} % behind."
            f" Red: more than {amount(self.red)} % behind, or past its date. Without a start date: yellow within 3 days of its"
            " date. Unknown: it could have turned since a gateway fell silent.",
            f"绿：已完成，或落后计划不超过 {amount(self.yellow)}%。黄：落后超过 {amount(self.yellow)}%。"
            f"红：落后超过 {amount(self.red)}% 或已过期限。未设开始日期：距期限 3 天内为黄。未知：网关失联后可能已变化。",
        )


#: The rule where an order declares none.
DEFAULT: Final = Rule()


def planned(start: int | None, due: int | None, at: int) -> Decimal | None:
    """How many percent should be done at a moment (times UTC, ns); `None` where there is no plan to say so."""
    if due is None:
        return None
    if at >= due:
        return Decimal(100)
    if start is None or start >= due:
        return None
    return max(Decimal(0), Decimal(at - start) * 100 / (due - start))


def assess(
    *,
    percent: Decimal,
    done_at: int | None,
    start: int | None,
    due: int | None,
    now: int,
    silent: Iterable[Silence] = (),
    clock: str = "",
    rule: Rule = DEFAULT,
) -> Assessment:
    """The colour of a milestone and the sentence why. `clock`: how the silence's start reads on the site's clock (`14:02`)."""
    shown = amount(percent.quantize(Decimal("0.1"), ROUND_DOWN))
    if done_at is not None:
        return Assessment("done", "green", Text("Done", "已完成"))
    if due is None:
        return Assessment("open", "green", Text(f"{shown} % done; no date is set", f"已完成 {shown}%；未设期限"))
    colour = _colour(percent, start, due, now, rule)
    quiet = longest(silent, now)
    should = planned(start, due, now)
    # what is yellow by its date alone is so whatever a gateway saw
    if quiet is not None and should is not None and _WORSE[colour] > _WORSE[_colour(percent, start, due, quiet.since, rule)]:
        return Assessment(
            "unknown",
            "unknown",
            Text(f"Unknown since {clock}: gateway {quiet.gateway} is offline", f"自 {clock} 起未知：网关 {quiet.gateway} 离线"),
        )
    return Assessment("open", colour, _why(shown, should, percent, due, now))


_WORSE: Final[dict[Rag, int]] = {"green": 0, "yellow": 1, "red": 2, "unknown": 3}


def _colour(percent: Decimal, start: int | None, due: int, at: int, rule: Rule) -> Rag:
    if due <= at:
        return "red"
    should = planned(start, due, at)
    if should is None:
        return "yellow" if due - at <= WARN_NS else "green"
    behind = should - percent
    return "red" if behind > rule.red else "yellow" if behind > rule.yellow else "green"


def _why(shown: str, should: Decimal | None, percent: Decimal, due: int, now: int) -> Text:
    if due <= now:
        days = (now - due) // _DAY
        late = (
            Text(f"{days} day{'' if days == 1 else 's'} past its date", f"已超期 {days} 天")
            if days
            else Text("past its date", "已过期限")
        )
        return Text(f"{late.en} with {shown} % done".capitalize(), f"{late.zh}，完成 {shown}%")
    left = _left(due - now)
    if should is None:
        return Text(f"{shown} % done, {left.en}", f"已完成 {shown}%，{left.zh}")
    by_plan, behind = amount(should.quantize(Decimal("0.1"), ROUND_DOWN)), (should - percent).quantize(Decimal("0.1"))
    if behind <= 0:
        return Text(f"{shown} % done, {by_plan} % by plan, {left.en}", f"已完成 {shown}%，计划 {by_plan}%，{left.zh}")
    gap = amount(behind)
    return Text(
        f"{shown} % done, {by_plan} % by plan: {gap} % behind, {left.en}",
        f"已完成 {shown}%，计划 {by_plan}%：落后 {gap}%，{left.zh}",
    )


def _left(ns: int) -> Text:
    if days := ns // _DAY:
        return Text(f"{days} day{'' if days == 1 else 's'} left", f"剩余 {days} 天")
    if hours := ns // _HOUR:
        return Text(f"{hours} h left", f"剩余 {hours} 小时")
    return Text("less than an hour left", "剩余不到 1 小时")
