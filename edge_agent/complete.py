"""From capture to event: the header, and the refusal of what could not be read on the other side."""

from collections.abc import Callable

from edge_agent.reader import Capture
from plumbline import codec
from plumbline.clock import EventClock
from plumbline.event import Event
from plumbline.ids import new_event_id

#: In place of the epoch until the outbox gives the real one.
_UNNUMBERED = "unnumbered"


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
        self._clock = clock or EventClock()
        self._new_id = new_id
        self._newest_told: dict[tuple[str, object], int] = {}

    def complete(self, capture: Capture) -> Event | None:
        """Give a capture its header; `None` where a device repeats the instant of its last capture of the same kind.

        Raises `CodecError` where ingest could not read the event (a text too long, NaN, a name with a space): better
        refused here, where the device is at hand, than in a dead letter.
        """
        stamp = self._clock.stamp(capture.device, capture.at_ns, capture.clock)
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
        if capture.at_ns is not None:
            key = capture.device, type(event)
            if self._newest_told.get(key) == capture.at_ns:
                return None
            self._newest_told[key] = capture.at_ns
        codec.decode_event(codec.encode(event))
        return event
