"""The order document: an engineering order, the work that it breaks down into, what is to come for it, who is told."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from tracking_service.document.fields import (
    Code,
    Email,
    Gtin,
    Hours,
    Id,
    Note,
    Part,
    Quantity,
    Short,
    Sscc,
    TextDocument,
    Unit,
    Words,
    once,
)
from tracking_service.document.policy import Declared
from tracking_service.document.work import InspectionDocument, TaskDocument, check_work

#: So many days may be otherwise than their weekday says.
MOST_DAYS: Final = 2_000


class CertificateDocument(Part):
    """A certificate that is there: of a batch, or without one of all that the line asks for."""

    document: Short
    batch: Code | None = None


class PackDocument(Part):
    """A pack of a line under a code of its own: `quantity` of the line's unit in each (GS1: a trade item grouping)."""

    quantity: Quantity
    gtin: Gtin | None = None
    code: Short | None = Field(default=None, description="The supplier's own code on the pack.")
    title: TextDocument | None = None

    @model_validator(mode="after")
    def _coded(self) -> Self:
        if self.gtin is None and self.code is None:
            raise ValueError("a pack needs a gtin or a code by which it is told")
        return self


class LineDocument(Part):
    """A material line of the bill of materials."""

    line: Id
    title: TextDocument
    gtin: Gtin | None = None
    batch: Code | None = None
    label: Short | None = None
    codes: Annotated[tuple[Short, ...], Field(max_length=50)] = ()
    """What the supplier writes on it: each stands for one `unit` of this line."""
    packs: Annotated[tuple[PackDocument, ...], Field(max_length=50)] = ()
    unit: Unit = "pcs"
    quantity: Quantity
    supplier: Id | None = None
    promised: AwareDatetime | None = None
    needed_by: AwareDatetime | None = None
    certificate_required: bool = False
    certificates: Annotated[tuple[CertificateDocument, ...], Field(max_length=1_000)] = ()


class DeliveryDocument(Part):
    """What a delivery note says of a logistic unit."""

    sscc: Sscc
    line: Id
    quantity: Quantity
    batch: Code | None = None
    delivery_note: Annotated[Words, Field(max_length=64)] = ""


class MilestoneDocument(Part):
    """A milestone of the order."""

    key: Id
    title: TextDocument
    due: AwareDatetime | None = None
    owner: Id | None = None
    task: Id | None = None
    """The task that ends with it."""
    policy: Declared


class RecipientDocument(Part):
    """Who is told."""

    name: Annotated[Words, Field(max_length=128)] = ""
    email: Email
    language: Literal["zh", "en"] = "en"


class PaymentDocument(Part):
    """What is paid when."""

    percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=2)]
    milestone: Id | None = None
    """Due when this milestone is reached; absent: on `due`."""
    due: AwareDatetime | None = None
    note: Note = ""


class OrderDocument(Part):
    """An engineering order: what is to come, what that completes, who is told."""

    number: Id
    site: Id
    template: Id | None = Field(default=None, description="The template it was made from: what that asks for must be there.")
    title: TextDocument
    customer: Words = ""
    signed: AwareDatetime | None = Field(default=None, description="When the order was signed.")
    start: AwareDatetime | None = None
    due: AwareDatetime | None = None
    workdays: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(max_length=7)] = ()
    """When work is done; absent: every day."""
    workhours: Annotated[tuple[Hours, ...], Field(max_length=12)] = ()
    """From when until when on such a day, by the site's clock: `08:00-12:00`, `13:00-17:00`; absent: the whole day counts."""
    holidays: Annotated[tuple[date, ...], Field(max_length=MOST_DAYS)] = ()
    """Days on the site without work."""
    extra_workdays: Annotated[tuple[date, ...], Field(max_length=MOST_DAYS)] = ()
    """Days on which work is done although their weekday is none of `workdays`."""
    technical: Annotated[dict[Short, Short], Field(max_length=200, default_factory=dict)]
    """Technical data: name → value with its unit, for example `span` → `32 m`."""
    payments: Annotated[tuple[PaymentDocument, ...], Field(max_length=50)] = ()
    requirements: Annotated[tuple[Note, ...], Field(max_length=100)] = ()
    """Special requirements of the customer."""
    lines: Annotated[tuple[LineDocument, ...], Field(max_length=5_000)] = ()
    deliveries: Annotated[tuple[DeliveryDocument, ...], Field(max_length=20_000)] = ()
    tasks: Annotated[tuple[TaskDocument, ...], Field(max_length=20_000)] = ()
    inspections: Annotated[tuple[InspectionDocument, ...], Field(max_length=1_000)] = ()
    milestones: Annotated[tuple[MilestoneDocument, ...], Field(max_length=500)] = ()
    notify: Annotated[tuple[RecipientDocument, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not (self.lines or self.tasks or self.milestones):
            raise ValueError("an order needs at least one of lines, tasks, milestones")
        lines = self._checked_lines()
        tasks = check_work(self.tasks, self.inspections)
        milestones = self._checked_milestones(lines, tasks)
        for index, payment in enumerate(self.payments):
            if payment.milestone is not None:
                _among(milestones, payment.milestone, f"payments.{index}.milestone", "milestone")
        if sum(payment.percent for payment in self.payments) > 100:
            raise ValueError("payments: they add up to more than 100 %")
        for day in sorted({*self.holidays} & {*self.extra_workdays})[:1]:
            raise ValueError(f"extra_workdays: {day} is one of the holidays too")
        for one, other in pairwise(self.workhours):
            if other.partition("-")[0] < one.partition("-")[2]:
                raise ValueError(f"workhours: {other} begins before {one} ends; put them in order of time")
        _ordered(("signed", self.signed), ("due", self.due))
        _ordered(("start", self.start), ("due", self.due))
        return self

    def _checked_lines(self) -> set[str]:
        lines = once("lines", [line.line for line in self.lines])
        once("notify", [person.email for person in self.notify])
        once("deliveries", [f"{unit.sscc} on line {unit.line}" for unit in self.deliveries])
        for index, line in enumerate(self.lines):
            once(f"lines.{index}.certificates", [repr(each.batch) for each in line.certificates])
            once(f"lines.{index}.packs", [str(pack.gtin or pack.code) for pack in line.packs])
        for index, unit in enumerate(self.deliveries):
            _among(lines, unit.line, f"deliveries.{index}.line", "line")
        return lines

    def _checked_milestones(self, lines: set[str], tasks: set[str]) -> set[str]:
        for milestone in self.milestones:
            where = f"milestones.{milestone.key}"
            if milestone.task is not None:
                _among(tasks, milestone.task, f"{where}.task", "task")
            for line in once(f"{where}.policy.material_arrived.lines", milestone.policy.lines):
                _among(lines, line, f"{where}.policy.material_arrived.lines", "line")
            if not lines and milestone.policy.wants_lines:
                raise ValueError(f"{where}.policy.material_arrived: the order has no lines")
        return once("milestones", [milestone.key for milestone in self.milestones])

    def canonical(self) -> str:
        """One text for equal documents. What was not said is not in it, so that a new field changes no old document."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _among(known: Iterable[str], name: str, where: str, what: str) -> None:
    if name not in known:
        raise ValueError(f"{where}: there is no {what} '{name}'")


def _ordered(*times: tuple[str, datetime | None]) -> None:
    told: Sequence[tuple[str, datetime]] = [(name, time) for name, time in times if time is not None]
    for (first, earlier), (second, later) in pairwise(told):
        if earlier > later:
            raise ValueError(f"{second}: lies before {first}")
