"""What may choose between the readings of an ambiguous scan."""

from typing import Protocol


class Expectation(Protocol):
    """Knows what is to arrive, or may be used, on this site."""

    def knows(self, ai: str, value: str) -> bool:
        """Whether `value` of the application identifier `ai` is expected. Called for every scan: it must not wait."""
        ...
