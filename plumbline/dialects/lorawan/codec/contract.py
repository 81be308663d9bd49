"""The contract of a codec: what a device's bytes mean."""

from dataclasses import dataclass
from typing import Protocol

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan.message import Message


class CodecError(Exception):
    """A payload could not be decoded; the text says why, for the report."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload holds."""

    documents: tuple[Json, ...]
    """In which the metrics' paths are looked up: mostly one."""
    warnings: tuple[str, ...] = ()
    """What of it could not be read, or what the codec itself remarks."""


class Codec(Protocol):
    """Decodes the uplinks of one kind of device."""

    def decode(self, message: Message) -> Decoded:
        """What an uplink's payload holds. Raises `CodecError` and nothing else, whatever the payload is."""
        ...
