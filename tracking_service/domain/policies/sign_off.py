"""Signed off: people of a role put their names to it, where wanted only when all else is done."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction

from plumbline.text import Text, joined, visible
from tracking_service.domain.facts import Evidence, Facts, Need, Result
from tracking_service.domain.facts import SignedOff as Signature
from tracking_service.domain.policies.policy import both, clock, ordered, percent


@dataclass(frozen=True, slots=True)
class SignedOff:
    """Done when so many people of a role have signed. The newest act of a person says whether the signature stands."""

    need: Need
    role: Text
    people: int
    after_rest: bool
    """A hold point: within `all_of`, a signature counts only when the other parts were done before it."""
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        en = f"{self.role.en} has signed off" if self.people == 1 else f"{self.people} people have signed off as {self.role.en}"
        zh = f"{self.role.zh}签字" if self.people == 1 else f"{self.people} 名{self.role.zh}签字"
        return Text(f"{en} after all that", f"此后{zh}") if self.after_rest else Text(en, zh)

    def needs(self) -> set[Need]:
        """Its role."""
        return {self.need}

    def evaluate(self, facts: Facts) -> Result:
        """As many as have signed, of those that must."""
        return self._result(facts, 0)

    def after(self, facts: Facts, ready: int | None) -> Result:
        """As `evaluate`, where what was signed before `ready` does not count; `None`: it is not ready yet."""
        return self._result(facts, ready)

    def _result(self, facts: Facts, ready: int | None) -> Result:
        standing, early = self._standing(facts, ready)
        first = sorted(standing, key=lambda each: (each.at, each.id))[: self.people]
        done_at = first[-1].at if len(first) == self.people else None
        proof = ordered(Evidence(each.at, each.id, self._signed(each)) for each in first)
        return Result(percent(Fraction(len(first), self.people)), done_at, self._why(proof, done_at, early, ready), proof)

    def _standing(self, facts: Facts, ready: int | None) -> tuple[list[Signature], list[Signature]]:
        """Of each person the first signature that stands and counts; and the last of those who signed too early."""
        by_person: defaultdict[str, list[Signature]] = defaultdict(list)
        for each in set(facts.sign_offs.get(self.need.key, ())):
            by_person[each.person].append(each)
        standing: list[Signature] = []
        early: list[Signature] = []
        for acts in by_person.values():
            acts.sort(key=lambda each: (each.at, each.withdrawn, each.id))
            taken_back = max((place for place, act in enumerate(acts) if act.withdrawn), default=-1)
            signed = acts[taken_back + 1 :]
            counts = [act for act in signed if ready is not None and act.at >= ready]
            standing += counts[:1]
            early += signed[-1:] if not counts else []
        return standing, sorted(early, key=lambda each: (each.at, each.id))

    def _signed(self, act: Signature) -> Text:
        person, when = visible(act.person, 48), clock(act.at, self.zone)
        return Text(f"{person} signed as {self.role.en} at {when}", f"{person}（{self.role.zh}）于 {when} 签字")

    def _why(self, proof: tuple[Evidence, ...], done_at: int | None, early: list[Signature], ready: int | None) -> Text:
        there = joined(each.text for each in proof)
        if done_at is not None:
            return there
        missing = self.people - len(proof)
        en = "The signature" if missing == 1 else f"{missing} signatures"
        waits = Text(
            f"{en} of {self.role.en} is missing" if missing == 1 else f"{en} of {self.role.en} are missing",
            f"缺{self.role.zh}签字" if missing == 1 else f"缺 {missing} 名{self.role.zh}签字",
        )
        too_early = None
        if early:
            signed = self._signed(early[-1])
            too_early = Text(
                f"{signed.en}, before all else was done, which does not count",
                f"{signed.zh}，当时其他条件尚未满足，不计入",
            )
        elif ready is None:
            too_early = Text("signing comes when all else is done", "其他条件满足后方可签字")
        return both((there if proof else None, waits, too_early))
