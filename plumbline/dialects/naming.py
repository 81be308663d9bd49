"""From what a device calls itself to a name that may stand in topics, tags and files."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from plumbline.dialects.memory import Memory
from plumbline.errors import SettingsError
from plumbline.ids import is_name

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 64


class Namer:
    """Names devices: as the configuration says, else as they are told, else by a slug that is theirs alone.

    Args:
        names: what a device calls itself → its name. Raises `SettingsError` where two get the same.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        taken: dict[str, str] = {}
        for told, name in names.items():
            if name in taken:
                raise SettingsError(f"names: '{told}' and '{taken[name]}' are both named '{name}'; give each a name of its own")
            taken[name] = told
        self._names = names
        self._taken = taken
        self._remarked: Memory[str, bool] = Memory()

    def name(self, told: str, *aliases: str) -> str:
        """The name of the device that calls itself `told` (or one of `aliases`: its address). The same in every session."""
        for one in (told, *aliases):
            if one in self._names:
                return self._names[one]
        return told if is_name(told) and told not in self._taken else slug(told)

    def remark(self, told: str, name: str) -> str | None:
        """What to report the first time where `name` is not what the device calls itself and nobody declared it."""
        if name == told or name in self._taken or not self._remarked.first(told, True):
            return None
        why = f", since '{told}' is given to '{self._taken[told]}'" if told in self._taken else ""
        return f"{_shown(told)} is named {name}{why}; give it a name of your own under 'names'"


def joined(*levels: str) -> str:
    """What a device calls itself by several levels of a topic: with dots between, unless those could be mistaken."""
    return ".".join(levels) if all(is_name(level) and "." not in level for level in levels) else "/".join(levels)


def slug(told: str) -> str:
    """A name made of any text: what is readable of it, and six hexadecimal digits that no other text has (SHA-256)."""
    stem = _NOT_IN_NAMES.sub("-", told).strip("-._")[: _LONGEST - 7].rstrip("-._") or "device"
    return f"{stem}-{hashlib.sha256(told.encode(errors='surrogatepass')).hexdigest()[:6]}"


def metric_name(told: str) -> str:
    """A metric's name made of any text: letters and digits in lower case, `_` between; the same for the same text."""
    stem = re.sub(r"[^a-z0-9_-]+", "_", told.lower()).strip("_-")
    if not stem:
        return "value_" + hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:6]
    if len(stem) > _LONGEST:
        return stem[: _LONGEST - 7] + "_" + hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:6]
    return stem


def _shown(text: str) -> str:
    written = repr(text)
    return written if len(written) <= 60 else f"{written[:59]}…"
