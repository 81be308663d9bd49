"""What a gateway says when its clock was set: how ingest corrects what has left already.

    clock    retained, gateway → ingest    the first reference of each of the gateway's last boots

Said again at every connection, so it may come before, between or behind the events that it corrects.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from plumbline.clock import Reference
from plumbline.errors import CodecError
from plumbline.event import Name, ShortText

#: The longest message, in bytes of JSON.
MAX_BYTES: Final = 64 * 1024
Monotonic = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class BootReference(Struct, frozen=True, kw_only=True):
    """How the time of a boot is known."""

    boot: ShortText
    """The boot id, as in `clock.boot` of events."""
    quality: Literal["ntp", "gps"]
    """Who knew the time first."""
    offset_ns: Annotated[int, Meta(ge=-(2**63) + 1, le=2**63 - 1)]
    """UTC minus the gateway's monotonic clock."""
    before_ns: Monotonic
    """Events of quality `free` whose `clock.mono` is less are corrected; their right time is `mono + offset_ns`."""

    @property
    def reference(self) -> Reference:
        """The same for `plumbline.clock.corrected`."""
        return Reference(self.quality, self.offset_ns, self.before_ns)


class ClockSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The boots of a gateway in which it sent events before anybody knew the time, and then learnt it (retained)."""

    site: Name
    gateway: Name
    boots: Annotated[tuple[BootReference, ...], Meta(max_length=64)]
    v: Annotated[int, Meta(ge=1)] = 1


def encode(message: ClockSet) -> bytes:
    """Write a message as JSON."""
    return msgspec.json.encode(message)


def decode(payload: bytes) -> ClockSet:
    """Read a message. Raises `CodecError`: `too_large`, `not_json` or `invalid`."""
    if len(payload) > MAX_BYTES:
        raise CodecError("too_large", f"{len(payload)} bytes, at most {MAX_BYTES} are read")
    try:
        return msgspec.json.decode(payload, type=ClockSet)
    except msgspec.ValidationError as error:
        raise CodecError("invalid", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError("not_json", str(error)) from None
