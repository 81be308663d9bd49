"""A total that goes on when the device's counter starts again. Pure."""

from dataclasses import dataclass

from plumbline.profile import LineCounter

#: From this share of `wraps_at` on a small value means that the counter went round.
_NEAR = 0.9


@dataclass(slots=True)
class Total:
    """What is known of one counter."""

    carried: float = 0.0
    """What was counted before the last start from 0."""
    last: float | None = None
    """What the device said last."""
    lower: float | None = None
    """A value below `last` that waits for a second one: one garbled digit must not count as a reset."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one value means."""

    total: float | None
    """`None`: not known yet."""
    trouble: str | None = None


def step(total: Total, counter: LineCounter, value: float) -> Step:
    """Take the next value; changes `total`."""
    last, lower = total.last, total.lower
    total.lower = None
    if last is None or value >= last:
        total.last = value
        return Step(total.carried + value)
    wraps = counter.wraps_at
    if wraps is not None and last >= _NEAR * wraps and value <= (1 - _NEAR) * wraps:
        total.carried, total.last = total.carried + wraps, value
        return Step(total.carried + value)
    if lower is None or value < lower:
        total.lower = value
        return Step(None)
    total.carried, total.last = total.carried + last, value
    return Step(total.carried + value, f"started again from 0 after {last:g}; the total goes on at {total.carried + value:g}")
