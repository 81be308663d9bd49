"""How long to wait before the next try: exponential, capped, with full jitter."""

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.5
CAP_S: Final = 30.0


def delay_s(attempt: int, chance: Callable[[], float], *, first_s: float = FIRST_S, cap_s: float = CAP_S) -> float:
    """Seconds to wait before try number `attempt` (the first repetition is 1).

    `chance` gives a number in [0, 1). Half of the wait is fixed and half is drawn, so that a hundred gateways which lost
    one broker together do not come back together, and none comes back at once.
    """
    ceiling = min(cap_s, first_s * 2.0 ** min(attempt - 1, 63))
    return ceiling / 2 + chance() * ceiling / 2
