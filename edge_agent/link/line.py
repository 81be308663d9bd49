"""The contract of a link, and the words for what failed."""

import contextlib
import errno
import os
import re
from typing import Final, Protocol

#: pyserial puts path, number and the system's words into one text.
_PYSERIAL: Final = re.compile(r"could not (open port|exclusively lock)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")


class Line(Protocol):
    """An open line to a device."""

    async def read(self) -> bytes:
        """What has arrived; `b""`: the line was quiet for the link's `quiet_s`. Raises `ReaderError` where it is gone.

        Nothing is read ahead without bound: who reads slowly slows the sender, or fills the kernel's buffer.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send `data`, all of it. Raises `ReaderError` where the line is gone or takes nothing."""
        ...


class Link(Protocol):
    """A way to a device, opened by one task at a time, again after it failed."""

    @property
    def place(self) -> str:
        """Where it leads, for a sentence: `/dev/ttyUSB0 at 9600 baud`, `10.0.0.7:4001`."""
        ...

    @property
    def advice(self) -> str:
        """What to check when nothing, or nothing readable, comes."""
        ...

    @property
    def reopen_when_silent(self) -> bool:
        """Whether opening again may help against silence: a TCP peer that vanished looks like a silent one."""
        ...

    def opened(self) -> contextlib.AbstractAsyncContextManager[Line]:
        """Open the link; leaving the context closes it. Raises `ReaderError`, and so do the methods of the line."""
        ...


def reason(error: BaseException) -> str:
    """The system's own words for what failed, without its error numbers."""
    if isinstance(error, OSError) and "Connect call failed" in str(error):
        # asyncio hides the system's words: one address gives a number, a name with several addresses only a text of numbers
        numbers = (error.errno,) if error.errno else map(int, _NUMBER.findall(str(error)))
        return ", ".join(dict.fromkeys(map(os.strerror, numbers)))
    if isinstance(error, OSError) and error.errno and _PYSERIAL.match(str(error.strerror)):
        return "another program has it open" if error.errno in {errno.EAGAIN, errno.EBUSY} else os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
