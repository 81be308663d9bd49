"""What completes a milestone, as it is declared."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from tracking_service.document.fields import Id, Part


class MaterialArrivedDocument(Part):
    """Done when of each of these lines so much has arrived."""

    lines: Annotated[tuple[Id, ...], Field(min_length=1, max_length=5_000)] | Literal["all"] = "all"
    ratio: Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)] = Decimal(1)


class PolicyDocument(Part):
    """What completes a milestone."""

    material_arrived: MaterialArrivedDocument

    @property
    def lines(self) -> Sequence[str]:
        """The lines that it names."""
        return () if self.material_arrived.lines == "all" else self.material_arrived.lines

    @property
    def wants_lines(self) -> bool:
        """Whether it makes no sense without lines."""
        return True
