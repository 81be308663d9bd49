"""The contract of a dialect."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from plumbline.event import Event
from plumbline.profile import DeviceProfile, Metric


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
    """What could not be used: whose it was (empty: not known), and what to check. The rest of the message still counts."""

    device: str
    what: str
    """Without the topic: the listener puts it in front."""
    lost: bool = True
    """Whether something that the message says was not taken; else it is only worth knowing (offline, a name that was made)."""


class Dialect(Protocol):
    """How one family of devices speaks."""

    @property
    def filters(self) -> tuple[str, ...]:
        """The topic filters to subscribe to (MQTT 5.0, section 4.7)."""
        ...

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says, the business first. Nothing: it is none of our concern (an acknowledgement, a configuration).

        Never raises, whatever `payload` holds; the listener bounds its size. A dialect may remember what came before
        (Sparkplug's births, units that were announced), but bounds what it remembers. Called in the order of arrival, and
        for retained messages too: what is learnt from them is kept, of what they say the listener takes only `Trouble`
        (unless the configuration says otherwise), since a retained value is old. Every state is given each time; the
        listener passes on the changes.
        """
        ...


@runtime_checkable
class Announced(Protocol):
    """What a dialect has besides where retained messages explain the others (units, names).

    A listener reads them before all else: what waited for it meanwhile is not understood without them.
    """

    @property
    def announcements(self) -> tuple[str, ...]:
        """The topic filters of those messages."""
        ...


@runtime_checkable
class Slow(Protocol):
    """What a dialect has besides that may wait for another process while it reads (a maker's script)."""

    @property
    def slow(self) -> bool:
        """Whether it may: a listener then reads in a thread, one message at a time."""
        ...


@runtime_checkable
class Patient(Protocol):
    """What a dialect has besides that passes over a message which it read before."""

    def unkept(self, topic: str, payload: bytes) -> None:
        """What the message said could not be kept: when it comes again it is no repetition."""
        ...


class DialectModule(Protocol):
    """What the module of a dialect has: importing it opens nothing and brings no large library with it."""

    Settings: type[Struct]
    """The keys of its table in a configuration, each with a docstring; frozen, keyword-only, no unknown fields."""
    build: Callable[[Any, Mapping[str, DeviceProfile]], Dialect]
    """`build(settings, profiles)`: the dialect. Raises `SettingsError` as 'key: what is wrong; what to do'."""
