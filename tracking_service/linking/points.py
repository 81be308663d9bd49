"""Which point of an order's inspection and test plan a check was of that was seen on site.

It follows from what the check says, the orders, and what a person decided about it: as with scans never from who made it or
when. What cannot be told waits for a person.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from plumbline.text import Text, visible
from tracking_service import acts
from tracking_service.company import called
from tracking_service.entitlement import Holders, refusal

#: A sentence names so many orders.
_NAMED: Final = 4

PointKey = tuple[str, str]
"""Order and point."""


class Point(NamedTuple):
    """A point of an order's plan, or one that only a policy names."""

    order: str
    point: str
    site: str
    title: Text
    role: str | None = None
    """Whose result counts."""
    photo: bool = False
    """Hidden work: it needs a picture."""


class Told(NamedTuple):
    """What a check says, as far as it says where it belongs."""

    site: str
    order: str | None
    point: str
    person: str | None


class Stood(NamedTuple):
    """What a check was before: where it belonged, as whom it was taken, and whether a new order may put that in doubt."""

    point: PointKey
    role: str | None
    person: str | None
    doubtful: bool = False


class Meant(NamedTuple):
    """It was of this point."""

    point: Point
    person: str | None
    """Who inspected: as the check says, or as a person corrected it."""
    role: str | None
    """The role that this point asked for when it was taken."""


class Waits(NamedTuple):
    """It waits for a person."""

    reason: str
    text: Text


@dataclass(frozen=True, slots=True)
class Plans:
    """What is known of orders and their points, as far as some checks may be of them."""

    orders: frozenset[str] = frozenset()
    """Numbers of orders that there are."""
    points: Mapping[PointKey, Point] = field(default_factory=dict[PointKey, Point])
    on_site: Mapping[tuple[str, str], Sequence[Point]] = field(default_factory=dict[tuple[str, str], Sequence[Point]])
    """By site and point: those of all orders."""
    holders: Mapping[str, Holders] = field(default_factory=dict[str, Holders])
    """Who has each role."""
    roles: Mapping[str, Text] = field(default_factory=dict[str, Text])
    """What people call roles."""


def meant(
    told: Told,
    plans: Plans,
    *,
    decisions: Sequence[acts.AssignAct | acts.UnlinkAct] = (),
    stood: Stood | None = None,
    names: Collection[str] = (),
) -> Meant | Waits:
    """What a check was of.

    Args:
        told: what it says.
        plans: the orders.
        decisions: what people decided about it, in order; the last counts.
        stood: what it was before. It stays so where it was not in doubt, though another order now has the same point, and though
            who inspected has left the company since.
        names: what else stands for the person that it names: whose badge that is.
    """
    person = told.person
    match decisions[-1] if decisions else None:
        case acts.UnlinkAct() as done:
            return Waits("unlinked", Text(f"it was taken off its order: {done.why}", f"已从订单移除：{done.why}"))
        case acts.AssignAct() as done:
            person = done.inspector or person
            found = plans.points.get((done.order, done.check))
            if found is None:
                return Waits(
                    "unknown_point",
                    Text(
                        f"order {done.order} has no inspection '{done.check}' any more",
                        f"订单 {done.order} 已没有检查项“{done.check}”",
                    ),
                )
        case _:
            found = _named(told, plans, told.order) if told.order is not None else _found(told, plans, stood)
    if isinstance(found, Waits):
        return found
    if found.role is not None and not _taken(stood, found, person):
        known_as = [person, *(names if person == told.person else ())] if person is not None else []
        why = refusal(found.role, plans.holders.get(found.role), known_as, called(plans.roles, found.role))
        if why is not None:
            where = Text(f"{found.title.en} of {found.order}", f"{found.order} 的{found.title.zh}")
            return Waits("not_entitled", Text(f"{where.en}: who inspected: {why.en}", f"{where.zh}：检查人：{why.zh}"))
    return Meant(found, person, found.role)


def _taken(stood: Stood | None, found: Point, person: str | None) -> bool:
    """Whether it was taken of this point, in the role that it asks for, by the same person: that is not asked again."""
    return stood is not None and stood[:3] == ((found.order, found.point), found.role, person)


def _named(told: Told, plans: Plans, order: str) -> Point | Waits:
    point = plans.points.get((order, told.point))
    if point is not None:
        return point
    shown, check = visible(order, 64), visible(told.point, 64)
    if order not in plans.orders:
        return Waits("unknown_order", Text(f"there is no order '{shown}'", f"没有订单“{shown}”"))
    return Waits("unknown_point", Text(f"order {shown} has no inspection '{check}'", f"订单 {shown} 没有检查项“{check}”"))


def _found(told: Told, plans: Plans, stood: Stood | None) -> Point | Waits:
    candidates = plans.on_site.get((told.site, told.point), ())
    if stood is not None and not stood.doubtful:
        same = next((one for one in candidates if (one.order, one.point) == stood.point), None)
        if same is not None:
            return same
    if len(candidates) == 1:
        return candidates[0]
    check = visible(told.point, 64)
    if not candidates:
        return Waits(
            "unknown_point",
            Text(f"no order of this site has an inspection '{check}'", f"本工地没有订单包含检查项“{check}”"),
        )
    numbers = sorted(one.order for one in candidates)
    shown = ", ".join(numbers[:_NAMED])
    more = len(numbers) - _NAMED
    listed = Text(f"{shown} and {more} more", f"{shown} 等") if more > 0 else Text(shown, shown)
    return Waits(
        "ambiguous",
        Text(
            f"{len(numbers)} orders have the inspection '{check}': {listed.en}",
            f"{len(numbers)} 个订单都有检查项“{check}”：{listed.zh}",
        ),
    )
