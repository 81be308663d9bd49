"""A dead letter's bytes as a person reads them: JSON line by line with the mistake marked, or hexadecimal beside text."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, cast

from plumbline.codec import MAX_BATCH_BYTES
from plumbline.compression import expanded
from plumbline.errors import CodecError
from plumbline.text import visible

#: Bytes shown in hexadecimal unless all are wanted.
SOME_BYTES: Final = 2048
#: Of a text that is no JSON, so much is shown on each side of the mistake.
_BESIDE: Final = 240
_PATH: Final = re.compile(r"at `(?:key` in `)?\$([^`]*)`")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
#: Control characters that JSON does not escape and a terminal may obey.
_CONTROLS: Final = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
_MARK: Final = "   ◄── "

Path = tuple[str | int, ...]


def view(payload: bytes, detail: str, *, every: bool = False) -> Iterator[str]:
    """The lines for a letter; `detail` says what is wrong and where."""
    payload = _plain(payload)
    try:
        path, what = place_of(detail)
        yield from list(_json(json.loads(payload), path, what))
        return
    except (ValueError, RecursionError):
        pass
    text = text_of(payload)
    if payload == text.encode() and all(one.isprintable() or one in "\r\n\t" for one in text):
        yield from _text(text, detail, every=every)
    else:
        yield from _hexadecimal(payload, every=every)


def text_of(payload: bytes) -> str:
    """A letter's content as one text; bytes that are no UTF-8 in hexadecimal with a backslash."""
    return _plain(payload).decode("utf-8", "backslashreplace")


def _plain(payload: bytes) -> bytes:
    """Decompressed; a damaged stream, or one of which only the beginning was kept, as it is."""
    try:
        return expanded(payload, MAX_BATCH_BYTES)
    except CodecError:
        return payload


def place_of(detail: str) -> tuple[Path | None, str]:
    """Where the mistake is, as a path into the JSON, and what it is; `None`: the text does not say where."""
    found = _PATH.search(detail)
    if found is None:
        missing = re.search(r"Object missing required field `[^`]*`", detail)
        return ((), missing[0]) if missing else (None, "")
    steps: list[str | int] = []
    for name, index, some in _STEP.findall(found[1]):
        if some:  # one of the values of a table: which, msgspec does not say
            break
        steps.append(name or int(index))
    return tuple(steps), detail[: found.start()].rpartition(": ")[2].strip(" -")


def _json(table: Any, path: Path | None, what: str) -> Iterator[str]:
    marked = False
    for at, line in _lines(table, ()):
        if at == path and not marked:
            marked = True
            yield line + _MARK + what
        else:
            yield line


def _lines(value: Any, at: Path, lead: str = "", tail: str = "", depth: int = 0) -> Iterator[tuple[Path, str]]:
    """Lines of JSON, each with the path of the value that begins on it."""
    margin = "  " * depth
    if isinstance(value, (dict, list)) and value:
        ends = "{}" if isinstance(value, dict) else "[]"
        yield at, f"{margin}{lead}{ends[0]}"
        entries: list[tuple[str | int, Any]] = (
            list(cast("dict[str, Any]", value).items())
            if isinstance(value, dict)
            else list(enumerate(cast("list[Any]", value)))
        )
        for number, (name, one) in enumerate(entries, 1):
            key = f"{_quoted(name)}: " if isinstance(name, str) else ""
            yield from _lines(one, (*at, name), key, "," if number < len(entries) else "", depth + 1)
        yield (*at, ""), f"{margin}{ends[1]}{tail}"
    else:
        yield at, f"{margin}{lead}{_quoted(value)}{tail}"


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).translate(_CONTROLS)


def _text(text: str, detail: str, *, every: bool) -> Iterator[str]:
    found = _BYTE.search(detail)
    if found is None or every:
        yield text
        return
    raw = text.encode()
    at = min(int(found[1]), len(raw))
    before = visible(raw[max(0, at - _BESIDE) : at].decode(errors="replace"), _BESIDE)
    behind = visible(raw[at : at + _BESIDE].decode(errors="replace"), _BESIDE)
    yield f"{'…' if at > _BESIDE else ''}{before}{behind}{'…' if at + _BESIDE < len(raw) else ''}"
    yield f"{' ' * (len(before) + (at > _BESIDE))}▲ byte {at} of {len(raw)}"


def _hexadecimal(payload: bytes, *, every: bool) -> Iterator[str]:
    shown = payload if every else payload[:SOME_BYTES]
    for at in range(0, len(shown), 16):
        row = shown[at : at + 16]
        text = "".join(chr(one) if 32 <= one < 127 else "." for one in row)
        yield f"{at:08x}  {row.hex(' '):47}  {text}"
    if len(shown) < len(payload):
        yield f"… {len(payload) - len(shown)} more bytes; --all shows them, 'export' writes them to a file"
