"""Inspections passed, with pictures where the work will be hidden. The newest of a check decides: a later failure reopens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from typing import Final, NamedTuple

from plumbline.text import Text, visible
from tracking_service.domain.facts import Evidence, Facts, Inspected, Need, Result
from tracking_service.domain.policies.policy import Named, both, clock, ordered, percent, several

#: Of results told for the same instant the worst is taken for the last.
_SEVERITY: Final = {"passed": 0, "conditional": 1, "failed": 2}
_RESULTS: Final = {
    "passed": Text("passed", "合格"),
    "failed": Text("failed", "不合格"),
    "conditional": Text("passed with conditions", "有条件通过"),
}


class Check(NamedTuple):
    """A point of the inspection and test plan, and the need under which the facts know it."""

    name: Named
    need: Need
    photos: int
    """How many different pictures it needs before it counts as accepted (hidden works)."""


@dataclass(frozen=True, slots=True)
class InspectionPassed:
    """Done when the newest inspection of each check passed, and as many pictures as needed were there by then."""

    checks: tuple[Check, ...]
    conditional: bool
    """Passed with conditions is enough."""
    zone: tzinfo

    @property
    def clause(self) -> Text:
        """What must be so."""
        what = several(check.name.title for check in self.checks)
        plural = len(self.checks) > 1
        fewest, most = min(check.photos for check in self.checks), max(check.photos for check in self.checks)
        pictures = Text("", "")
        if most:
            count = str(most) if fewest == most else f"{fewest}-{most}"
            each = ("each ", "每项") if plural else ("", "")
            pictures = Text(
                f", {each[0]}with {count} picture{'' if most == 1 else 's'} at least", f"，{each[1]}至少 {count} 张照片"
            )
        conditions = Text(" (conditions are accepted)", "(含有条件通过)") if self.conditional else Text("", "")
        return Text(
            f"inspection{'s' if plural else ''} {what.en} {'have' if plural else 'has'} passed{conditions.en}{pictures.en}",
            f"{what.zh}检查合格{conditions.zh}{pictures.zh}",
        )

    def needs(self) -> set[Need]:
        """Its checks."""
        return {check.need for check in self.checks}

    def evaluate(self, facts: Facts) -> Result:
        """How many of the checks have passed."""
        found = [self._standing(check, facts) for check in self.checks]
        done = [each.done_at for each in found if each.done_at is not None]
        done_at = max(done) if len(done) == len(found) else None
        proof = ordered(Evidence(act.at, act.id, self._told(each.check, act)) for each in found for act in each.counted)
        return Result(percent(Fraction(len(done), len(found))), done_at, self._why(found, done_at), proof)

    def _standing(self, check: Check, facts: Facts) -> "_Standing":
        acts = sorted(
            set(facts.inspections.get(check.need.key, ())),
            key=lambda act: (act.at, _SEVERITY[act.result], act.id, act.photo or "", act.person or ""),
        )
        failed = max((place for place, act in enumerate(acts) if act.result == "failed"), default=-1)
        refused = max((place for place, act in enumerate(acts) if not self._accepts(act)), default=-1)
        pictures: dict[str, Inspected] = {}
        for place, act in enumerate(acts):
            if place <= failed:
                continue
            if act.photo and len(pictures) < check.photos:
                pictures.setdefault(act.photo, act)
            if place > refused and len(pictures) >= check.photos:
                return _Standing(check, act.at, (*pictures.values(), act), tuple(acts), len(pictures))
        return _Standing(check, None, (), tuple(acts), len(pictures))

    def _accepts(self, act: Inspected) -> bool:
        return act.result == "passed" or (self.conditional and act.result == "conditional")

    def _told(self, check: Check, act: Inspected) -> Text:
        result, name, when = _RESULTS[act.result], check.name.title, clock(act.at, self.zone)
        by = visible(act.person, 48) if act.person else None
        picture = Text(", with a picture", "，附照片") if act.photo else Text("", "")
        return Text(
            f"{name.en} {result.en} at {when}{f', inspected by {by}' if by else ''}{picture.en}",
            f"{name.zh}于 {when} {result.zh}{f'，检查人 {by}' if by else ''}{picture.zh}",
        )

    def _why(self, found: "Sequence[_Standing]", done_at: int | None) -> Text:
        if done_at is not None:
            if len(found) == 1:
                return self._told(found[0].check, found[0].counted[-1])
            when = clock(done_at, self.zone)
            return Text(f"All {len(found)} inspections had passed by {when}", f"{when} {len(found)} 项检查全部合格")
        open_ = [self._missing(each) for each in found if each.done_at is None]
        if len(found) == 1:
            return open_[0]
        done, shown = len(found) - len(open_), both(open_[:3])
        more = Text(f"; and {len(open_) - 3} more", f"；另有 {len(open_) - 3} 项") if len(open_) > 3 else Text("", "")
        return Text(
            f"{done} of {len(found)} inspections passed: {shown.en}{more.en}",
            f"{len(found)} 项检查已合格 {done} 项：{shown.zh}{more.zh}",
        )

    def _missing(self, standing: "_Standing") -> Text:
        name = standing.check.name.title
        if not standing.acts:
            return Text(f"{name.en} has not been inspected", f"{name.zh}尚未检查")
        last = standing.acts[-1]
        told = self._told(standing.check, last)
        if last.result == "failed":
            return Text(f"{told.en}: it must pass again", f"{told.zh}，须复检合格")
        if not self._accepts(last):
            return Text(f"{told.en}: the conditions must be met first", f"{told.zh}，条件须先满足")
        missing = standing.check.photos - standing.pictures
        return Text(
            f"{told.en}: {missing} picture{'' if missing == 1 else 's'} missing, inspect again with pictures before the work is hidden",
            f"{told.zh}，还缺 {missing} 张照片，隐蔽前须补拍并复检",
        )


class _Standing(NamedTuple):
    check: Check
    done_at: int | None
    counted: tuple[Inspected, ...]
    """The pictures and, last, the inspection that completed it."""
    acts: tuple[Inspected, ...]
    pictures: int
