"""Bytes → text, for files that do not say how they are encoded: UTF-8, what Windows writes in China, Russia and the West."""

import codecs
import re
from typing import Final, NamedTuple

from tracking_service.errors import FileRefusedError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What a file begins with that says its encoding in bytes.
MARKS: Final = tuple(mark for mark, _codec in _MARKS)
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
#: A pair of GB 2312: punctuation and letters (rows 1-9), or one of the 3,755 everyday characters (rows 16-55).
_EVERYDAY: Final = re.compile(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]")
_PAIR: Final = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
#: So much of a file decides what it is written in.
_SAMPLE: Final = 4 * 1024 * 1024
#: `x-user-defined` and its kind are no encodings of texts; Python's own tricks (`rot13`, `zlib`) even less.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{1,30}\Z")


class Decoded(NamedTuple):
    """A text, and how it was read."""

    text: str
    encoding: str
    guessed: bool
    """Nothing in the file says so."""


def decode(data: bytes, name: str, encoding: str | None = None) -> Decoded:
    """Read a file's text. `encoding` is what its owner says; without it the file is looked at.

    Raises `FileRefusedError`: the file `name` is not text, not in that encoding, or there is no such encoding.
    """
    if encoding is not None:
        return Decoded(_strictly(data, name, _codec(encoding, name)), encoding, guessed=False)
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return Decoded(_strictly(data, name, codec), codec, guessed=False)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        codec = _guess(data)
        text = _strictly(data, name, codec) if codec != "cp1252" else data.decode("cp1252", errors="replace")
        return Decoded(_no_binary(text, name), codec, guessed=True)
    return Decoded(_no_binary(text, name), "utf-8", guessed=False)


def codec_of(declared: str) -> str | None:
    """Python's name of an encoding that a file declares; nothing where there is none for texts."""
    if not _NAME.match(declared):
        return None
    try:
        found = codecs.lookup(declared)
        return found.name if found.encode("a")[0].__class__ is bytes and found.decode(b"")[0] == "" else None
    except (LookupError, ValueError, TypeError):
        return None


def _codec(encoding: str, name: str) -> str:
    found = codec_of(encoding)
    if found is None:
        raise FileRefusedError(f"{name}: there is no encoding '{encoding[:40]}'; use utf-8, gb18030, cp1252, cp1251, …")
    return found


def _strictly(data: bytes, name: str, codec: str) -> str:
    try:
        text = data.decode(codec, errors="strict" if codec != "gb18030" else _EURO)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileRefusedError(
            f"{name}: line {line}: byte 0x{data[error.start]:02x} is not {codec}; say the file's encoding, or save it as UTF-8"
        ) from None
    return _no_binary(text, name)


def _no_binary(text: str, name: str) -> str:
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FileRefusedError(f"{name}: line {line}: a NUL byte: this is no text file; export it again as text")
    return text


def _guess(data: bytes) -> str:
    """What bytes that are not UTF-8 are most likely written in."""
    runs = _HIGH.findall(data, 0, _SAMPLE)
    high = sum(map(len, runs))
    pairs = sum(len(_PAIR.findall(run)) for run in runs)
    everyday = sum(len(_EVERYDAY.findall(run)) for run in runs)
    cyrillic = sum(len(run) - len(run.translate(None, bytes(range(0xC0, 0x100)))) for run in runs)
    # Cyrillic stands in words, Chinese in pairs; accents of the West stand alone
    if cyrillic > 0.9 * high and high > 3 * len(runs):
        return "gb18030" if _whole(data, "gb18030") and everyday > 0.9 * pairs and not _odd(runs) else "cp1251"
    if pairs and everyday >= 0.7 * pairs and 2 * pairs >= 0.6 * high and _whole(data, "gb18030"):
        return "gb18030"
    return "cp1252"


def _odd(runs: list[bytes]) -> bool:
    """Whether more than a few runs have an odd length, as words of one byte a letter have."""
    return sum(len(run) & 1 for run in runs) > 0.25 * len(runs)


def _whole(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec, errors=_EURO)
    except UnicodeDecodeError:
        return False
    return True


def _euro(error: UnicodeError) -> tuple[str, int]:
    """Code page 936 has the euro sign at 0x80, where GB 18030 has nothing."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    raise error


_EURO: Final = "plumbline-code-page-936"
codecs.register_error(_EURO, _euro)
