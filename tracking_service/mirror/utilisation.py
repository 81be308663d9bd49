"""How long a machine was in each state, by clock hour: arithmetic on what it told, nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from plumbline.series import Point
from tracking_service.domain.machine import STATES, Said, Spent

HOUR: Final = 3_600_000_000_000
"""Clock hours are UTC's: a site's day is for reports."""

#: In these a machine could have worked.
_MANNED: Final[tuple[Spent, ...]] = ("working", "idle", "fault")


class MachineHour(NamedTuple):
    """A clock hour of a machine, or the part of it that is over. Times in ns."""

    start: int
    spent: Mapping[Spent, int]
    """How long in each state; together how much of the hour is over."""


def hours(said: Sequence[Said], *, start: int, end: int, known_until: int) -> Iterator[MachineHour]:
    """Every hour from `start` (a full hour) up to `end` (now; the last hour may be a part).

    Args:
        said: what it told, in the order of its times: all of the window, and the last before it.
        start: UTC, ns.
        end: UTC, ns.
        known_until: what happened at this time and later is not known yet.
    """
    place = 0
    for hour in range(start, end, HOUR):
        over = min(hour + HOUR, end)
        spent: dict[Spent, int] = dict.fromkeys(STATES, 0)
        while place + 1 < len(said) and said[place + 1].at <= hour:
            place += 1
        for index in range(place, len(said)):
            one = said[index]
            if one.at >= over:
                break
            until = min(said[index + 1].at if index + 1 < len(said) else over, over, known_until)
            spent[one.state] += max(0, until - max(one.at, hour))
        spent["unknown"] = over - hour - sum(spent.values())
        yield MachineHour(hour, spent)


def point(site: str, device: str, hour: MachineHour) -> Point:
    """The hour as a point at its start: seconds in each state, and how much of the time that it could have worked it did.

    A machine that was off throughout worked 0 %; of an hour of which nothing is known there is no percentage.
    """
    fields = {f"{state}_s": hour.spent[state] / 1e9 for state in STATES}
    manned = sum(hour.spent[state] for state in _MANNED)
    if manned:
        fields["percent"] = 100 * hour.spent["working"] / manned
    elif hour.spent["off"]:
        fields["percent"] = 0.0
    return Point("utilisation", {"site": site, "device": device}, fields, hour.start)
