"""From what a message says to an event: its time, and an id that is the same however often it is read."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final, cast

from plumbline.capture import Capture
from plumbline.clock import EventClock, Quality, system_quality
from plumbline.complete import Completer
from plumbline.event import Event

#: In place of a boot: the monotonic times of these events are times of receipt.
BOOT: Final = "direct"
_RANDOM_BITS: Final = 74


def digest(topic: str, payload: bytes) -> bytes:
    """What a message is recognised by (SHA-256)."""
    return hashlib.sha256(topic.encode(errors="surrogatepass") + b"\0" + payload).digest()


def event_id(at_ns: int, content: bytes) -> str:
    """A UUIDv7 (RFC 9562, section 5.7) of which the random bits are those of a SHA-256: the same for the same content."""
    bits = int.from_bytes(hashlib.sha256(content).digest(), "big") >> (256 - _RANDOM_BITS)
    value = (at_ns // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Stamper:
    """Completes what one table's messages say; `begin` names the message, then come its captures in order.

    The time is the device's own where it told one that can be, else that of the receipt. What a device said of an instant has
    the same id whenever it says so again; what it said without a time, only when that very message is read again.

    Args:
        site, gateway: whose events these are.
        quality: who disciplines this machine's clock.
    """

    def __init__(self, site: str, gateway: str, quality: Callable[[], Quality] = system_quality) -> None:
        self._received_at = 0
        self._digest = b""
        self._content = b""
        self._place = f"{site}\0{gateway}\0".encode()
        clock = EventClock(wall_ns=self._now, mono_ns=self._now, quality=quality, boot=BOOT)
        self._completer = Completer(site=site, gateway=gateway, clock=clock, new_id=self._new_id)

    def begin(self, topic: str, payload: bytes, received_at: int) -> None:
        """The next captures are of this message."""
        self._received_at, self._digest = received_at, digest(topic, payload)

    def tick(self, received_at: int) -> None:
        """The next captures are of no message: a window ended."""
        self._received_at, self._digest = received_at, b""

    def complete(self, capture: Capture) -> Event | None:
        """The event, not numbered yet; `None`: it was told before. Raises `CodecError` where nobody could read it."""
        event = cast("partial[Event]", capture.event)
        fields = {name: value for name, value in event.keywords.items() if name != "previous"}
        told = b"" if capture.at_ns is not None else self._digest + b"%d" % self._received_at
        content = f"{capture.device}\0{event.func.__name__}\0{fields!r}\0".encode(errors="backslashreplace")
        self._content = self._place + content + told
        return self._completer.complete(capture)

    def _now(self) -> int:
        return self._received_at

    def _new_id(self, at_ns: int) -> str:
        return event_id(at_ns, self._content + b"\0%d" % at_ns)
