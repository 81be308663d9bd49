"""Settings files: TOML into a typed struct, and every mistake named with file, key and remedy."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from plumbline.errors import SettingsError

T = TypeVar("T")

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
        raise SettingsError(f"{where}: {explain(str(error))}") from None


def explain(detail: str) -> str:
    """Turn msgspec's message into 'key: what is wrong; what to do'."""
    match = _PATH.match(detail)
    assert match is not None
    what, path = match["what"], (match["path"] or "$").removeprefix("$").removeprefix(".")
    if found := re.match(r"Object missing required field `(.+)`", what):
        key = f"{path}.{found[1]}".lstrip(".")
        return f"{key}: is missing; add it"
    if found := re.match(r"Object contains unknown field `(.+)`", what):
        key = f"{path}.{found[1]}".lstrip(".")
        return f"{key}: is not a setting here; check the spelling or delete it"
    if found := re.match(r"Expected `(.+)`, got `(.+)`", what):
        return f"{path or 'the file'}: must be {found[1]}, found {found[2]}; correct the value"
    return f"{path or 'the file'}: {what}; correct the value"
