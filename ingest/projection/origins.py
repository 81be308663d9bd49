"""Which events points were made of: asked where a store refuses some, and there may be thousands of them."""

from collections.abc import Callable, Hashable, Iterable, Sequence

from plumbline.event import Event
from plumbline.series import Point


def origins(points: Sequence[Point], events: Iterable[Event], made: Callable[[Event], Iterable[Point]]) -> list[Event | None]:
    """The event of each point, in the order of the points; `None` where none of the events makes it.

    `made` gives the points of an event. It is asked once for each event of the points' devices, however many points there are.
    """
    wanted = list(map(_content, points))
    devices = {point.tags.get("device") for point in points}
    found: dict[Hashable, Event] = {}
    for event in events if points else ():
        if event.device in devices:
            for point in made(event):
                found.setdefault(_content(point), event)
    return [found.get(content) for content in wanted]


def _content(point: Point) -> Hashable:
    return point.measurement, point.at, frozenset(point.tags.items()), frozenset(point.fields.items())
