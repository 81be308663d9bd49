"""What a committed transaction changed, for those who show it."""

from collections.abc import Sequence
from typing import NamedTuple

from tracking_service.activity import Entry


class Observed(NamedTuple):
    """An inbox row that was taken in."""

    event_id: str
    kind: str
    site: str
    at: int


class Outcome(NamedTuple):
    """What a transaction changed, for those who show it."""

    observed: Sequence[Observed] = ()
    activity: Sequence[Entry] = ()
    orders: frozenset[str] = frozenset()
    """Numbers of the orders that moved."""
    notices: bool = False
    """Something may have been put into the notices' outbox."""
