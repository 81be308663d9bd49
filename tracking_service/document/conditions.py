"""Single policies as they are declared: what must be so, in the field's own words, with units in the names of the keys."""

from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal, Self, cast

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, model_validator

from plumbline.near import Near
from plumbline.text import visible
from tracking_service.document.fields import Code, Id, Part, Short, nanoseconds, once
from tracking_service.domain.policies.crew import Crew, CrewCheckedIn, Shift
from tracking_service.domain.policies.day import DateReached
from tracking_service.domain.policies.equipment import EquipmentWorking, Machine
from tracking_service.domain.policies.inspection import Check, InspectionPassed
from tracking_service.domain.policies.material import MaterialArrived
from tracking_service.domain.policies.policy import Policy
from tracking_service.domain.policies.reading import ReadingHeld
from tracking_service.domain.policies.scope import Scope
from tracking_service.domain.policies.sign_off import SignedOff

_MINUTE: Final = 60_000_000_000
_YEAR_MINUTES: Final = 366 * 24 * 60


def _near(when: date) -> date:
    """Let pass what clocks and databases can hold as nanoseconds, and what may be meant; raises `ValueError`."""
    if not 1970 <= when.year <= 2200:
        raise ValueError(f"{when.year} is no year in which something is built here; from 1970 to 2200")
    return when


Moment = Annotated[AwareDatetime | date, AfterValidator(_near)]
Since = Annotated[
    Moment | None,
    Field(description="What was before does not count: a time with its offset, or a day, which begins by the site's clock."),
]


class Stated(Part):
    """A part of a declared policy; what its keys mean stands in the schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    what: ClassVar[str] = "key"
    """What its keys are, for who wrote one wrong."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """Refuse a key that does not exist by the one that was meant."""
        if isinstance(value, dict):
            for key in cast("dict[str, object]", value):
                if key not in cls.model_fields:
                    meant = Near(cls.model_fields).to(key)
                    near = f"did you mean '{meant}'?" if meant else f"use one of {', '.join(cls.model_fields)}"
                    raise ValueError(f"there is no {cls.what} '{visible(key, 48)}'; {near}")
        return cast("object", value)


class MaterialArrivedDocument(Stated):
    """Done when of each of these lines so much has arrived; what went back does not count."""

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


class EquipmentWorkingDocument(Stated):
    """Done when machines have worked in a zone for a time: their times added up, or one of them without a break.

    What nobody saw does not count: the time is known only as far as the gateway has told, and the machine was seen in the zone.
    """

    equipment: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]
    """Devices, as the site file names them."""
    zone: Id | None = None
    """Where; absent: anywhere."""
    minutes: Annotated[int, Field(ge=1, le=_YEAR_MINUTES)]
    """For how long."""
    working: bool = True
    """False: being in the zone is enough, whatever the machine does."""
    unbroken: bool = False
    """One machine must do it without a break; else all that counts is added up."""
    since: Since = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        once("equipment", self.equipment)
        if self.zone is None and not self.working:
            raise ValueError("zone: is needed where 'working' is false; name the zone in which the machine must be")
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policy over the machines' words and visits."""
        machines = tuple(Machine(scope.named("device", name), scope.machine(name)) for name in self.equipment)
        place = None if self.zone is None else scope.named("place", self.zone)
        return EquipmentWorking(
            site=scope.site,
            machines=machines,
            place=place,
            working=self.working,
            duration=self.minutes * _MINUTE,
            unbroken=self.unbroken,
            since=_ns(self.since, scope.zone),
            zone=scope.zone,
        )


class CrewDocument(Stated):
    """So many people."""

    role: Code | None = None
    """As check-ins give it, in upper or lower case; absent: anybody counts, people with a role included."""
    people: Annotated[int, Field(ge=1, le=1_000)]
    """At least so many."""


class ShiftDocument(Stated):
    """The hours of a shift by the site's clock."""

    starts: time
    """For example `07:00`."""
    ends: time
    """Not after the start: on the next day."""

    @model_validator(mode="after")
    def _local(self) -> Self:
        if self.starts.tzinfo or self.ends.tzinfo:
            raise ValueError("starts, ends: are by the site's clock; leave the offset out")
        return self


class CrewCheckedInDocument(Stated):
    """Done when enough people of each role are checked in: at one time, who has left does not count; or over a shift."""

    place: Short
    """A zone, a gate or a post, as check-ins name it."""
    crew: Annotated[tuple[CrewDocument, ...], Field(min_length=1, max_length=20)]
    shift: ShiftDocument | None = None
    """Everybody counts who was there during one such shift; absent: all must be there at one time."""
    stay_hours: Annotated[int, Field(ge=1, le=48)] = 16
    """Whoever does not check out is taken to have left after this."""
    since: Since = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        once("crew", ((each.role or "").casefold() or "(any role)" for each in self.crew))
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policy over the check-ins of the place."""
        crew = tuple(Crew(scope.named("role", each.role) if each.role else None, each.people) for each in self.crew)
        return CrewCheckedIn(
            need=scope.place(self.place),
            place=scope.named("place", self.place),
            crew=crew,
            shift=Shift(self.shift.starts, self.shift.ends) if self.shift else None,
            stay=self.stay_hours * 60 * _MINUTE,
            since=_ns(self.since, scope.zone),
            zone=scope.zone,
        )


class ReadingHeldDocument(Stated):
    """Done when a metric has stayed above, below or between for a time. One minute out of range begins it anew."""

    device: Annotated[Id, Field(description="As the site file names it.")]
    metric: Annotated[Id, Field(description="As the device profile names it, in its unit.")]
    above: float | None = Field(default=None, allow_inf_nan=False)
    """The lowest value that holds."""
    below: float | None = Field(default=None, allow_inf_nan=False)
    """The highest value that holds."""
    hours: Annotated[Decimal, Field(gt=0, le=_YEAR_MINUTES // 60, decimal_places=4)]
    """For how long; whole minutes."""
    gaps_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = 10
    """So long may readings be missing in it."""
    by: Literal["every", "mean"] = "every"
    """`every`: each reading must hold. `mean`: the mean of each minute must."""
    since: Since = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("above, below: at least one of them is needed; both mean 'between'")
        if self.above is not None and self.below is not None and self.above > self.below:
            raise ValueError(f"above: {self.above:g} is more than below: {self.below:g}, so nothing holds; swap them")
        if self.hours * 60 % 1:
            raise ValueError("hours: must be whole minutes, for example 0.25 or 72")
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policy over the metric's minutes."""
        return ReadingHeld(
            need=scope.metric(self.device, self.metric),
            device=scope.named("device", self.device),
            metric=scope.named("metric", self.metric),
            low=self.above,
            high=self.below,
            every=self.by == "every",
            duration=int(self.hours * 60) * _MINUTE,
            gap=self.gaps_minutes * _MINUTE,
            since=_ns(self.since, scope.zone),
            zone=scope.zone,
        )


class InspectionPassedDocument(Stated):
    """Done when the newest inspection of each check passed. A later failure opens the milestone again."""

    checks: Annotated[tuple[Short, ...], Field(min_length=1, max_length=200)]
    """Points of the inspection and test plan."""
    photos: Annotated[int, Field(ge=0, le=20)] = 0
    """How many different pictures of each check must be there before it counts as accepted: for hidden works at least 1.
    A picture of any inspection since the last failure counts, where it is not later than the acceptance. A check of which the
    plan says `photo_required` needs one in any case."""
    conditional: bool = False
    """Passed with conditions is enough."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        once("checks", self.checks)
        return self

    def bind(self, scope: Scope) -> Policy:
        """The policy over the order's inspections."""
        checks = tuple(
            Check(scope.named("check", name), scope.check(name), max(self.photos, int(name in scope.pictured)))
            for name in self.checks
        )
        return InspectionPassed(checks, self.conditional, scope.zone)


class DateReachedDocument(Stated):
    """Done when the time has come."""

    at: Moment
    """A time with its offset, or a day, which begins by the site's clock."""

    def bind(self, scope: Scope) -> Policy:
        """The policy over the clock."""
        return DateReached(_ns(self.at, scope.zone), scope.zone)


class SignedOffDocument(Stated):
    """Done when people of a role have signed this milestone off. A signature may be withdrawn by who gave it."""

    role: Code
    """As people of the company have it."""
    people: Annotated[int, Field(ge=1, le=20)] = 1
    """How many different people of the role must sign."""
    after_rest: bool = False
    """A hold point: a part of `all_of`; what was signed before the other parts were done does not count."""

    def bind(self, scope: Scope) -> Policy:
        """The policy over the milestone's signatures."""
        return SignedOff(scope.role(self.role), scope.title("role", self.role), self.people, self.after_rest, scope.zone)


def _ns(when: datetime | date | None, zone: tzinfo) -> int:
    """A time in ns, 0 where there is none; a day begins by the site's clock."""
    if when is not None and not isinstance(when, datetime):
        when = datetime.combine(when, time(), zone)
    return nanoseconds(when) or 0
