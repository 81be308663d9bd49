"""What labels are printed on: sheets of A4 with labels side by side, and rolls with one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stock:
    """A stock of labels, in millimetres."""

    title: str
    page: tuple[float, float]
    columns: int
    rows: int
    size: tuple[float, float]
    first: tuple[float, float]
    """Left and top edge of the first label."""
    step: tuple[float, float]
    """From one label's edge to the next one's."""

    @property
    def on_page(self) -> int:
        """Labels of a page."""
        return self.columns * self.rows


#: By name. The sheets are the makers' most common ones (Avery L7160, L7165), sold everywhere under other names too.
STOCKS: Final[Mapping[str, Stock]] = {
    "a4-21": Stock("A4, 21 labels of 63.5 × 38.1 mm (L7160)", (210, 297), 3, 7, (63.5, 38.1), (7.25, 15.1), (66.0, 38.1)),
    "a4-8": Stock("A4, 8 labels of 99.1 × 67.7 mm (L7165)", (210, 297), 2, 4, (99.1, 67.7), (4.65, 13.0), (101.6, 67.7)),
    "a4-1": Stock("A4, one sign a sheet, for zones", (210, 297), 1, 1, (190, 277), (10, 10), (0, 0)),
    "roll-100x60": Stock("roll, 100 × 60 mm", (100, 60), 1, 1, (100, 60), (0, 0), (0, 0)),
    "roll-60x40": Stock("roll, 60 × 40 mm", (60, 40), 1, 1, (60, 40), (0, 0), (0, 0)),
}
