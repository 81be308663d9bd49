"""Tell one label from the next in a stream of bytes. Pure: no port, no clock.

What comes out does not depend on how the bytes were cut into reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from plumbline.profile import Framing

#: What scanners put behind a label where nobody has told them anything else.
_LOOSE: Final = (b"\r", b"\n", b"\t")


@dataclass(frozen=True, slots=True)
class Frame:
    """One label as the scanner sent it, without prefix and suffix."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """Bytes that were dropped, and why."""

    what: str


class Frames:
    """Cuts a stream into frames: `[prefix] content suffix`, or, without a suffix, what stands between two silences.

    Memory stays below `max_bytes` and what one `feed` brings. Empty frames are no labels and are passed over.

    Args:
        framing: prefix, suffix and limit, as received.
        loose: whatever the suffix declared, CR, LF, Tab or a silence ends a frame: for a scanner that nobody knows yet.
    """

    def __init__(self, framing: Framing, *, loose: bool = False) -> None:
        self._prefix = framing.prefix.encode("utf-8")
        suffix = framing.suffix.encode("utf-8")
        self._endings: tuple[bytes, ...] = _LOOSE if loose else (suffix,) if suffix else ()
        self._silence_ends = loose or not suffix
        self._max = framing.max_bytes
        self._buffer = bytearray()
        self._skipping = False

    @property
    def unfinished(self) -> bool:
        """Whether bytes wait for the rest of their frame."""
        return bool(self._buffer) or self._skipping

    def feed(self, data: bytes) -> Iterator[Frame | Fault]:
        """Take the next bytes; the frames that they complete, in order."""
        self._buffer += data
        while (ending := self._ending()) is not None:
            end, behind = ending
            content = bytes(self._buffer[:end])
            del self._buffer[:behind]
            if self._skipping:
                self._skipping = False
            else:
                yield from self._take(content)
        # A suffix may still be half received, so only what exceeds limit, prefix and that half is surely too long.
        half = max(max(map(len, self._endings), default=0) - 1, 0)
        limit = self._max + len(self._prefix) + half
        if not self._skipping and len(self._buffer) > limit:
            self._skipping = True
            yield self._too_long()
        if self._skipping:
            del self._buffer[: max(len(self._buffer) - half, 0)]

    def silence(self) -> Iterator[Frame | Fault]:
        """The line has been silent for the configured time: ends a frame without suffix, drops one that lacks its suffix."""
        content, skipped = bytes(self._buffer), self._skipping
        self._buffer.clear()
        self._skipping = False
        if skipped:
            return
        if self._silence_ends:
            yield from self._take(content)
        elif content:
            yield Fault(
                f"dropped {len(content)} bytes {_shown(content)} that no suffix {_shown(self._endings[0])} followed; "
                "set the scanner to send it, or correct 'suffix'"
            )

    def _ending(self) -> tuple[int, int] | None:
        """Where the first frame in the buffer ends and where the next begins."""
        found = ((self._buffer.find(each), len(each)) for each in self._endings)
        return min(((at, at + length) for at, length in found if at >= 0), default=None)

    def _take(self, content: bytes) -> Iterator[Frame | Fault]:
        if len(content) > self._max + len(self._prefix):
            yield self._too_long()
            return
        start = self._start(content)
        if start is None:
            if content:
                yield Fault(f"dropped {_shown(content)} without the prefix {_shown(self._prefix)}; check the scanner's prefix")
            return
        if start > 0:
            yield Fault(f"dropped {_shown(content[:start])} in front of the prefix {_shown(self._prefix)}")
        if label := content[start + len(self._prefix) :]:
            yield Frame(label)

    def _start(self, content: bytes) -> int | None:
        """Where the frame's prefix stands."""
        if not self._prefix:
            return 0
        # A control character never stands in a label, so the last one opens the frame and what precedes it is a remnant;
        # a printable prefix may well occur in the label again, so there the first one counts.
        found = content.rfind(self._prefix) if self._prefix[0] < 0x20 else content.find(self._prefix)
        return None if found < 0 else found

    def _too_long(self) -> Fault:
        ending = "suffix" if self._endings else "silence"
        return Fault(f"dropped a label of more than {self._max} bytes up to the next {ending}; check speed and suffix")


def _shown(content: bytes) -> str:
    """At most 40 bytes for a message, control characters as escapes."""
    shown = content[:40]
    return repr(shown)[1:] + ("…" if len(content) > len(shown) else "")
