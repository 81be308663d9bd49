"""Write what was learnt as a device profile."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from edge_agent.scanner_card.learning import Learnt
from plumbline import profile
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.profile import DeviceProfile, SerialLine

NAME: Final = "profile.toml"


def checked(path: Path) -> str:
    """The id of the profile that `path` is to hold: its folder's name. Raises `SettingsError` where it cannot hold one."""
    id_ = path.absolute().parent.name
    if path.name != NAME:
        raise SettingsError(
            f"{path}: a profile's file is called {NAME}, in a folder named after it: firmware_configs/<id>/{NAME}"
        )
    try:
        return msgspec.convert(id_, Name)
    except msgspec.ValidationError:
        raise SettingsError(f"{path}: '{id_}' is no profile id; name the folder with letters, digits, '.', '_', '-'") from None


def write(path: Path, learnt: Learnt, line: SerialLine | None) -> DeviceProfile:
    """Write the profile and read it back; titles of a profile that is already there stay. Raises `SettingsError`, `OSError`."""
    id_ = checked(path)
    old = profile.load(path) if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text("\n".join(_lines(id_, old, learnt, line)) + "\n", encoding="utf-8")
    new.replace(path)
    return profile.load(path)


def _lines(id_: str, old: DeviceProfile | None, learnt: Learnt, line: SerialLine | None) -> Iterator[str]:
    yield "# Learnt by `plumbline scanner learn` from the self-test card. Learn it again after every change of the scanner's settings."
    yield f"id = {_quoted(id_)}"
    yield 'kind = "scanner"'
    yield f"title_en = {_quoted(old.title_en if old else f'Barcode scanner {id_}')}"
    yield f"title_zh = {_quoted(old.title_zh if old else f'条码扫描器 {id_}')}"
    if learnt.keyboard is not None:
        yield from _table("keyboard", learnt.keyboard)
    else:
        yield from _table("serial", line or (old and old.serial) or SerialLine())
    yield from _table("framing", learnt.framing)


def _table(name: str, values: msgspec.Struct) -> Iterator[str]:
    yield ""
    yield f"[{name}]"
    for key, value in msgspec.structs.asdict(values).items():
        if value is not None and value != {}:
            yield f"{key} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        pairs = msgspec.convert(value, dict[str, str]).items()
        return "{ " + ", ".join(f"{_quoted(key)} = {_quoted(each)}" for key, each in pairs) + " }"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """A TOML basic string (TOML 1.0, String): as in JSON, and DEL must be escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
