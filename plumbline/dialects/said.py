"""The contract of a dialect."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from plumbline.event import Event
from plumbline.profile import Metric


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a message says."""

    device: str
    """Whose it is: a `plumbline.event.Name`."""
    event: partial[Event]
    """The event without its header."""
    at_ns: int | None = None
    """UTC in nanoseconds that the device, or its network server, told with it; `None`: it told none, the listener's clock counts."""
    metrics: Mapping[str, Metric] | None = None
    """What is declared about the values of a reading: units and filters."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be used: whose it was, as far as known, and what to check. The rest of the message still counts."""

    device: str
    what: str


class Dialect(Protocol):
    """How one family of devices speaks."""

    @property
    def filters(self) -> tuple[str, ...]:
        """The topic filters to subscribe to (MQTT 5.0, section 4.7)."""
        ...

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says, the business first. Nothing: it is none of our concern (an acknowledgement, a configuration).

        Never raises, whatever `payload` holds. A dialect may remember what came before (Sparkplug's births, a device's
        last state), but bounds what it remembers. Called in the order of arrival.
        """
        ...
