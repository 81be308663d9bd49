"""What happened before, as far as it says something about what comes: too few cases say nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: Fewer cases than this tell nothing.
MINIMUM: Final = 5


@dataclass(frozen=True, slots=True)
class Cases:
    """Numbers of the same kind: days that deliveries were late, how many times longer than planned work took."""

    values: tuple[float, ...]
    minimum: int = MINIMUM

    @classmethod
    def of(cls, values: Iterable[float]) -> "Cases":
        """Cases in any order."""
        return cls(tuple(sorted(values)))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def enough(self) -> bool:
        """Whether they say anything."""
        return len(self.values) >= self.minimum

    def spread(self, most: int) -> tuple[float, ...]:
        """So many of them at most, spread over all of them evenly."""
        if len(self.values) <= most:
            return self.values
        return tuple(self.values[(2 * n + 1) * len(self.values) // (2 * most)] for n in range(most))

    def quantile(self, share: float) -> float | None:
        """The value that this share of the cases does not exceed, between neighbours in proportion; `None`: too few."""
        if not self.enough:
            return None
        position = share * (len(self.values) - 1)
        low = int(position)
        high = min(low + 1, len(self.values) - 1)
        return self.values[low] + (self.values[high] - self.values[low]) * (position - low)
