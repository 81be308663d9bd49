"""What the agent and its camera worker say to each other: msgpack, each message behind its length.

agent  → worker   Picture | Watch | Look, one at a time
worker → agent    Ready once it can read; then
                  Picture → PictureRead | PictureRefused | PictureGone
                  Watch   → Opened, then (Begun, Seen) | Still | Pulse | Trouble …, then Ended | Lost
                  Look    → Looked | Lost
"""

from typing import Final

import msgspec
from msgspec import Struct

#: A message is a few codes; whoever claims more has lost his way.
MAX_BYTES: Final = 4 * 1024 * 1024
HEAD_BYTES: Final = 4


class Code(Struct, frozen=True):
    """One code in a picture (see `edge_agent.decode.Symbol`)."""

    format: str
    text: str
    raw: bytes
    identifier: str | None


class Aim(Struct, frozen=True):
    """Which part of a picture is read: it is turned clockwise by `rotate` degrees, then cut to `region`."""

    rotate: int = 0
    region: tuple[float, float, float, float] | None = None
    """Left, top, right, bottom as fractions of the turned picture."""


class Source(Struct, frozen=True):
    """A camera or a recording."""

    address: int | str
    """The number or path of a local camera, a URL, the path of a recording."""
    live: bool
    """A camera, which is waited for; a recording ends."""
    silence_s: float
    """A camera that does not answer, or sends no frame, for this long is lost."""
    size: tuple[int, int] | None = None
    """Width and height to ask a local camera for."""


class Picture(Struct, frozen=True, tag=True):
    """Read a picture file."""

    path: bytes
    """As the file system has it."""
    budget_ms: float
    aim: Aim


class Watch(Struct, frozen=True, tag=True):
    """Open a source and read its frames until told otherwise by the end of the pipe."""

    source: Source
    aim: Aim
    budget_ms: float
    interval_s: float
    still_s: float
    frozen_s: float
    repeat_s: float
    first_frame: int
    """Frames before this one are passed over."""
    photos: str | None
    """The folder for pictures of frames that showed a new code; `None`: keep none."""
    photos_bytes: int


class Look(Struct, frozen=True, tag=True):
    """Open a source, look for at most `patience_s` seconds, close it and tell."""

    source: Source
    aim: Aim
    budget_ms: float
    patience_s: float


class Ready(Struct, frozen=True, tag=True):
    """The worker has loaded its libraries."""


class PictureRead(Struct, frozen=True, tag=True):
    """The codes in a picture, and the SHA-256 of its file."""

    codes: tuple[Code, ...]
    sha256: str


class PictureRefused(Struct, frozen=True, tag=True):
    """The picture cannot be read, now or ever."""

    reason: str


class PictureGone(Struct, frozen=True, tag=True):
    """The picture was taken away."""


class Opened(Struct, frozen=True, tag=True):
    """The source gives frames of this size."""

    width: int
    height: int
    fps: float


class Begun(Struct, frozen=True, tag=True):
    """Frame number `frame` is being read: whoever hears no more knows which one it was."""

    frame: int


class Seen(Struct, frozen=True, tag=True):
    """What a frame showed; `at_s` is monotonic (a recording: its own time), `photo` the SHA-256 of the picture kept of it."""

    frame: int
    at_s: float
    codes: tuple[Code, ...]
    changed: bool
    """Something moved since the frame that was read before."""
    photo: str | None


class Still(Struct, frozen=True, tag=True):
    """At `at_s` nothing had changed since the last frame that was read: what was in view still is."""

    at_s: float


class Pulse(Struct, frozen=True, tag=True):
    """No frame, but alive."""


class Trouble(Struct, frozen=True, tag=True):
    """Something is wrong, but reading goes on."""

    what: str


class Lost(Struct, frozen=True, tag=True):
    """The source cannot be opened, or sends no more."""

    what: str
    check: str


class Ended(Struct, frozen=True, tag=True):
    """The recording is over."""


class Looked(Struct, frozen=True, tag=True):
    """What a look at a source showed; `condition` says how good the picture is."""

    width: int
    height: int
    fps: float
    condition: str
    codes: tuple[Code, ...]


Request = Picture | Watch | Look
Reply = (
    Ready | PictureRead | PictureRefused | PictureGone | Opened | Begun | Seen | Still | Pulse | Trouble | Lost | Ended | Looked
)

_encoder: Final = msgspec.msgpack.Encoder()
request_of: Final = msgspec.msgpack.Decoder(Request).decode
reply_of: Final = msgspec.msgpack.Decoder(Reply).decode


def framed(message: Request | Reply) -> bytes:
    """The bytes of `message` behind their length."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEAD_BYTES, "big") + body
