"""How much may be under way on a link: arithmetic, without a clock of its own.

What was handed to the connection leaves in order, so a live event waits for everything before it. The allowance is
what the link carries in about a second, learnt from how long the broker took to acknowledge (beyond the way there and back):
the backlog fills the link and delays live data by no more than that, on a LAN as on 20 kB/s.
"""

from typing import Final

#: Bytes that may be under way on a link of which nothing is known.
START: Final = 16 * 1024
LEAST: Final = 2 * 1024
MOST: Final = 8 * 1024 * 1024
#: How long what is under way may delay a live event.
QUEUE_S: Final = 1.0


class Pace:
    """The flow on one connection. Times are seconds of one monotonic clock, given by the caller.

    Args:
        drain_bytes_per_s: what the backlog may take of the link; 0: all that live data leaves.
        start: the first allowance.
    """

    def __init__(self, *, drain_bytes_per_s: int, start: int = START) -> None:
        self._rate = drain_bytes_per_s
        self.allowance = float(max(LEAST, min(start, MOST)))
        """Bytes that may be under way without the broker's acknowledgement."""
        self._under_way = 0
        self._least_s = float("inf")
        self._late_at = 0.0
        self._ratio = 1.0

    @property
    def room(self) -> bool:
        """Whether more than business events may be sent now."""
        return self._under_way < self.allowance

    def event_bytes(self, limit: int) -> int:
        """How many bytes of events a batch may hold, so that it is small on this link when it is compressed; at most `limit`."""
        return int(min(limit, max(LEAST, self.allowance * self._ratio)))

    def late_in_s(self, now: float) -> float:
        """How long the backlog has to wait for its rate."""
        return max(0.0, self._late_at - now)

    def sent(self, size: int, events_size: int, now: float, *, late: bool) -> int:
        """A message of `size` bytes went out, with events of `events_size`; returns what is under way with it."""
        self._under_way += size
        if events_size:
            self._ratio = max(1.0, events_size / size)
        if late and self._rate:
            self._late_at = max(now, self._late_at) + size / self._rate
        return self._under_way

    def acknowledged(self, size: int, under_way: int, took_s: float) -> None:
        """The broker has a message of `size` bytes that made `under_way` when it was sent `took_s` ago."""
        self._under_way -= size
        self._least_s = min(self._least_s, took_s)
        if under_way * 2 < self.allowance:
            return  # so little says nothing about how much would fit
        queued_s = took_s - self._least_s
        fits = under_way * QUEUE_S / queued_s if queued_s > 0 else MOST
        self.allowance = max(LEAST, min(MOST, self.allowance * 2, fits))

    def refused(self, size: int) -> None:
        """The broker did not take a message of `size` bytes: it is not under way any more."""
        self._under_way -= size

    def round_trip(self, took_s: float) -> None:
        """A message too small to queue took so long to be acknowledged."""
        self._least_s = min(self._least_s, took_s)
