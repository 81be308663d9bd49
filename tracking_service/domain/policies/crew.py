"""People checked in, by role and count: at one time, or over a shift."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from plumbline.text import Text, joined, visible
from tracking_service.domain.facts import CheckedIn, Evidence, Facts, Need, Result
from tracking_service.domain.policies.policy import Named, clock, ordered, percent
from tracking_service.domain.policies.spans import Span, cover, since


class Crew(NamedTuple):
    """So many people of a role; without a role: of any, those with one included."""

    role: Named | None
    people: int


class Shift(NamedTuple):
    """The hours of a shift by the site's clock; one that ends before it begins ends on the next day."""

    start: time
    end: time


_Stay = Span[CheckedIn]
_There = Mapping[Crew, Sequence[_Stay]]


@dataclass(frozen=True, slots=True)
class CrewCheckedIn:
    """Done at the first moment at which enough people of each role are there; over a shift: have been there during one shift."""

    need: Need
    place: Named
    crew: tuple[Crew, ...]
    shift: Shift | None
    """`None`: all at one time."""
    stay: int
    """ns: whoever did not check out is taken to have left after this."""
    since: int
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        who = joined(_wanted(each) for each in self.crew)
        place = self.place.title
        if self.shift is None:
            return Text(f"{who.en} are checked in at {place.en} at the same time", f"{place.zh}同时在场：{who.zh}")
        start, end = (each.strftime("%H:%M") for each in self.shift)
        return Text(
            f"{who.en} have checked in at {place.en} during one shift ({start} to {end})",
            f"同一班次({start}-{end})内{place.zh}签到：{who.zh}",
        )

    def needs(self) -> set[Need]:
        """Its place."""
        return {self.need}

    def evaluate(self, facts: Facts) -> Result:
        """How many of the people wanted are there now; over a shift: were there during the best one."""
        acts = set(facts.check_ins.get(self.need.key, ()))
        stays = list(since(_stays(acts, self.stay), self.since))
        come = [stay for stay in stays if stay.start <= facts.now]
        coming = min((stay.start for stay in stays if stay.start > facts.now), default=None)  # by a clock that is fast
        found = self._together(come, facts.now) if self.shift is None else self._over(self.shift, come, facts.now)
        wakes = [at for at in (found.wake_at, coming) if at is not None]
        return found if found.done_at is not None else replace(found, wake_at=min(wakes, default=None))

    def _together(self, stays: Sequence[_Stay], now: int) -> Result:
        there: dict[str, _Stay] = {}
        steps = sorted(
            [(stay.end, 0, stay.proof.person, stay) for stay in stays if stay.end <= now]
            + [(stay.start, 1, stay.proof.person, stay) for stay in stays],
            key=lambda step: (step[0], step[1], step[2], step[3].proof.id),
        )
        roles = Counter[str]()
        for place, (at, comes, person, stay) in enumerate(steps):
            left = there.pop(person, None)
            if left is not None:
                roles[_role(left.proof.role)] -= 1
            if comes:
                there[person] = stay
                roles[_role(stay.proof.role)] += 1
            whole = place + 1 == len(steps) or steps[place + 1][0] > at
            if comes and whole and self._enough(roles, len(there)):
                return self._result(self._matched(there.values()), at, None)
        found = self._matched(there.values())
        return self._result(found, None, min((stay.end for stay in there.values()), default=None))

    def _over(self, shift: Shift, stays: Sequence[_Stay], now: int) -> Result:
        """Of each shift everybody who was there in it."""
        days: defaultdict[date, dict[tuple[str, str], _Stay]] = defaultdict(dict)
        upcoming: list[int] = []
        for stay in stays:
            for day, start, end in _shifts(shift, stay, self.zone):
                if start > now:
                    upcoming.append(start)
                elif start < stay.end and stay.start < end:
                    came = stay._replace(start=max(stay.start, start))
                    who = (stay.proof.person, _role(stay.proof.role))
                    known = days[day].get(who)
                    days[day][who] = came if known is None else min(known, came, key=lambda each: (each.start, each.proof.id))
        wake_at = min(upcoming, default=None)
        best: tuple[tuple[bool, int, Fraction, int], _There, int | None] | None = None
        for day, people in days.items():
            done_at = self._when_enough(people.values())
            found = self._matched(people.values())
            rank = (done_at is not None, -(done_at or 0), _share(self.crew, found), day.toordinal())
            if best is None or rank > best[0]:
                best = rank, found, done_at
        if best is None:
            return self._result({}, None, wake_at)
        return self._result(best[1], best[2], wake_at if best[2] is None else None)

    def _when_enough(self, people: Iterable[_Stay]) -> int | None:
        """When the last one came who was needed."""
        found = self._matched(people)
        if any(len(found[each]) < each.people for each in self.crew):
            return None
        return max(stay.start for stays in found.values() for stay in stays)

    def _enough(self, roles: Mapping[str, int], people: int) -> bool:
        return all((people if each.role is None else roles.get(_role(each.role.id), 0)) >= each.people for each in self.crew)

    def _matched(self, people: Iterable[_Stay]) -> _There:
        """By role those who came first, no more than are wanted, each person once."""
        rows = sorted(people, key=lambda stay: (stay.start, stay.proof.id))
        found: dict[Crew, list[_Stay]] = {}
        for each in self.crew:
            chosen: dict[str, _Stay] = {}
            for stay in rows:
                if (each.role is None or _role(stay.proof.role) == _role(each.role.id)) and len(chosen) < each.people:
                    chosen.setdefault(stay.proof.person, stay)
            found[each] = list(chosen.values())
        return found

    def _result(self, found: _There, done_at: int | None, wake_at: int | None) -> Result:
        proof = ordered(
            Evidence(stay.proof.at, stay.proof.id, self._came(stay.proof)) for stays in found.values() for stay in stays
        )
        return Result(percent(_share(self.crew, found)), done_at, self._why(found, done_at), proof, wake_at)

    def _came(self, act: CheckedIn) -> Text:
        person, when, place = visible(act.person, 48), clock(act.at, self.zone), self.place.title
        wanted = (each.role.title for each in self.crew if each.role and _role(each.role.id) == _role(act.role))
        shown = visible(act.role, 48) if act.role else ""
        role = next(wanted, Text(shown, shown)) if act.role else None
        return Text(
            f"{person}{f' ({role.en})' if role else ''} checked in at {place.en} at {when}",
            f"{person}{f'({role.zh})' if role else ''} {when} 在{place.zh}签到",
        )

    def _why(self, found: _There, done_at: int | None) -> Text:
        place = self.place.title
        if done_at is not None:
            who, when = joined(_wanted(each) for each in self.crew), clock(done_at, self.zone)
            return Text(f"{who.en} were at {place.en} by {when}", f"{when} {place.zh}已到：{who.zh}")
        there = joined(
            Text(
                f"{len(found.get(each, ()))} of {_wanted(each).en}",
                f"{each.role.title.zh + ' ' if each.role else ''}{len(found.get(each, ()))}/{each.people} 人",
            )
            for each in self.crew
        )
        if self.shift is None:
            return Text(f"At {place.en} now: {there.en}", f"{place.zh}现有：{there.zh}")
        return Text(f"At {place.en} in one shift at most: {there.en}", f"{place.zh}单个班次最多：{there.zh}")


def _stays(acts: Iterable[CheckedIn], stay: int) -> Iterator[_Stay]:
    """From when to when each person was there. Who checks in again without having left is there since the first time."""
    by_person: defaultdict[str, list[CheckedIn]] = defaultdict(list)
    for act in acts:
        by_person[act.person].append(act)
    for own in by_person.values():
        own.sort(key=lambda act: (act.at, act.direction == "out", act.id, act.role or ""))
        spans: list[_Stay] = []
        change = following = None
        for act in reversed(own):
            if following is not None and (following.direction, _role(following.role)) != (act.direction, _role(act.role)):
                change = following.at
            following = act
            if act.direction == "in":
                spans.append(Span(act.at, act.at + stay if change is None else min(act.at + stay, change), act))
        yield from cover(reversed(spans))


def _shifts(shift: Shift, stay: _Stay, zone: tzinfo) -> Iterator[tuple[date, int, int]]:
    """The shifts that a stay may reach into, with their beginnings and ends (UTC, ns)."""
    first = datetime.fromtimestamp(stay.start // 1_000_000_000, UTC).astimezone(zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(stay.end // 1_000_000_000, UTC).astimezone(zone).date()
    over_night = timedelta(days=1 if shift.end <= shift.start else 0)
    for place in range((last - first).days + 1):
        day = first + timedelta(days=place)
        yield day, _at(day, shift.start, zone), _at(day + over_night, shift.end, zone)


def _at(day: date, hour: time, zone: tzinfo) -> int:
    return round(datetime.combine(day, hour, zone).timestamp()) * 1_000_000_000


def _share(crew: Sequence[Crew], found: _There) -> Fraction:
    return Fraction(sum(len(found.get(each, ())) for each in crew), sum(each.people for each in crew))


@lru_cache(maxsize=1024)
def _role(role: str | None) -> str:
    """A role as it is compared: upper and lower case are the same."""
    return (role or "").strip().casefold()


def _wanted(crew: Crew) -> Text:
    if crew.role is None:
        return Text("1 person" if crew.people == 1 else f"{crew.people} people", f"{crew.people} 人")
    return Text(f"{crew.people} × {crew.role.title.en}", f"{crew.role.title.zh} {crew.people} 人")
