"""Equipment worked, or stood, in a zone for a time. What nobody saw does not count: a silent gateway never adds to it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from typing import Final, NamedTuple

from plumbline.text import Text, joined
from tracking_service.domain.facts import Evidence, Facts, Need, Result, Stated, Visit
from tracking_service.domain.policies.policy import Named, both, clock, lasting, ordered, percent
from tracking_service.domain.policies.spans import Span, cover, known_until, overlaps, since

_MINUTE: Final = 60_000_000_000
#: A gateway that has told nothing for longer is silent: its health comes every minute.
_SILENT: Final = 3 * _MINUTE


class Machine(NamedTuple):
    """A machine by its device, and the need under which the facts know it."""

    name: Named
    need: Need


class _Proof(NamedTuple):
    machine: Machine
    state: Stated | None
    visit: Visit | None


_Spent = Span[_Proof]


@dataclass(frozen=True, slots=True)
class EquipmentWorking:
    """Done when the machines have worked (or been) in a zone for so long: added up, or one of them without a break."""

    site: str
    machines: tuple[Machine, ...]
    place: Named | None
    """`None`: anywhere."""
    working: bool
    """False: being in the zone is enough."""
    duration: int
    """ns."""
    unbroken: bool
    since: int
    """What was before does not count."""
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        who = joined(machine.name.title for machine in self.machines)
        some = len(self.machines) > 1
        where = Text(f" in {self.place.title.en}", f"在{self.place.title.zh}") if self.place else Text("", "")
        long = lasting(self.duration)
        sum_en, sum_zh = (" without a break", "连续") if self.unbroken else (" in all", "累计") if some else ("", "累计")
        one_en, one_zh = ("one of ", "中任一台") if self.unbroken and some else ("", "")
        did_en, did_zh = ("worked", "作业") if self.working else ("been", "停留")
        have = "have" if some and not self.unbroken else "has"
        return Text(
            f"{one_en}{who.en} {have} {did_en}{where.en} for {long.en}{sum_en}",
            f"{who.zh}{one_zh}{where.zh}{sum_zh}{did_zh}满 {long.zh}",
        )

    def needs(self) -> set[Need]:
        """Its machines."""
        return {machine.need for machine in self.machines}

    def evaluate(self, facts: Facts) -> Result:
        """How much of the time has passed. A time that runs is looked at every minute, and when it should be over."""
        spent = [list(since(self._spent(machine, facts), self.since)) for machine in self.machines]
        found = self._unbroken(spent) if self.unbroken else self._added_up(spent)
        wake_at, so_far = None, found.so_far
        if found.done_at is None and found.running:
            over = found.known - (found.so_far - self.duration) // found.running
            minute = (facts.now // _MINUTE + 1) * _MINUTE
            wake_at = over if facts.now < over < minute else minute
            so_far -= so_far % _MINUTE  # what is shown of a time that runs moves by the minute, as it is looked at
            found = found._replace(so_far=so_far)
        share = percent(Fraction(so_far, self.duration))
        return Result(share, found.done_at, self._why(found, facts.now), ordered(self._proof(found.counted)), wake_at)

    def _spent(self, machine: Machine, facts: Facts) -> Iterator[_Spent]:
        """When the machine did what counts, with what proves it, in order and without overlaps."""
        if not self.working:
            for visit in self._visits(machine, facts):
                yield Span(visit.start, visit.end, _Proof(machine, None, visit.proof), visit.open)
        elif self.place is None:
            for state in self._states(machine, facts):
                yield Span(state.start, state.end, _Proof(machine, state.proof, None), state.open)
        else:
            for each in overlaps(self._states(machine, facts), self._visits(machine, facts)):
                yield Span(each.start, each.end, _Proof(machine, *each.proof), each.open)

    def _states(self, machine: Machine, facts: Facts) -> Sequence[Span[Stated]]:
        """When it was at work. What it said again is proof only where what it said before does not reach."""
        told = sorted(set(facts.states.get(machine.need.key, ())))
        spans: list[Span[Stated]] = []
        change = following = None
        for one in reversed(told):
            if following is not None and following.state != one.state:
                change = following.at
            following = one
            if one.state != "working":
                continue
            known = known_until(facts, self.site, one.gateway, one.at)
            goes_on = change is None or change > known
            spans.append(Span(one.at, known if change is None else min(known, change), one, goes_on))
        return cover(reversed(spans))

    def _visits(self, machine: Machine, facts: Facts) -> Sequence[Span[Visit]]:
        """When it was in the zone."""
        assert self.place is not None
        there = sorted(
            (visit for visit in set(facts.visits.get(machine.need.key, ())) if visit.zone == self.place.id),
            key=lambda visit: (visit.since, visit.id),
        )
        return cover(
            Span(visit.since, known_until(facts, self.site, visit.gateway, visit.since), visit, open=True)
            if visit.until is None
            else Span(visit.since, visit.until, visit)
            for visit in there
        )

    def _added_up(self, spent: "Sequence[Sequence[_Spent]]") -> "_Found":
        """The time of all machines together."""
        steps: defaultdict[int, int] = defaultdict(int)
        for span in (span for own in spent for span in own):
            steps[span.start] += 1
            steps[span.end] -= 1
        so_far, rate, before, done_at = 0, 0, 0, None
        for at, change in sorted(steps.items()):
            more = rate * (at - before)
            if so_far + more >= self.duration:
                done_at = before - (so_far - self.duration) // rate
                break
            so_far, rate, before = so_far + more, rate + change, at
        counted = _until([span for own in spent for span in own], done_at)
        running = [own[-1] for own in spent if own and own[-1].open]
        known = max((span.end for span in running), default=0)
        return _Found(counted, self.duration if done_at is not None else so_far, done_at, len(running), known)

    def _unbroken(self, spent: "Sequence[Sequence[_Spent]]") -> "_Found":
        """The first stretch that is long enough; as long as there is none, the longest of each machine's last."""
        stretches = [stretch for own in spent for stretch in _stretches(own)]
        long_enough = [each for each in stretches if each[-1].end - each[0].start >= self.duration]
        if long_enough:
            first = min(long_enough, key=lambda each: (each[0].start, each[0].proof.machine.name.id))
            done_at = first[0].start + self.duration
            return _Found(_until(first, done_at), self.duration, done_at, 0, 0)
        last = [found[-1] for own in spent if (found := _stretches(own))]
        if not last:
            return _Found([], 0, None, 0, 0)
        best = max(last, key=lambda each: (each[-1].end - each[0].start, each[-1].end, each[0].proof.machine.name.id))
        return _Found(best, best[-1].end - best[0].start, None, int(best[-1].open), best[-1].end)

    def _proof(self, counted: "Sequence[_Spent]") -> Iterator[Evidence]:
        """A machine's word that it worked, and the fix that shows it there, for each span that counts."""
        times: defaultdict[tuple[str, str], list[_Spent]] = defaultdict(list)
        for span in counted:
            if span.proof.state is not None:
                times["state", span.proof.state.id].append(span)
            if span.proof.visit is not None:
                times["visit", span.proof.visit.id].append(span)
        for (kind, event_id), spans in times.items():
            machine, state, visit = spans[0].proof
            long, until = lasting(sum(span.end - span.start for span in spans)), clock(spans[-1].end, self.zone)
            name = machine.name.title
            if kind == "state" and state is not None:
                said = Text(
                    f"{name.en} at work, {long.en} of it count, until {until}", f"{name.zh}作业，计入 {long.zh}，至 {until}"
                )
                yield Evidence(state.at, event_id, said)
            elif visit is not None and self.place is not None:
                place = self.place.title
                said = Text(
                    f"{name.en} in {place.en}, {long.en} of it count, until {until}",
                    f"{name.zh}在{place.zh}，计入 {long.zh}，至 {until}",
                )
                yield Evidence(visit.since, event_id, said)

    def _why(self, found: "_Found", now: int) -> Text:
        who = joined(machine.name.title for machine in self.machines)
        where = Text(f" in {self.place.title.en}", f"在{self.place.title.zh}") if self.place else Text("", "")
        did_en, did_zh = ("worked", "作业") if self.working else ("been", "停留")
        long = lasting(self.duration)
        if found.done_at is not None:
            when = clock(found.done_at, self.zone)
            return Text(
                f"{who.en} had {did_en}{where.en} for {long.en} by {when}", f"{when} {who.zh}{where.zh}{did_zh}已满 {long.zh}"
            )
        if not found.counted:
            return Text(
                f"{who.en}: no time {'at work' if self.working else 'spent'}{where.en} is known yet",
                f"{who.zh}：尚无{where.zh}{did_zh}的记录",
            )
        so_far = lasting(found.so_far)
        known = Text(
            f"{who.en}: {did_en}{where.en} for {so_far.en} of {long.en}",
            f"{who.zh}{where.zh}{did_zh} {so_far.zh}，需 {long.zh}",
        )
        silent = None
        if found.running and now - found.known > _SILENT:
            until = clock(found.known, self.zone)
            silent = Text(f"nothing is known after {until}, the gateway is silent", f"{until} 之后未知，网关失联")
        return both((known, silent))


class _Found(NamedTuple):
    counted: Sequence[_Spent]
    so_far: int
    done_at: int | None
    running: int
    """How many machines go on as far as is known."""
    known: int
    """How far that is."""


def _until(spent: Sequence[_Spent], done_at: int | None) -> Sequence[_Spent]:
    """What counts of the time: what came after it was done does not."""
    if done_at is None:
        return spent
    return [span._replace(end=min(span.end, done_at)) for span in spent if span.start < done_at]


def _stretches(spent: Sequence[_Spent]) -> list[list[_Spent]]:
    """Spans that follow each other without a break, together."""
    found: list[list[_Spent]] = []
    for span in spent:
        if found and found[-1][-1].end == span.start:
            found[-1].append(span)
        else:
            found.append([span])
    return found
