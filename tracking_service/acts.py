"""The office's acts: what people decide, as it stands in the log beside what the site saw.

An act is checked when it is made, recorded, and applied again by every rebuild: it never says what follows from it. Who makes
it gives its id (a UUIDv7), so that the same act sent twice is one act.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from plumbline.ids import UUID_PATTERN, new_event_id
from tracking_service.document.fields import Code, Id, Note, Quantity, Short, Sscc, Words
from tracking_service.document.reading import explained
from tracking_service.errors import ActRefusedError

Uuid = Annotated[str, Field(pattern=UUID_PATTERN.replace(r"(?!\n)", ""), description="A UUID, lower case.")]
PartId = Annotated[Short, Field(min_length=3, max_length=130, description="`<order>~<line or milestone>`.")]
Person = Annotated[Short, Field(max_length=128)]
Why = Annotated[Note, Field(min_length=1, max_length=1_000)]
Photo = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the picture.")]
Counted = Annotated[Decimal, Field(ge=0, le=1_000_000_000, max_digits=16, decimal_places=6, allow_inf_nan=False)]

#: The largest act but an order's, in bytes of JSON.
MAX_ACT_BYTES: Final = 64 * 1024


class Act(BaseModel):
    """What every act says."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: Uuid = Field(default_factory=new_event_id)
    at: AwareDatetime | None = None
    """When it happened, where that was not when it was recorded: a signature on paper, a return yesterday."""
    person: Person | None = None
    """Who did it."""

    about: ClassVar[str | None] = None
    """The field that says what it is about."""

    @property
    def subject(self) -> str | None:
        """What it is about: an event, act, line, milestone or code."""
        return getattr(self, self.about) if self.about is not None else None


class OrderAct(Act):
    """An order document was imported."""

    kind: Literal["order"] = "order"
    document: dict[str, Any]


class CompanyAct(Act):
    """A company document was imported."""

    kind: Literal["company"] = "company"
    document: dict[str, Any]


class LinkAct(Act):
    """A scan is an arrival of this line."""

    kind: Literal["link"] = "link"
    about = "event"

    event: Uuid
    line: PartId
    quantity: Quantity | None = None
    """In the line's unit; absent: what the code says, else one."""
    teach: bool = False
    """From now on its code stands for this line, and for lines of the same item: so much of it a scan."""


class AssignAct(Act):
    """An inspection that was seen on site was of this point of an order."""

    kind: Literal["assign"] = "assign"
    about = "event"

    event: Uuid
    order: Id
    check: Short
    inspector: Person | None = None
    """Who inspected, where the event says nobody or somebody else."""


class UnlinkAct(Act):
    """A scan belongs to no line, an inspection to no order: it waits among the unlinked again."""

    kind: Literal["unlink"] = "unlink"
    about = "event"

    event: Uuid
    why: Why


class VoidAct(Act):
    """An event or an act does not count: as if it had never been."""

    kind: Literal["void"] = "void"
    about = "ref"

    ref: Uuid
    why: Why


class RestoreAct(Act):
    """What was voided counts again."""

    kind: Literal["restore"] = "restore"
    about = "ref"

    ref: Uuid
    why: Why


class QuantityAct(Act):
    """A scan brought another quantity than was taken."""

    kind: Literal["quantity"] = "quantity"
    about = "event"

    event: Uuid
    quantity: Counted
    line: PartId | None = None
    """Which line of a mixed unit; needed where the scan brought several."""
    why: Why


class SettleAct(Act):
    """A person settled that what was seen and the positions of a device disagree."""

    kind: Literal["settle"] = "settle"
    about = "event"

    event: Uuid
    """The scan or check-in."""
    device: Id
    """Whose positions disagree with it."""
    verdict: Literal["seen", "position", "both", "no_contradiction"]
    """`seen`: the scan or check-in is right, and counts as ever; `position`: the positions are, so the scan or check-in does not
    count; `both`: the machine or person moved in between; `no_contradiction`: it was none."""
    why: Why


class ReturnAct(Act):
    """Some of a line went back."""

    kind: Literal["return"] = "return"
    about = "line"

    line: PartId
    quantity: Quantity
    why: Why
    event: Uuid | None = None
    """The scan that brought it, where it is known: then this piece is not there any more."""
    batch: Code | None = None


class CertificateAct(Act):
    """A certificate came."""

    kind: Literal["certificate"] = "certificate"
    about = "line"

    line: PartId
    document: Short
    batch: Code | None = None
    """Absent: it holds for all of the line."""


class DeliveryNoteAct(Act):
    """A delivery note says what a logistic unit holds of a line."""

    kind: Literal["delivery_note"] = "delivery_note"
    about = "line"

    line: PartId
    sscc: Sscc
    quantity: Quantity
    note: Annotated[Words, Field(max_length=64)] = ""
    batch: Code | None = None


class InspectionAct(Act):
    """A point of the inspection and test plan was checked, and noted in the office."""

    kind: Literal["inspection"] = "inspection"
    about = "order"

    order: Id
    check: Short
    result: Literal["passed", "failed", "conditional"]
    photo: Photo | None = None


class SignOffAct(Act):
    """A milestone was signed off by somebody in a role, or that was taken back."""

    kind: Literal["sign_off"] = "sign_off"
    about = "milestone"

    milestone: PartId
    role: Annotated[Short, Field(max_length=64)]
    withdrawn: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.person is None:
            raise ValueError("person: a signature needs the name of who signs")
        return self


AnyAct = (
    OrderAct
    | CompanyAct
    | LinkAct
    | AssignAct
    | UnlinkAct
    | VoidAct
    | RestoreAct
    | QuantityAct
    | SettleAct
    | ReturnAct
    | CertificateAct
    | DeliveryNoteAct
    | InspectionAct
    | SignOffAct
)
#: Acts that carry a document: they have ways in of their own, and their documents stand in the log alone.
DOCUMENTS: Final = frozenset(("order", "company"))
#: Kind → type.
KINDS: Final[Mapping[str, type[Act]]] = {
    str(kind.model_fields["kind"].default): kind
    for kind in (
        OrderAct,
        CompanyAct,
        LinkAct,
        AssignAct,
        UnlinkAct,
        VoidAct,
        RestoreAct,
        QuantityAct,
        SettleAct,
        ReturnAct,
        CertificateAct,
        DeliveryNoteAct,
        InspectionAct,
        SignOffAct,
    )
}
_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(Annotated[AnyAct, Field(discriminator="kind")])


def read(data: str | bytes, where: str) -> Any:
    """Read an act (one of `KINDS`). Raises `ActRefusedError` with the path of what is wrong."""
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError as error:
        raise ActRefusedError(f"{where}: {explained(error)}") from None


def schema() -> dict[str, Any]:
    """The JSON Schema of an act."""
    return _ADAPTER.json_schema()


def written(act: Act) -> str:
    """An act as it stands in the log."""
    return act.model_dump_json(exclude_none=True)
