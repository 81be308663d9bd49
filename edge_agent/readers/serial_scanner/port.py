"""The part of pyserial that the scanner uses, with types: pyserial itself has none."""

from collections.abc import Callable
from typing import Final, Protocol, cast

import serial

from plumbline.profile import SerialLine

#: What pyserial raises when a port cannot be opened, read or written.
PortError: Final = (cast("type[OSError]", serial.SerialException), OSError, ValueError)
#: A write that waited in vain (flow control).
WriteTimeout: Final = cast("type[OSError]", serial.SerialTimeoutException)
_PARITY: Final = {"none": "N", "even": "E", "odd": "O"}
_WRITE_TIMEOUT_S: Final = 1.0
#: Bytes taken at once; they are dealt with before the next are taken, so that a flood stays in the kernel's buffer.
_CHUNK: Final = 4096


class Port(Protocol):
    """An open port."""

    in_waiting: int

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes, fewer when the timeout comes first."""
        ...

    def write(self, data: bytes) -> int | None:
        """Send `data`."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


def open_port(url: str, line: SerialLine, timeout_s: float) -> Port:
    """Open a device file (locked against other programs) or a pyserial URL. Raises one of `PortError`."""
    opener = cast("Callable[..., Port]", serial.serial_for_url)
    return opener(
        url,
        baudrate=line.baudrate,
        bytesize=line.bytesize,
        parity=_PARITY[line.parity],
        stopbits=line.stopbits,
        timeout=timeout_s,
        write_timeout=_WRITE_TIMEOUT_S,
        **({} if "://" in url else {"exclusive": True}),
    )


def read_available(port: Port) -> bytes:
    """What has arrived, after waiting for the first byte up to the port's timeout."""
    first = port.read(1)
    return first + port.read(min(port.in_waiting, _CHUNK)) if first else first


def is_silent(port: Port) -> bool:
    """Whether nothing has arrived that was not read yet."""
    return not port.in_waiting
