"""Tell one line from the next in a stream of bytes. Pure; what comes out does not depend on how the bytes were cut."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.readers.line.checks import agrees, size_of
from plumbline.profile import LineShape

_ANY_END: Final = re.compile(rb"[\r\n]")
#: What may stand between two lines without being worth a word.
_NOTHING: Final = b"\r\n\0 \t"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without marks and checksum."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """Bytes that were dropped: what kind of trouble, and what to check."""

    kind: str
    what: str


class Lines:
    """Cuts a stream into lines. Memory stays bounded by `max_bytes` and what one `feed` brings."""

    def __init__(self, shape: LineShape) -> None:
        self._start = shape.start.encode("latin-1")
        self._end = shape.end.encode("latin-1")
        self._max = shape.max_bytes
        self._check = shape.check
        self._after = shape.check.after.encode("latin-1") if shape.check else b""
        self._tail = size_of(shape.check) + len(self._after) if shape.check else 0
        self._buffer = bytearray()
        self._skipping = False

    @property
    def unfinished(self) -> bool:
        """Whether bytes wait for the rest of their line."""
        return bool(self._buffer.strip(_NOTHING)) or self._skipping

    def feed(self, data: bytes) -> Iterator[Line | Fault]:
        """Take the next bytes; the lines that they complete, in order. Empty lines are passed over."""
        self._buffer += data
        while True:
            if self._start:
                yield from self._to_start()
            found = self._find_end(len(self._start) if self._buffer.startswith(self._start) else 0)
            if found is None:
                break
            content, after = found
            trailing = self._tail if self._check is not None and self._check.stands == "after_end" else 0
            if len(self._buffer) < after + trailing:
                break
            whole, tail = bytes(self._buffer[:content]), bytes(self._buffer[after : after + trailing])
            end = bytes(self._buffer[content:after])
            del self._buffer[: after + trailing]
            if self._skipping:
                self._skipping = False
            elif whole.strip(_NOTHING):
                yield from self._take(whole, end, tail)
        if len(self._buffer) > self._max + len(self._start) + len(self._end) + self._tail:
            if not self._skipping:
                self._skipping = True
                yield Fault("long", f"sent {self._max} bytes without an end of line; check its speed, and 'end'")
            del self._buffer[: -max(len(self._end) - 1, 1)]

    def silence(self) -> Iterator[Fault]:
        """The line has been quiet for long: the rest of what has begun is not coming any more."""
        content = bytes(self._buffer).strip(_NOTHING)
        self._buffer.clear()
        skipped, self._skipping = self._skipping, False
        if content and not skipped:
            yield Fault("cut", f"sent {shown(content)} without an end of line; check 'end', and its cable")

    def _to_start(self) -> Iterator[Fault]:
        """Drop what stands before the start mark."""
        if self._buffer.startswith(self._start):
            return
        at = self._buffer.find(self._start)
        if at < 0:
            kept = len(self._start) - 1
            dropped = bytes(self._buffer[: len(self._buffer) - kept])
            # What comes without a start mark is dropped as soon as it is too long, or ended.
            if len(dropped) <= self._max and not _ANY_END.search(dropped):
                return
            del self._buffer[: len(dropped)]
        else:
            dropped = bytes(self._buffer[:at])
            del self._buffer[:at]
            self._skipping = False
        if dropped.strip(_NOTHING):
            yield Fault("start", f"sent {shown(dropped)} without the start {shown(self._start)}; check 'start'")

    def _find_end(self, begin: int) -> tuple[int, int] | None:
        """Where the content ends and what follows it begins."""
        if self._start and begin == 0:
            return None
        if self._end:
            at = self._buffer.find(self._end, begin)
            return None if at < 0 else (at, at + len(self._end))
        match = _ANY_END.search(self._buffer, begin)
        return None if match is None else match.span()

    def _take(self, whole: bytes, end: bytes, tail: bytes) -> Iterator[Line | Fault]:
        start = self._start
        if len(start) == 1 and start[0] < 0x20 and start in whole[1:]:
            # A line that lost its end runs into the next one.
            at = whole.rindex(start)
            yield Fault("cut", f"sent {shown(whole[:at])} without an end of line")
            whole = whole[at:]
        content = whole[len(start) :]
        if len(content) > self._max:
            yield Fault("long", f"sent a line of {len(content)} bytes, at most {self._max} are read; see 'max_bytes'")
            return
        check = self._check
        if check is None:
            yield Line(content)
            return
        if check.stands == "before_end":
            content = content.rstrip(b" ") if check.written == "hex" else content
            content, tail = content[: -self._tail], content[-self._tail :]
        covered = (start if check.covers_start else b"") + content + (end if check.covers_end else b"")
        sum_ = tail[len(self._after) :]
        if tail.startswith(self._after) and agrees(check, covered, sum_):
            yield Line(content)
            return
        yield Fault(
            "check", f"sent {shown(content)} with the checksum {shown(sum_)}, which is wrong; check its cable, and 'check'"
        )


def shown(content: bytes) -> str:
    """At most 60 bytes for a message, control characters as escapes."""
    part = content[:60]
    return repr(part)[1:] + ("…" if len(content) > len(part) else "")
