"""What completes a milestone, as it is declared: one key that says which policy, under it what it asks for.

{"all_of": [{"material_arrived": {"lines": "all"}}, {"signed_off": {"role": "supervisor", "after_rest": true}}]}
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Self, cast

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, model_validator

from tracking_service.document.conditions import (
    CrewCheckedInDocument,
    DateReachedDocument,
    EquipmentWorkingDocument,
    InspectionPassedDocument,
    MaterialArrivedDocument,
    ReadingHeldDocument,
    SignedOffDocument,
    Stated,
)
from tracking_service.domain.policies.composed import Composed
from tracking_service.domain.policies.policy import Policy
from tracking_service.domain.policies.scope import Scope

#: Policies may stand in policies so deep.
MOST_DEEP: Final = 6
#: So many policies may one milestone's be made of.
MOST_PARTS: Final = 200


class NOfDocument(Stated):
    """Done when at least `n` of these policies are."""

    n: Annotated[int, Field(ge=1, le=50)]
    of: Annotated[tuple["PolicyDocument", ...], Field(min_length=1, max_length=50)]
    """The policies; it is as far as the mean of the `n` best of them."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.n > len(self.of):
            raise ValueError(f"n: asks for {self.n} of {len(self.of)} policies; lower n or add policies to 'of'")
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policies as one."""
        return Composed("n_of", self.n, tuple(part.bind(scope) for part in self.of))


class Mention(NamedTuple):
    """A name that a policy has from the site file."""

    path: str
    kind: Literal["zone", "device"]
    name: str


Parts = Annotated[tuple["PolicyDocument", ...], Field(min_length=1, max_length=50)]


class PolicyDocument(Stated):
    """What completes a milestone: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    what: ClassVar[str] = "policy"

    material_arrived: MaterialArrivedDocument | None = None
    equipment_working: EquipmentWorkingDocument | None = None
    crew_checked_in: CrewCheckedInDocument | None = None
    reading_held: ReadingHeldDocument | None = None
    inspection_passed: InspectionPassedDocument | None = None
    signed_off: SignedOffDocument | None = None
    date_reached: DateReachedDocument | None = None
    all_of: Parts | None = None
    """Done when all of these policies are."""
    any_of: Parts | None = None
    """Done when any of these policies is."""
    n_of: NOfDocument | None = None

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, value: object) -> object:
        """Refuse what is too deep or too large before it is read."""
        if not isinstance(value, dict):
            return value
        stated = cast("dict[str, object]", value)
        for count, depth in enumerate(_depths(stated), 1):
            if depth > MOST_DEEP:
                raise ValueError(f"policies stand in policies more than {MOST_DEEP} deep; flatten it")
            if count > MOST_PARTS:
                raise ValueError(f"made of more than {MOST_PARTS} policies; split the milestone")
        return stated

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        named = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if not named:
            raise ValueError(f"names no policy; use one of {', '.join(type(self).model_fields)}")
        if len(named) > 1:
            raise ValueError(f"names {len(named)} policies: {', '.join(named)}; put each in a part of 'all_of' or 'any_of'")
        for place, part in enumerate(self.any_of or (self.n_of.of if self.n_of else ())):
            if part.signed_off is not None and part.signed_off.after_rest:
                where = f"{named[0]}.{place}.signed_off.after_rest"
                raise ValueError(f"{where}: has a meaning in 'all_of' only; leave it out, or nest an 'all_of'")
        if self.all_of and all(part.signed_off is not None and part.signed_off.after_rest for part in self.all_of):
            raise ValueError(
                "all_of: every part is a signature with 'after_rest', so there is no rest; add what they come after"
            )
        return self

    @property
    def parts(self) -> Sequence["PolicyDocument"]:
        """The policies it is composed of."""
        return self.all_of or self.any_of or (self.n_of.of if self.n_of else ())

    def material(self) -> Iterator[MaterialArrivedDocument]:
        """All that it says of material."""
        if self.material_arrived is not None:
            yield self.material_arrived
        for part in self.parts:
            yield from part.material()

    def mentions(self, where: str) -> Iterator[Mention]:
        """The zones and devices that it names; `where` is its own path."""
        if self.equipment_working is not None:
            path = f"{where}.equipment_working"
            yield from (Mention(f"{path}.equipment", "device", name) for name in self.equipment_working.equipment)
            if self.equipment_working.zone is not None:
                yield Mention(f"{path}.zone", "zone", self.equipment_working.zone)
        if self.reading_held is not None:
            yield Mention(f"{where}.reading_held.device", "device", self.reading_held.device)
        key = "all_of" if self.all_of else "any_of" if self.any_of else "n_of.of"
        for place, part in enumerate(self.parts):
            yield from part.mentions(f"{where}.{key}.{place}")

    @property
    def seen(self) -> bool:
        """Whether it counts on what gateways see; signatures are given at the office, and days come by themselves."""
        if self.parts:
            return any(part.seen for part in self.parts)
        return self.signed_off is None and self.date_reached is None

    @property
    def lines(self) -> Sequence[str]:
        """The lines that it names, each once."""
        return list(dict.fromkeys(line for part in self.material() if part.lines != "all" for line in part.lines))

    @property
    def wants_lines(self) -> bool:
        """Whether it makes no sense without lines."""
        return any(True for _ in self.material())

    def bind(self, scope: Scope) -> Policy:
        """The policy as a value that can be evaluated."""
        if self.all_of:
            return Composed("all_of", len(self.all_of), tuple(part.bind(scope) for part in self.all_of))
        if self.any_of:
            return Composed("any_of", 1, tuple(part.bind(scope) for part in self.any_of))
        stated = (getattr(self, key) for key in type(self).model_fields)
        return next(part for part in stated if part is not None).bind(scope)


def _whole(policy: PolicyDocument) -> PolicyDocument:
    if policy.signed_off is not None and policy.signed_off.after_rest:
        raise ValueError("signed_off.after_rest: there is no rest; put it into 'all_of' beside what it comes after")
    return policy


Declared = Annotated[PolicyDocument, AfterValidator(_whole)]
"""The policy of a milestone: as a part of another one it could say more."""
_DECLARED: Final = TypeAdapter[PolicyDocument](Declared)


def parse(text: str | bytes) -> PolicyDocument:
    """Read a milestone's policy from its JSON. Raises pydantic's `ValidationError`."""
    return _DECLARED.validate_json(text)


@lru_cache(maxsize=4096)
def is_seen(text: str) -> bool:
    """`PolicyDocument.seen` of a policy's JSON."""
    return parse(text).seen


def _depths(value: dict[str, object]) -> Iterator[int]:
    """How deep each policy of a raw document lies, the outermost at 1; without recursion."""
    waiting: list[tuple[int, Any]] = [(1, value)]
    while waiting:
        depth, policy = waiting.pop()
        yield depth
        found = cast("dict[str, Any]", policy) if isinstance(policy, dict) else {}
        n_of = found.get("n_of")
        of = cast("dict[str, Any]", n_of).get("of") if isinstance(n_of, dict) else None
        for parts in (found.get("all_of"), found.get("any_of"), of):
            if isinstance(parts, list | tuple):
                waiting += [(depth + 1, part) for part in cast("Sequence[Any]", parts)]
