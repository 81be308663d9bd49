"""Settings files: TOML into a typed struct, and every mistake named with file, key and remedy."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from plumbline.errors import SettingsError
from plumbline.ids import NAME_PATTERN

T = TypeVar("T")

#: What msgspec says of a string that is no name (`plumbline.event.Name`), and what people are told.
_NO_NAME: Final = f"Expected `str` matching regex {NAME_PATTERN!r}"
_BOUNDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PATH: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


def load(path: Path, kind: type[T]) -> T:
    """Read the TOML file `path` as a `kind`.

    Raises `SettingsError` naming the file, the line (syntax) or the key (content), and what to do. A `kind` that
    should refuse misspelt keys declares `forbid_unknown_fields=True`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; name an existing one") from None
    except IsADirectoryError:
        raise SettingsError(f"{path}: is a folder; name the file in it") from None
    except PermissionError:
        raise SettingsError(f"{path}: may not be read by this user; check its owner and mode") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); check the disk or the share that it lies on") from None
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: numbers and nesting beyond all bounds
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    return convert(table, kind, str(path))


def convert(table: dict[str, Any], kind: type[T], where: str) -> T:
    """Turn a parsed table into a `kind`; `where` names its origin in the error. Raises `SettingsError`."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {explain(str(error), table, kind)}") from None


def explain(detail: str, table: object = None, kind: Any = None) -> str:
    """Turn msgspec's message into 'key: what is wrong; what to do'.

    With the `table` that was read, a row of an array is named as it names itself (`id`, `name`); with the `kind` that it
    was to be, the words that stand for choice are told.
    """
    match = _PATH.match(detail)
    assert match is not None
    what, path = match["what"], (match["path"] or "$").removeprefix("$").removeprefix(".")
    words = _choices(kind, path)
    path = _named(path, table)
    if found := re.match(r"Object missing required field `(.+)`", what):
        key = f"{path}.{found[1]}".lstrip(".")
        return f"{key}: is missing; add it"
    if found := re.match(r"Object contains unknown field `(.+)`", what):
        key = f"{path}.{found[1]}".lstrip(".")
        return f"{key}: is not a setting here; check the spelling or delete it"
    if found := re.match(r"Expected `(.+)`, got `(.+)`", what):
        return f"{path or 'the file'}: must be {found[1].removesuffix(' | null')}, found {found[2]}; correct the value"
    if (found := re.match(r"Invalid enum value (.+)", what)) and words:
        return f"{path}: {found[1]} is not one of {', '.join(words)}; correct the value"
    return f"{path or 'the file'}: {_plainly(what)}; correct the value"


def _plainly(what: str) -> str:
    """The words of msgspec for a bound, as people say them."""
    if what == _NO_NAME:
        return "is not a name: letters, digits, '.', '_' and '-', at most 64, the first a letter or digit"
    if re.match(r"Expected `str` of length >= 1$", what):
        return "must not be empty"
    if found := re.match(r"Expected `(?:int|float)` (>=|<=|>|<) (.+)", what):
        return f"must be {_BOUNDS[found[1]]} {found[2]}"
    return what


def _steps(path: str) -> list[str]:
    """`devices[3].zone` as its steps: devices, 3, zone."""
    return [step for step in re.split(r"[.\[\]]+", path) if step]


def _named(path: str, table: object) -> str:
    """The path, and what the last row of an array in it calls itself."""
    said, at = "", table
    for step in _steps(path):
        if isinstance(at, list):
            at = cast("list[object]", at)[int(step)]
            row = cast("dict[str, object]", at) if isinstance(at, dict) else {}
            name = row.get("id", row.get("name"))
            said = f" ('{name[:64]}')" if isinstance(name, str) else said
        else:
            at = cast("dict[str, object]", at).get(step) if isinstance(at, dict) else None
    return path + said


def _choices(kind: Any, path: str) -> list[str]:
    """The words that may stand at a path of a struct; empty where there is no such choice."""
    if kind is None:
        return []
    here: list[Any] = [msgspec.inspect.type_info(kind)]
    for step in _steps(path):
        here = [inner for one in here for inner in _within(one, step)]
    found = [one for outer in here for one in _alternatives(outer)]
    return sorted({str(value) for one in found if isinstance(one, msgspec.inspect.LiteralType) for value in one.values})


def _alternatives(one: Any) -> list[Any]:
    return list(one.types) if isinstance(one, msgspec.inspect.UnionType) else [one]


def _within(outer: Any, step: str) -> list[Any]:
    """What lies one step inside a type."""
    found: list[Any] = []
    for one in _alternatives(outer):
        if isinstance(one, msgspec.inspect.StructType):
            found += [field.type for field in one.fields if field.encode_name == step]
        elif isinstance(one, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            found.append(one.item_type)
        elif isinstance(one, msgspec.inspect.DictType):
            found.append(one.value_type)
    return found
