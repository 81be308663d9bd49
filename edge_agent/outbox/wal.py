"""A write-ahead log with a hole: found, and made readable around it.

SQLite reads its log up to the first frame that does not check out and drops all behind it without a word (SQLite, Database
File Format, 4): right for a tail that a power cut tore, a silent loss where a bad block lies before commits. Each checksum
goes on from the one that stands in the frame before, so that each frame can be checked by itself.
"""

from pathlib import Path
from struct import Struct, unpack_from
from typing import Final, NamedTuple

from edge_agent import durable

_HEADER: Final = Struct(">6I")
_FRAME: Final = Struct(">4I")
_SUMS: Final = Struct(">2I")
_HEADER_BYTES: Final = 32
_FRAME_BYTES: Final = 24
#: Checksums read words with the least significant byte first; with the last bit set, the most significant.
_MAGIC: Final = 0x377F0682
_FORMAT: Final = 3007000

Sums = tuple[int, int]


class _Frame(NamedTuple):
    page: int
    pages: int
    """The file's size after this commit; 0: the transaction goes on."""
    salts: Sums
    """Which round of the log it belongs to."""
    content: bytes


def has_hole(wal: Path) -> bool:
    """Whether SQLite would pass over a commit that can be read. Raises `OSError`."""
    return bool(_around_the_hole(wal))


def mend(wal: Path) -> None:
    """Leave out what is broken before the last readable commit, so that SQLite reads what is behind it. Raises `OSError`.

    The database may lack pages then: it is for a rescue, not to go on with.
    """
    frames = _around_the_hole(wal)
    if not frames:
        return
    header = _HEADER.pack(_MAGIC, _FORMAT, len(frames[0].content), 0, *frames[0].salts)
    sums = _checksum(header, (0, 0), "<")
    text = bytearray(header + _SUMS.pack(*sums))
    for frame in frames:
        head = _FRAME.pack(frame.page, frame.pages, *frame.salts)
        sums = _checksum(frame.content, _checksum(head[:8], sums, "<"), "<")
        text += head + _SUMS.pack(*sums) + frame.content
    durable.write(wal, bytes(text))


def _around_the_hole(wal: Path) -> list[_Frame]:
    """The sound frames up to the last commit, where a broken one lies among or before them; else none."""
    try:
        data = wal.read_bytes()
    except FileNotFoundError:
        return []
    if len(data) < _HEADER_BYTES:
        return []
    magic, _, size, _, *_ = _HEADER.unpack_from(data)
    order = ">" if magic & 1 else "<"
    said: Sums = _SUMS.unpack_from(data, _HEADER.size)
    sound_header = magic | 1 == _MAGIC | 1 and _checksum(data[: _HEADER.size], (0, 0), order) == said
    if not sound_header:
        size, order = _page_size(wal), "<"
    if not 512 <= size <= 65536 or size & (size - 1):  # the least and the largest page
        return []
    salts: Sums | None = _SUMS.unpack_from(data, 16) if sound_header else None
    broken, found, end, behind = not sound_header, list[_Frame](), 0, False
    for at in range(_HEADER_BYTES, len(data) - size - _FRAME_BYTES + 1, size + _FRAME_BYTES):
        page, pages, first, second = _FRAME.unpack_from(data, at)
        before, said = said, _SUMS.unpack_from(data, at + _FRAME.size)
        content = data[at + _FRAME_BYTES : at + _FRAME_BYTES + size]
        if salts is not None and (first, second) != salts:
            broken = True  # damage of the head, or what an earlier round of the log left
            continue
        if not page or _checksum(content, _checksum(data[at : at + 8], before, order), order) != said:
            broken = True
            continue
        salts = first, second
        found.append(_Frame(page, pages, salts, content))
        if pages:
            end, behind = len(found), broken
    return found[:end] if behind else []


def _page_size(wal: Path) -> int:
    """As the database says, for a log whose head is broken."""
    with wal.with_name(wal.name.removesuffix("-wal")).open("rb") as file:
        head = file.read(18)
    size = int.from_bytes(head[16:18])
    return 65536 if size == 1 else size


def _checksum(data: bytes, sums: Sums, order: str) -> Sums:
    one, two = sums
    words = iter(unpack_from(f"{order}{len(data) // 4}I", data))
    for word, following in zip(words, words, strict=True):
        one = (one + word + two) & 0xFFFFFFFF
        two = (two + following + one) & 0xFFFFFFFF
    return one, two
