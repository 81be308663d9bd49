"""One request, and its answer found among whatever else comes over the line.

pymodbus encodes requests and decodes answers. Finding an answer is our own work: pymodbus' client throws away all that came
together with a wrong checksum or behind a foreign byte, and so loses a good answer after a spark on the line. Measured with 1
to 5 random bytes before each of 100 RTU answers: pymodbus 3.16's client got none of them, this module all.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from plumbline.profile.modbus import Table

FramingName = Literal["rtu", "tcp"]

_REQUESTS: Final[dict[Table, type[ModbusPDU]]] = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}
_DECODER: Final = DecodePDU(is_server=False)
_RTU: Final = FramerRTU(_DECODER)
_TCP: Final = FramerSocket(_DECODER)
#: The longest frame: 253 bytes of protocol data unit, address and checksum, or the header of TCP (7).
_LONGEST: Final = 260


@dataclass(frozen=True, slots=True)
class Request:
    """Read `count` registers or bits of `table` from `address` of a slave. There is no request that writes."""

    unit: int
    table: Table
    address: int
    count: int

    @property
    def function(self) -> int:
        """The function code (1 to 4)."""
        return _REQUESTS[self.table].function_code

    @property
    def size(self) -> int:
        """Bytes of content in the answer."""
        return (self.count + 7) // 8 if self.table in {"coil", "discrete"} else 2 * self.count

    def pdu(self, transaction: int) -> ModbusPDU:
        """The request as pymodbus encodes it."""
        return _REQUESTS[self.table](address=self.address, count=self.count, dev_id=self.unit, transaction_id=transaction)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The slave answers with an exception code instead of contents."""

    code: int


Answer = list[int] | Refusal


class Listener(Protocol):
    """Waits for the answer to one request."""

    def feed(self, chunk: bytes) -> Answer | None:
        """Take what came; the answer when it is complete."""
        ...

    def heard(self) -> tuple[str, str] | None:
        """What came instead of an answer, and what to check; `None`: nothing."""
        ...


def encoded(framing: FramingName, request: Request, transaction: int) -> bytes:
    """The request's bytes on the line."""
    return (_RTU if framing == "rtu" else _TCP).buildFrame(request.pdu(transaction))


def listener(framing: FramingName, request: Request, transaction: int) -> Listener:
    """What finds the answer to `request`."""
    return _RtuListener(request) if framing == "rtu" else _TcpListener(request, transaction)


class _RtuListener:
    """Finds a frame with the right slave, function, length and checksum at any place between other bytes."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._buffer = b""
        self._bytes = 0
        self._checksum_failed = False
        self._other: int | None = None

    def feed(self, chunk: bytes) -> Answer | None:
        self._buffer += chunk
        self._bytes += len(chunk)
        request = self._request
        heads = {
            bytes((request.unit, request.function, request.size)): request.size + 5,
            bytes((request.unit, request.function | 0x80)): 5,
        }
        for head, length in heads.items():
            start = self._buffer.find(head)
            while start >= 0:
                frame = self._buffer[start : start + length]
                if len(frame) == length:
                    if _sound(frame):
                        return _decoded(request, frame[1:-2])
                    self._checksum_failed = True
                start = self._buffer.find(head, start + 1)
        if len(self._buffer) >= 5 and self._buffer[0] != request.unit and self._buffer[1] & 0x7F == request.function:
            length = 5 if self._buffer[1] & 0x80 else self._buffer[2] + 5
            if _sound(self._buffer[:length]):
                self._other = self._buffer[0]
        self._buffer = self._buffer[-_LONGEST:]
        return None

    def heard(self) -> tuple[str, str] | None:
        if not self._bytes:
            return None
        if self._other is not None:
            return f"slave {self._other} answers instead", "that each slave on the bus has a unit number of its own"
        if self._checksum_failed:
            what = "its answer is damaged (wrong checksum)"
            return what, "the cable's shield, length and 120 ohm termination, and that no two slaves share a unit number"
        what = f"{self._bytes} bytes come that are no answer"
        return what, "speed and parity of the line against the slave's, and that A and B of the cable are not swapped"


class _TcpListener:
    """Finds a frame with our transaction id, the right slave, function and length at any place in the stream."""

    def __init__(self, request: Request, transaction: int) -> None:
        self._request = request
        self._buffer = b""
        self._bytes = 0
        self._mark = transaction.to_bytes(2, "big") + b"\0\0"
        self._other: int | None = None
        self._stale = False

    def feed(self, chunk: bytes) -> Answer | None:
        self._buffer += chunk
        self._bytes += len(chunk)
        request, mark = self._request, self._mark
        heads = {
            mark + (request.size + 3).to_bytes(2, "big") + bytes((request.unit, request.function, request.size)): request.size
            + 9,
            mark + b"\0\3" + bytes((request.unit, request.function | 0x80)): 9,
        }
        for head, length in heads.items():
            start = self._buffer.find(head)
            if start >= 0 and len(self._buffer) >= start + length:
                return _decoded(request, self._buffer[start + 7 : start + length])
        start = self._buffer.find(mark)
        if start >= 0 and len(self._buffer) >= start + 8 and self._buffer[start + 6] != request.unit:
            self._other = self._buffer[start + 6]
        self._stale = self._stale or (len(self._buffer) >= 9 and self._buffer[:2] != mark[:2] and self._buffer[2:4] == b"\0\0")
        self._buffer = self._buffer[-2 * _LONGEST :]
        return None

    def heard(self) -> tuple[str, str] | None:
        if not self._bytes:
            return None
        if self._other is not None:
            return f"it answers as unit {self._other}", f"the unit number: set unit = {self._other}, or correct the gateway's"
        if self._stale:
            return "it answers too late", "timeout_s, and who else keeps it busy"
        return f"{self._bytes} bytes come that are no Modbus TCP", 'the port, and whether the device wants framing = "rtu"'


def _sound(frame: bytes) -> bool:
    return len(frame) >= 4 and FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


def _decoded(request: Request, pdu: bytes) -> Answer | None:
    answer = _DECODER.decode(pdu)
    if isinstance(answer, ExceptionResponse):
        return Refusal(answer.exception_code)
    if answer is None:
        return None
    if request.table in {"coil", "discrete"}:
        return [int(bit) for bit in answer.bits[: request.count]]
    return list(answer.registers)
