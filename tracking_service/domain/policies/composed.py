"""Policies of policies: all of them, any of them, so many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from plumbline.text import Text
from tracking_service.domain.facts import Facts, Need, Result
from tracking_service.domain.policies.policy import DONE, Policy, ordered, percent, several
from tracking_service.domain.policies.sign_off import SignedOff


@dataclass(frozen=True, slots=True)
class Composed:
    """Done when at least `n` of its parts are: from the moment at which so many were."""

    kind: Literal["all_of", "any_of", "n_of"]
    n: int
    """1 … the number of parts."""
    parts: tuple[Policy, ...]

    @property
    def clause(self) -> Text:
        """What must be so."""
        clauses = [_within(part) for part in self.parts]
        if len(clauses) == 1:
            return clauses[0]
        if self.kind == "n_of":
            en, zh = "; ".join(each.en for each in clauses), "；".join(each.zh for each in clauses)
            return Text(f"at least {self.n} of these are so: {en}", f"以下至少 {self.n} 项满足：{zh}")
        en, zh = (", and ", "，且") if self.kind == "all_of" else (", or ", "，或")
        return Text(en.join(each.en for each in clauses), zh.join(each.zh for each in clauses))

    def needs(self) -> set[Need]:
        """What any part needs."""
        return set[Need]().union(*(part.needs() for part in self.parts))

    def evaluate(self, facts: Facts) -> Result:
        """As far as the mean of its `n` best parts; their evidence is its own."""
        results = self._parts(facts)
        done = sorted(result.done_at for result in results if result.done_at is not None)
        done_at = done[self.n - 1] if len(done) >= self.n else None
        # of finished parts those that were first, then those that are nearest: what others show changes nothing
        best = sorted(range(len(results)), key=lambda place: (_rank(results[place]), place))[: self.n]
        if done_at is None:
            whole = sum((Fraction(results[place].percent) for place in best), Fraction(0)) / (100 * self.n)
            shown = percent(whole)
        else:
            shown = DONE
        wakes = [result.wake_at for result in results if result.wake_at is not None] if done_at is None else []
        return Result(
            shown,
            done_at,
            self._why(results, len(done), done_at),
            ordered(proof for place in best for proof in results[place].evidence),
            min(wakes, default=None),
            tuple(results),
        )

    def _parts(self, facts: Facts) -> Sequence[Result]:
        """What the parts make of the facts: a signature that must come last counts from when the others are done."""
        last = [isinstance(part, SignedOff) and part.after_rest for part in self.parts]
        found = {place: part.evaluate(facts) for place, part in enumerate(self.parts) if not last[place]}
        if not found or self.kind != "all_of":
            return [part.evaluate(facts) for part in self.parts]
        ends = [result.done_at for result in found.values() if result.done_at is not None]
        ready = max(ends) if len(ends) == len(found) else None
        for place, part in enumerate(self.parts):
            if isinstance(part, SignedOff) and part.after_rest:
                found[place] = part.after(facts, ready)
        return [found[place] for place in range(len(self.parts))]

    def _why(self, results: Sequence[Result], done: int, done_at: int | None) -> Text:
        if len(results) == 1:
            return results[0].why
        if done_at is not None and self.kind != "all_of":
            which = [result.why for result in results if result.done_at is not None and result.done_at <= done_at]
            said = several(which[: self.n])
            if self.n == 1:
                return said
            return Text(
                f"{len(which)} of {len(results)} conditions met: {said.en}",
                f"{len(results)} 项条件已满足 {len(which)} 项：{said.zh}",
            )
        if done_at is not None:
            last = next(result.why for result in results if result.done_at == done_at)
            return Text(
                f"All {len(results)} conditions met, last: {last.en}", f"{len(results)} 项条件全部满足，最后一项：{last.zh}"
            )
        open_ = [result.why for result in results if result.done_at is None]
        en, zh = "; ".join(each.en for each in open_[:4]), "；".join(each.zh for each in open_[:4])
        more = Text("; …", "；…") if len(open_) > 4 else Text("", "")
        if self.kind == "any_of":
            return Text(
                f"None of {len(results)} conditions met: {en}{more.en}", f"{len(results)} 项条件均未满足：{zh}{more.zh}"
            )
        needed = " needed" if self.kind == "n_of" else ""
        return Text(
            f"{done} of {self.n}{needed} conditions met: {en}{more.en}", f"需 {self.n} 项条件，已满足 {done} 项：{zh}{more.zh}"
        )


def _rank(result: Result) -> tuple[bool, int, Decimal]:
    return (result.done_at is None, result.done_at or 0, -result.percent)


def _within(part: Policy) -> Text:
    clause = part.clause
    if isinstance(part, Composed) and len(part.parts) > 1:
        return Text(f"({clause.en})", f"({clause.zh})")
    return clause
