"""Frames that come twice."""

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from plumbline.dialects.lorawan.message import Message
from plumbline.dialects.memory import Memory

#: How many of each device are remembered.
_FRAMES: Final = 16
#: Two messages of one frame are not further apart: several integrations send it at the same time, a queue somewhat later.
_SAME_NS: Final = 10 * 60 * 10**9


@dataclass(frozen=True, slots=True)
class Frame:
    """What tells one frame of a device from the next."""

    number: str | None
    session: str | None
    f_cnt: int | None
    f_port: int | None
    payload: bytes
    at_ns: int | None


class Frames:
    """Tells whether a frame was read before: by the network server's number, else by counter, port and content.

    Counters begin again when a device joins or starts anew, so equal ones far apart in time are two frames.
    """

    def __init__(self) -> None:
        self._seen: Memory[str, deque[Frame]] = Memory()

    def take(self, device: str, message: Message) -> bool:
        """Remember the frame of an uplink; false: it was read before."""
        frame = _frame(message)
        seen = self._seen.get(device)
        if seen is None:
            seen = deque[Frame](maxlen=_FRAMES)
            self._seen.put(device, seen)
        if any(_same(frame, other, last=other is seen[-1]) for other in seen):
            return False
        seen.append(frame)
        return True

    def forget(self, device: str, message: Message | None = None) -> None:
        """This message could not be kept and will come again; without one: the device joined, all its counters begin again."""
        if message is None:
            self._seen.forget(device)
        elif (seen := self._seen.get(device)) is not None and (frame := _frame(message)) in seen:
            seen.remove(frame)


def _frame(message: Message) -> Frame:
    content = blake2b(message.payload or repr(message.decoded).encode("utf-8", "replace"), digest_size=16).digest()
    return Frame(message.frame, message.session, message.f_cnt, message.f_port, content, message.at_ns)


def _same(a: Frame, b: Frame, *, last: bool) -> bool:
    if a.number is not None and b.number is not None:
        return a.number == b.number
    if a.f_cnt is None or (a.f_cnt, a.f_port, a.payload) != (b.f_cnt, b.f_port, b.payload):
        return False
    if a.session is not None and b.session is not None and a.session != b.session:
        return False
    if a.at_ns is not None and b.at_ns is not None:
        return abs(a.at_ns - b.at_ns) <= _SAME_NS
    return last
