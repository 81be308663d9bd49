"""The company document: people and their roles, suppliers, equipment, templates of orders. One for all sites."""

import json
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tracking_service.document.fields import Email, Gtin, Id, Note, Part, Short, TextDocument, Words, once
from tracking_service.document.work import InspectionDocument, TaskDocument, check_work


class PersonDocument(Part):
    """Somebody who works for the company, or whom it tells something."""

    id: Id
    name: Short
    roles: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    """What they may sign off and inspect: `site_engineer`, `quality`, `foreman` …"""
    email: Email | None = None
    phone: Annotated[Words, Field(max_length=32)] = ""
    language: Literal["zh", "en"] = "en"
    badges: Annotated[tuple[Short, ...], Field(max_length=10)] = ()
    """Codes of their badges, on every site."""


class RoleDocument(Part):
    """What people call a role. The usual ones (`site_engineer`, `foreman` …) have titles of their own."""

    id: Id
    """As people have it under `roles`, policies under `role`."""
    title: TextDocument


class SupplierDocument(Part):
    """Who delivers."""

    id: Id
    title: TextDocument
    prefixes: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]{4,12}$")], ...], Field(max_length=50)] = ()
    """GS1 company prefixes: whose pallet an SSCC is (GS1 General Specifications, 1.4.4)."""
    email: Email | None = None


class EquipmentDocument(Part):
    """A machine of the company, wherever it stands."""

    id: Id
    """That of its device in the site files."""
    title: TextDocument
    kind: Annotated[Words, Field(max_length=64)] = ""
    codes: Annotated[tuple[Short, ...], Field(max_length=10)] = ()
    """Codes of its tags, on every site."""


class ArticleDocument(Part):
    """One article under all the codes that it goes by: the first is its own, the others are merged into it."""

    code: Short
    title: TextDocument
    also: Annotated[tuple[Short, ...], Field(max_length=100)] = ()
    """The same article elsewhere: a supplier's number, a code of an earlier catalogue, a duplicate."""
    gtins: Annotated[tuple[Gtin, ...], Field(max_length=100)] = ()


class TemplateDocument(Part):
    """What orders of one kind have, so that none is begun with half of what it needs."""

    id: Id
    title: TextDocument
    technical: Annotated[tuple[Short, ...], Field(max_length=200)] = ()
    """Technical data that must be told."""
    requires: Annotated[
        tuple[Literal["customer", "signed", "start", "due", "payments", "requirements", "lines", "tasks", "notify"], ...],
        Field(max_length=20),
    ] = ()
    inspections: Annotated[tuple[InspectionDocument, ...], Field(max_length=1_000)] = ()
    """Points that must be in the inspection and test plan."""
    tasks: Annotated[tuple[TaskDocument, ...], Field(max_length=5_000)] = ()
    """The work breakdown that an order begins with where it has none of its own."""
    note: Note = ""


class CompanyDocument(Part):
    """Everything that is the company's and not a site's."""

    company: Id
    title: TextDocument
    people: Annotated[tuple[PersonDocument, ...], Field(max_length=20_000)] = ()
    roles: Annotated[tuple[RoleDocument, ...], Field(max_length=500)] = ()
    suppliers: Annotated[tuple[SupplierDocument, ...], Field(max_length=5_000)] = ()
    equipment: Annotated[tuple[EquipmentDocument, ...], Field(max_length=20_000)] = ()
    articles: Annotated[tuple[ArticleDocument, ...], Field(max_length=50_000)] = ()
    templates: Annotated[tuple[TemplateDocument, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        once("people", [person.id for person in self.people])
        once("roles", [role.id.casefold() for role in self.roles])
        once("suppliers", [supplier.id for supplier in self.suppliers])
        once("equipment", [machine.id for machine in self.equipment])
        once("templates", [template.id for template in self.templates])
        once("codes", [code for part in (*self.people, *self.equipment) for code in _codes(part)])
        once("suppliers.prefixes", [prefix for supplier in self.suppliers for prefix in supplier.prefixes])
        once("articles", [code for article in self.articles for code in (article.code, *article.also, *article.gtins)])
        for template in self.templates:
            check_work(template.tasks, template.inspections)
        return self

    def canonical(self) -> str:
        """One text for equal documents; what was not said is not in it."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _codes(part: PersonDocument | EquipmentDocument) -> tuple[str, ...]:
    return part.badges if isinstance(part, PersonDocument) else part.codes
