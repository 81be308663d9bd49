"""What has arrived of an order's line."""

from decimal import Decimal
from typing import Literal

LineState = Literal["waiting", "partial", "arrived", "over", "short"]


def line_state(*, expected: Decimal, arrived: Decimal, needed_by: int | None, now: int) -> LineState:
    """How a line stands: `short` is less than expected when it was needed."""
    if arrived > expected:
        return "over"
    if arrived == expected:
        return "arrived"
    if needed_by is not None and needed_by <= now:
        return "short"
    return "partial" if arrived else "waiting"
