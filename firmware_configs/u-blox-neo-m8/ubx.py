# ruff: noqa: INP001 - a script that stands alone beside what it reads
"""Turn settings.txt into the bytes that a u-blox receiver takes.

python3 ubx.py settings.txt > settings.ubx

Frame: B5 62, class, id, length, payload, and two checksum bytes (u-blox M8 protocol specification, UBX frame structure).
Needs nothing but Python.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_SYNC = b"\xb5\x62"
_LINE = re.compile(r"^[A-Z0-9-]+ - ((?:[0-9A-F]{2} ){3}[0-9A-F]{2}(?: [0-9A-F]{2})*)$")


def checksum(body: bytes) -> bytes:
    """Fletcher's checksum over class, id, length and payload, 8 bits each."""
    a = b = 0
    for byte in body:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return bytes([a, b])


def frames(text: str) -> Iterator[bytes]:
    """One frame for each message line. Raises `ValueError` naming the line."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise ValueError(f"line {number}: is not 'NAME - class id length payload' in hexadecimal")
        body = bytes.fromhex(match[1])
        length = int.from_bytes(body[2:4], "little")
        if length != len(body) - 4:
            raise ValueError(f"line {number}: says {length} bytes of payload and has {len(body) - 4}; correct one of them")
        yield _SYNC + body + checksum(body)


def main(arguments: list[str]) -> int:
    """Write the frames to standard output."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 ubx.py settings.txt > settings.ubx\n")
        return 2
    try:
        data = b"".join(frames(Path(arguments[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 2
    sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
