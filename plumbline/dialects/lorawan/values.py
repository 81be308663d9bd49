"""From a codec's document to numbers: whatever a vendor's codec makes of a value, its declared path finds the number in it.

A path is as everywhere (`meters.0.power`), and may choose from a list: `messages[measurementId=4097].measurementValue`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from plumbline.dialects.document import Json, at

#: `23.5 °C`, `3.6V`, `-12 dBm`: a number and a unit, nothing else. What the unit is stands in the profile.
_WITH_UNIT: Final = re.compile(
    r"([-+]?\d{1,20}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?)\s?(?:[%°℃℉]?[A-Za-zµμΩ²³/·⋅⁻¹%]{0,12})", re.ASCII
)
_CHOICE: Final = re.compile(r"(.*?)\[([^\[\]=]+)=([^\[\]=]*)\]\.?(.*)")
_TRUE: Final = frozenset({"true", "on", "yes"})
_FALSE: Final = frozenset({"false", "off", "no"})
#: Bounds on how far a document is searched for numbers that nobody declared.
_DEEP: Final = 8
_MANY: Final = 1024


def resolve(document: Json, path: str) -> Json:
    """What stands at a path; `None` where there is nothing."""
    choice = _CHOICE.fullmatch(path)
    if choice is None:
        return at(document, path)
    before, key, wanted, rest = choice.groups()
    chosen = next((one for one in _flat(at(document, before)) if isinstance(one, dict) and _text(one.get(key)) == wanted), None)
    return resolve(chosen, rest) if chosen is not None and rest else chosen


def _flat(found: Json, depth: int = 0) -> Iterator[Json]:
    """The members of a list, and of the lists in it."""
    for one in found if isinstance(found, list) else []:
        if isinstance(one, list) and depth < _DEEP:
            yield from _flat(one, depth + 1)
        else:
            yield one


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_number(value: Json, words: Mapping[str, float]) -> Json:
    """A value as a number where it means one: truth as 1 and 0, declared words, texts of digits, objects of value and unit.

    What means none is given back as it is: whoever wanted a number says so.
    """
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    if isinstance(value, bool):
        return words.get("true" if value else "false", int(value))
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    if stripped in words:
        return words[stripped]
    lowered = stripped.lower()
    if lowered in _TRUE or lowered in _FALSE:
        return 1 if lowered in _TRUE else 0
    match = _WITH_UNIT.fullmatch(stripped)
    return float(match[1]) if match else value


def wanted(document: Json, paths: Iterable[str], words: Mapping[str, float]) -> dict[str, Json]:
    """Path → number, for the declared paths that the document has."""
    found: dict[str, Json] = {}
    for path in paths:
        value = as_number(resolve(document, path), words)
        if value is not None:
            found[path] = value
    return found


def undeclared(document: Json, declared: Iterable[str], ignored: Iterable[str]) -> Iterator[str]:
    """The paths of numbers that no metric takes and nobody said to ignore."""
    known = {re.sub(r"\[[^\]]*\].*", ".*", path) for path in declared}
    patterns = [*ignored, *(path for path in known if "*" in path)]
    for path in _numbers(document, "", 0, [_MANY]):
        inside = path.removesuffix(".value")
        if inside in known or path in known or any(fnmatchcase(path, one) or fnmatchcase(inside, one) for one in patterns):
            continue
        yield path


def _numbers(value: Json, path: str, depth: int, left: list[int]) -> Iterator[str]:
    left[0] -= 1
    if left[0] < 0 or depth > _DEEP:
        return
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield path or "the whole"
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _numbers(one, f"{path}.{key[:64]}" if path else key[:64], depth + 1, left)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            if left[0] < 0:
                return
            yield from _numbers(one, f"{path}.{i}" if path else str(i), depth + 1, left)
