"""When a silent slave is asked again, so that its timeouts do not slow the others on the bus. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from plumbline.backoff import delay_s


@dataclass(slots=True)
class Breaker:
    """Counts a slave's failures in a row.

    Up to `trip_after` of them it is asked at its own pace; from then on ever more rarely, at least every `retry_s`.
    """

    first_s: float
    retry_s: float
    trip_after: int
    chance: Callable[[], float]
    failures: int = 0
    _again_s: float = 0.0

    @property
    def open(self) -> bool:
        """Whether it has failed so often that it is only tried now and then."""
        return self.failures >= self.trip_after

    @property
    def again_s(self) -> float:
        """Not before this time (the one that `failed` counts in)."""
        return self._again_s if self.open else 0.0

    def try_now(self) -> None:
        """Ask at the next opportunity, whatever was before."""
        self._again_s = 0.0

    def failed(self, now_s: float) -> None:
        """Note a failure."""
        self.failures += 1
        if self.open:
            attempt = self.failures - self.trip_after + 1
            self._again_s = now_s + delay_s(attempt, self.chance, first_s=self.first_s, cap_s=self.retry_s)

    def answered(self) -> None:
        """Note that it is back."""
        self.failures = 0
