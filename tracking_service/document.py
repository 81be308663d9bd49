"""The order document: what `POST /api/orders` and `plumbline tracking import` take, bounded and checked."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from plumbline.ids import is_name
from plumbline.linking import check_digit_fits
from tracking_service.errors import OrderRefusedError

#: Largest order document, in bytes of JSON.
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,187}[A-Za-z0-9])?\Z")


def named(value: str) -> str:
    """Let pass what may name a site, an order or a line; raises `ValueError`."""
    if not is_name(value):
        raise ValueError("must be letters, digits, '.', '_' or '-', at most 64, and begin with a letter or digit")
    return value


def _gtin(value: str) -> str:
    if len(value) not in (8, 12, 13, 14) or not (value.isascii() and value.isdigit() and check_digit_fits(value)):
        raise ValueError("must be a GTIN: 8, 12, 13 or 14 digits with a right check digit")
    return value.zfill(14)


def _sscc(value: str) -> str:
    if len(value) != 18 or not (value.isascii() and value.isdigit() and check_digit_fits(value)):
        raise ValueError("must be an SSCC: 18 digits with a right check digit")
    return value


def _email(value: str) -> str:
    if not _EMAIL.match(value):
        raise ValueError("must be an e-mail address")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not contain control characters")
    return value


Id = Annotated[
    str,
    Field(min_length=1, max_length=64, description="Letters, digits, '.', '_', '-'; begins with a letter or digit."),
    AfterValidator(named),
]
Short = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
Quantity = Annotated[Decimal, Field(gt=0, le=1_000_000_000, max_digits=16, decimal_places=6, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class TextDocument(_Part):
    """A title in both languages."""

    en: Short
    zh: Short


class CertificateDocument(_Part):
    """A certificate that is there: of a batch, or without one of all that the line asks for."""

    document: Short
    batch: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)] | None = None


class LineDocument(_Part):
    """A material line."""

    line: Id
    title: TextDocument
    gtin: Annotated[str, AfterValidator(_gtin)] | None = None
    batch: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)] | None = None
    label: Short | None = None
    unit: Annotated[str, Field(min_length=1, max_length=16), AfterValidator(_printable)] = "pcs"
    quantity: Quantity
    needed_by: AwareDatetime | None = None
    certificate_required: bool = False
    certificates: Annotated[tuple[CertificateDocument, ...], Field(max_length=1_000)] = ()


class DeliveryDocument(_Part):
    """What a delivery note says of a logistic unit."""

    sscc: Annotated[str, AfterValidator(_sscc)]
    line: Id
    quantity: Quantity
    delivery_note: Annotated[str, Field(max_length=64), AfterValidator(_printable)] = ""


class MaterialArrivedDocument(_Part):
    """Done when of each of these lines so much has arrived."""

    lines: Annotated[tuple[Id, ...], Field(min_length=1, max_length=5_000)] | Literal["all"] = "all"
    ratio: Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)] = Decimal(1)


class PolicyDocument(_Part):
    """What completes a milestone."""

    material_arrived: MaterialArrivedDocument


class MilestoneDocument(_Part):
    """A milestone of the order."""

    key: Id
    title: TextDocument
    due: AwareDatetime | None = None
    policy: PolicyDocument


class RecipientDocument(_Part):
    """Who is told."""

    name: Annotated[str, Field(max_length=128), AfterValidator(_printable)] = ""
    email: Annotated[str, AfterValidator(_email)]
    language: Literal["zh", "en"] = "en"


class OrderDocument(_Part):
    """An engineering order: what is to come, what that completes, who is told."""

    number: Id
    site: Id
    title: TextDocument
    customer: Annotated[str, Field(max_length=256), AfterValidator(_printable)] = ""
    lines: Annotated[tuple[LineDocument, ...], Field(min_length=1, max_length=5_000)]
    deliveries: Annotated[tuple[DeliveryDocument, ...], Field(max_length=20_000)] = ()
    milestones: Annotated[tuple[MilestoneDocument, ...], Field(max_length=500)] = ()
    notify: Annotated[tuple[RecipientDocument, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = _once("lines", [line.line for line in self.lines])
        _once("milestones", [milestone.key for milestone in self.milestones])
        _once("notify", [person.email for person in self.notify])
        _once("deliveries", [f"{unit.sscc} on line {unit.line}" for unit in self.deliveries])
        for index, line in enumerate(self.lines):
            _once(f"lines.{index}.certificates", [repr(each.batch) for each in line.certificates])
        for index, unit in enumerate(self.deliveries):
            if unit.line not in known:
                raise ValueError(f"deliveries.{index}.line: there is no line '{unit.line}'")
        for milestone in self.milestones:
            lines = milestone.policy.material_arrived.lines
            if lines == "all":
                continue
            where = f"milestones.{milestone.key}.policy.material_arrived.lines"
            for line in _once(where, list(lines)):
                if line not in known:
                    raise ValueError(f"{where}: there is no line '{line}'")
        return self

    def canonical(self) -> str:
        """One text for equal documents."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def nanoseconds(time: datetime | None) -> int | None:
    """UTC in ns since 1970, exact to the microsecond."""
    if time is None:
        return None
    since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def read(data: bytes, where: str) -> OrderDocument:
    """Read an order document; `where` is the file or request it came from. Raises `OrderRefusedError`."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise OrderRefusedError(f"{where}: {len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are read; split the order")
    try:
        return OrderDocument.model_validate_json(data)
    except ValidationError as error:
        raise OrderRefusedError(f"{where}: {explained(error)}") from None


def explained(error: ValidationError) -> str:
    """The first few mistakes: path, what is wrong."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(map(str, mistake['loc'])) or 'the document'}: {mistake['msg'].removeprefix('Value error, ')}"
        for mistake in found[:5]
    ]
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return "; ".join(told) + more


def _once(what: str, names: list[str]) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what}: '{name}' stands there twice")
        seen.add(name)
    return seen
