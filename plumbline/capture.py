"""What a device said, before it is an event: whoever listens to devices hands this on to be filtered, stamped and numbered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from plumbline.event import Event
from plumbline.profile import Metric


@dataclass(frozen=True, slots=True)
class Capture:
    """What a device said: an event that lacks its header.

    `event` completes it: a `functools.partial` of the kind with its own fields, for example
    `partial(Scan, raw=b"…", text="…")`; `plumbline.complete` calls it with the header's fields.
    """

    device: str
    event: Callable[..., Event]
    at_ns: int | None = None
    """UTC time in nanoseconds that the device told with it; `None`: the listener's clock decides."""
    clock: Literal["gps", "ntp"] = "gps"
    """Who sets the clock that told `at_ns`: satellites, or a time server (phones, network servers)."""
    metrics: Mapping[str, Metric] | None = None
    """What is declared about the values of a `Reading`; the filters in it are applied (`plumbline.filters`)."""
    heard_ns: int | None = None
    """When a live satellite receiver told `at_ns`, by `plumbline.clock.monotonic_ns`: a reference for the gateway's clock."""
