"""The checksums that line devices send."""

from collections.abc import Callable, Mapping
from typing import Final

from plumbline.profile import LineCheck


def crc16_modbus(data: bytes) -> int:
    """Polynomial 0x8005 reflected, from 0xFFFF (Modbus over serial line 1.02, section 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def crc16_xmodem(data: bytes) -> int:
    """Polynomial 0x1021, from 0 (ITU-T V.41)."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def _xor(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value


_SUMS: Final[Mapping[str, tuple[Callable[[bytes], int], int]]] = {
    "xor": (_xor, 1),
    "sum8": (lambda data: sum(data) & 0xFF, 1),
    "sum8_negated": (lambda data: -sum(data) & 0xFF, 1),
    "crc16_modbus": (crc16_modbus, 2),
    "crc16_xmodem": (crc16_xmodem, 2),
}


def size_of(check: LineCheck) -> int:
    """How many characters the checksum has, without `after`."""
    return _SUMS[check.method][1] * (2 if check.written == "hex" else 1)


def agrees(check: LineCheck, covered: bytes, sent: bytes) -> bool:
    """Whether `sent` is the checksum of `covered`."""
    method, size = _SUMS[check.method]
    if check.written == "hex":
        try:
            told = bytes.fromhex(sent.decode("ascii"))
        except ValueError:
            return False
    else:
        told = sent
    return len(told) == size and int.from_bytes(told, check.order) == method(covered)
