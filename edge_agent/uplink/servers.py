"""Which broker is tried next: arithmetic, without a clock of its own.

The order is the owner's. One that failed goes behind the others for a while, so that an outage does not begin with waiting
for it again and again; after that it is tried in the background, and where it works we go home. One to which we went home and
which failed again soon is left alone twice as long, up to an hour.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from plumbline.address import Address

_LONGEST_S: Final = 3600.0


@dataclass(slots=True, eq=False)
class Place:
    """One broker, and what we know of it."""

    rank: int
    """0: the preferred one."""
    address: Address
    rest_s: float
    """How long it is left alone after the next failure."""
    rests_until: float = float("-inf")
    at_home_since: float | None = None
    """When we last came back to it from a lesser one."""
    proven: bool = False
    """A canary has come back from it."""
    silences: int = 0
    """Sessions there in which a canary was lost, none having ever come back."""


class Servers:
    """The brokers in order of preference. Times are seconds of one monotonic clock, given by the caller.

    Args:
        addresses: the preferred one first.
        home_every_s: how long one that failed is left alone.
        chance: a number in [0, 1), so that a hundred gateways do not go home together.
    """

    def __init__(
        self, addresses: Sequence[Address], *, home_every_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._home_every_s = home_every_s
        self._chance = chance
        self._places = [Place(rank, address, home_every_s) for rank, address in enumerate(addresses)]

    def order(self, now: float) -> list[Place]:
        """All of them, in the order in which to try them now."""
        return sorted(self._places, key=lambda place: (place.rests_until > now, place.rank))

    def failed(self, place: Place, now: float) -> None:
        """It could not be reached, refused us, or was lost soon."""
        if place.at_home_since is not None and now - place.at_home_since < 2 * place.rest_s:
            place.rest_s = min(2 * place.rest_s, max(_LONGEST_S, self._home_every_s))
        place.at_home_since = None
        place.rests_until = now + place.rest_s * (0.75 + self._chance() / 2)

    def held(self, place: Place, seconds: float) -> None:
        """A connection to it was lost after so long: it failed only where that was soon (see `failed`)."""
        if seconds >= 2 * place.rest_s:
            place.rest_s = self._home_every_s

    def better(self, place: Place, now: float) -> Place | None:
        """The first one before `place` that is not resting: worth a trial."""
        return next((one for one in self._places[: place.rank] if one.rests_until <= now), None)

    def better_in_s(self, place: Place, now: float) -> float | None:
        """How long until there is one to try; `None` at the preferred one."""
        rests = [one.rests_until - now for one in self._places[: place.rank]]
        return max(0.0, min(rests)) if rests else None

    def works(self, place: Place, now: float) -> None:
        """A trial of it went well: it is the next one."""
        place.rests_until = float("-inf")
        place.at_home_since = now
