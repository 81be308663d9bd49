"""From capture to event: the header, and the refusal of what could not be read on the other side."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from plumbline import codec
from plumbline.capture import Capture
from plumbline.clock import EventClock
from plumbline.event import ClockReading, Event, Fix
from plumbline.ids import new_event_id

#: In place of the epoch until the outbox gives the real one.
_UNNUMBERED: Final = "unnumbered"
#: In place of a clock where two events are compared.
_NO_CLOCK: Final = ClockReading(quality="free", boot="", mono=0)
#: Devices whose last told instant is remembered; a client that invents names makes the oldest forgotten.
_REMEMBERED: Final = 4096


class Completer:
    """Completes captures of one gateway into events.

    Args:
        site: whose events these are.
        gateway: whose events these are.
        clock: stamps them.
        new_id: makes an event's id from its time.
    """

    def __init__(
        self, *, site: str, gateway: str, clock: EventClock | None = None, new_id: Callable[[int], str] = new_event_id
    ) -> None:
        self._site = site
        self._gateway = gateway
        self.clock = clock or EventClock()
        self._new_id = new_id
        self._told: OrderedDict[str, tuple[int, set[object]]] = OrderedDict()

    def complete(self, capture: Capture) -> Event | None:
        """Give a capture its header; `None` where the device tells the same thing of the same instant again.

        A receiver is in one place at an instant; of everything else a repetition has the same content.

        Raises `CodecError` where ingest could not read the event (a text too long, NaN, a name with a space): better
        refused here, where the device is at hand, than in a dead letter.
        """
        if capture.heard_ns is not None and capture.at_ns is not None:
            self.clock.observe(capture.device, capture.at_ns, capture.heard_ns)
        stamp = self.clock.stamp(capture.device, capture.at_ns, capture.clock)
        event = capture.event(
            id=self._new_id(stamp.at),
            site=self._site,
            gateway=self._gateway,
            device=capture.device,
            at=stamp.at,
            clock=stamp.clock,
            epoch=_UNNUMBERED,
            seq=1,
        )
        if capture.at_ns is not None and self._repeats(capture.at_ns, event):
            return None
        codec.decode_event(codec.encode(event))
        return event

    def _repeats(self, told_ns: int, event: Event) -> bool:
        """Whether this was told before; of each device only the newest instant is remembered."""
        newest, things = self._told.get(event.device) or (None, _nothing())
        if newest != told_ns:
            things = _nothing()
        thing: object = Fix if isinstance(event, Fix) else codec.encode(replace(event, id="", at=0, clock=_NO_CLOCK))
        repeated = thing in things
        things.add(thing)
        self._told[event.device] = told_ns, things
        self._told.move_to_end(event.device)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return repeated


def _nothing() -> set[object]:
    return set()
