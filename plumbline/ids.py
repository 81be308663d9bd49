"""Identifiers: time-ordered event ids, outbox epochs, and the names of sites, gateways and devices."""

import os
import re
import secrets
import time
from typing import Final

#: A site, gateway or device name: safe as an MQTT topic level, as a tag value, as a file name and as an SQL text.
#: (`(?!\n)`: Python's `$` would also match before a line feed at the end; ECMA's does not.)
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?!\n)$"
#: The text form of a UUID (RFC 9562, section 4), lower case.
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?!\n)$"
_NAME: Final = re.compile(NAME_PATTERN)


def is_name(text: str) -> bool:
    """Tell whether `text` may name a site, a gateway or a device."""
    return _NAME.match(text) is not None


def new_event_id(at_ns: int | None = None) -> str:
    """Make a UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits.

    `at_ns` is the capture time in nanoseconds since 1970 (default: now); ids made later sort later.
    """
    ms = (time.time_ns() if at_ns is None else at_ns) // 1_000_000 & 0xFFFF_FFFF_FFFF
    rand = int.from_bytes(os.urandom(10), "big")
    value = ms << 80 | 0x7 << 76 | (rand >> 62 & 0xFFF) << 64 | 0b10 << 62 | rand & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_epoch() -> str:
    """Make the name of a new outbox file: UTC second and 32 random bits, so that epochs sort by age and never collide."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(4)
