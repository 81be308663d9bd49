"""Values out of a device's JSON. Whatever a message holds, the answer is a value, its absence, or a `FieldError`."""

import math
from typing import Final, TypeAlias

import msgspec

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_MAX_TEXT: Final = 256
#: How devices write that they do not know, and yes and no, where everything is text.
_UNKNOWN: Final = frozenset({"null", "none", "nan", "unknown", "unavailable", "n/a", "-"})
_TRUTH: Final = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}
_decoder: Final = msgspec.json.Decoder()


class FieldError(Exception):
    """A message or one value in it cannot be used; the text says why, for the report."""


def bare(payload: bytes) -> bytes:
    """Without what small devices send besides: the NUL that ends a string in C, and the byte order mark of some libraries."""
    return payload.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")


def decode(payload: bytes) -> Json:
    """The JSON document. Raises `FieldError` for what is too deep or not JSON (RFC 8259: no NaN)."""
    try:
        return _decoder.decode(bare(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError, OverflowError) as error:
        raise FieldError(f"is not JSON that we can read: {error}") from None


def at(document: Json, path: str) -> Json:
    """The value at `path` (keys and list indexes with dots between; empty: the whole document), `None` where there is none."""
    if not path:
        return document
    if isinstance(document, dict) and path in document:  # a key may have dots itself
        return document[path]
    value = document
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def number(document: Json, path: str) -> float | None:
    """A finite number; absent or null is `None`. Raises `FieldError` for anything else."""
    value = at(document, path)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(f"{path or 'the message'}: {shown(value)} is not a number")
    try:
        finite = float(value)
    except OverflowError:
        raise FieldError(f"{path}: {shown(value)} is beyond any measurement") from None
    if not math.isfinite(finite):
        raise FieldError(f"{path}: is not finite")
    return finite


def quantity(document: Json, path: str, *, texts: bool) -> float | None:
    """A number to be measured: truth values are 0 and 1; with `texts`, a number may be written as a text. Raises `FieldError`."""
    value = at(document, path)
    if isinstance(value, bool):
        return float(value)
    if not texts or not isinstance(value, str):
        return number(document, path)
    word = value.strip()
    if not word or word.lower() in _UNKNOWN:
        return None
    if (truth := _TRUTH.get(word.lower())) is not None:
        return truth
    try:
        found = float(word) if len(word) <= 64 and "_" not in word else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise FieldError(f"{path or 'the message'}: {shown(value)} is not a number")
    return found


def text(document: Json, path: str) -> str | None:
    """A text, or a number or truth value as JSON writes it; absent, null or empty is `None`. Raises `FieldError`."""
    value = at(document, path)
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        value = msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        raise FieldError(f"{path or 'the message'}: {shown(value)} is not a text")
    value = value.strip()
    if len(value) > _MAX_TEXT:
        raise FieldError(f"{path or 'the message'}: a text of {len(value)} characters, at most {_MAX_TEXT} are kept")
    return value or None


def shown(value: Json) -> str:
    """A value for a message, at most 60 characters."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    written = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of more than 30 digits"
    return written if len(written) <= 60 else f"{written[:59]}…"
