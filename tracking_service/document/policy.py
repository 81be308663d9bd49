"""What completes a milestone, as it is declared: one key that says which policy, under it what it asks for.

{"all_of": [{"material_arrived": {"lines": "all"}}, {"signed_off": {"role": "supervisor", "after_rest": true}}]}
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import ConfigDict, Field, model_validator

from plumbline.near import Near
from plumbline.text import visible
from tracking_service.document.fields import Code, Id, Part, once
from tracking_service.domain.policies.composed import Composed
from tracking_service.domain.policies.material import MaterialArrived
from tracking_service.domain.policies.policy import Policy
from tracking_service.domain.policies.scope import Scope
from tracking_service.domain.policies.sign_off import SignedOff

#: Policies may stand in policies so deep.
MOST_DEEP: Final = 6
#: So many policies may one milestone's be made of.
MOST_PARTS: Final = 200


class _Stated(Part):
    """A part of a declared policy; what its keys mean stands in the schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class MaterialArrivedDocument(_Stated):
    """Done when of each of these lines so much has arrived."""

    lines: Annotated[tuple[Id, ...], Field(min_length=1, max_length=5_000)] | Literal["all"] = "all"
    """Numbers of the order's material lines."""
    ratio: Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)] = Decimal(1)
    """How much of each line is enough: 0.9 for 90 %."""
    certificates: bool = False
    """Of lines that ask for a certificate only what has it counts."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.lines != "all":
            once("lines", self.lines)
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policy over the order's lines; numbers that it does not have are left out."""
        numbers = scope.lines if self.lines == "all" else self.lines
        lines = tuple(scope.lines[number] for number in numbers if number in scope.lines)
        return MaterialArrived(lines, self.ratio, self.certificates, scope.zone)


class SignedOffDocument(_Stated):
    """Done when people of a role have signed this milestone off. A signature may be withdrawn by who gave it."""

    role: Code
    people: Annotated[int, Field(ge=1, le=20)] = 1
    """How many different people of the role must sign."""
    after_rest: bool = False
    """A hold point: a part of `all_of`; what was signed before the other parts were done does not count."""

    def bind(self, scope: Scope) -> Policy:
        """The policy over the milestone's signatures."""
        return SignedOff(scope.role(self.role), scope.title("role", self.role), self.people, self.after_rest, scope.zone)


class NOfDocument(_Stated):
    """Done when at least `n` of these policies are."""

    n: Annotated[int, Field(ge=1, le=50)]
    of: Annotated[tuple["PolicyDocument", ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.n > len(self.of):
            raise ValueError(f"n: asks for {self.n} of {len(self.of)} policies; lower n or add policies to 'of'")
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policies as one."""
        return Composed("n_of", self.n, tuple(part.bind(scope) for part in self.of))


Parts = Annotated[tuple["PolicyDocument", ...], Field(min_length=1, max_length=50)]


class PolicyDocument(_Stated):
    """What completes a milestone: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    material_arrived: MaterialArrivedDocument | None = None
    signed_off: SignedOffDocument | None = None
    all_of: Parts | None = None
    """Done when all of these policies are."""
    any_of: Parts | None = None
    """Done when any of these policies is."""
    n_of: NOfDocument | None = None

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, value: object) -> object:
        """Refuse what is too deep or too large before it is read, and a policy that does not exist by its name."""
        if not isinstance(value, dict):
            return value
        stated = cast("dict[str, object]", value)
        for count, depth in enumerate(_depths(stated), 1):
            if depth > MOST_DEEP:
                raise ValueError(f"policies stand in policies more than {MOST_DEEP} deep; flatten it")
            if count > MOST_PARTS:
                raise ValueError(f"made of more than {MOST_PARTS} policies; split the milestone")
        for key in stated:
            if key not in cls.model_fields:
                meant = Near(cls.model_fields).to(key)
                near = f"; did you mean '{meant}'?" if meant else f"; use one of {', '.join(cls.model_fields)}"
                raise ValueError(f"there is no policy '{visible(key, 48)}'{near}")
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


def parse(text: str | bytes) -> PolicyDocument:
    """Read a policy from its JSON. Raises pydantic's `ValidationError`."""
    return PolicyDocument.model_validate_json(text)


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
