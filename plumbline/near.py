"""'Did you mean …?' for names that come from outside, among any number of known ones, at a bounded price."""

import difflib
import re
from bisect import bisect
from collections.abc import Iterable
from typing import Final

#: Names compared letter by letter on each side of where the asked one would stand.
_BESIDE: Final = 8
_SILENT: Final = re.compile(r"[^a-z0-9]")


class Near:
    """Known names, ready to be compared: a slip near its end leaves a name among its neighbours in the order of the letters,
    a slip near its beginning among those in the order of the letters read backwards."""  # noqa: D205, D209 - one sentence

    def __init__(self, names: Iterable[str]) -> None:
        self._forwards = sorted(names)
        self._backwards = sorted(name[::-1] for name in self._forwards)
        self._sounds = {_sound(name): name for name in self._forwards}

    def to(self, name: str) -> str | None:
        """The known name that was probably meant; `None` where nothing is close."""
        if same := self._sounds.get(_sound(name)):
            return same
        beside = [*_beside(self._forwards, name), *(one[::-1] for one in _beside(self._backwards, name[::-1]))]
        return next(iter(difflib.get_close_matches(name, dict.fromkeys(beside), n=1, cutoff=0.75)), None)


def _beside(names: list[str], name: str) -> list[str]:
    at = bisect(names, name)
    return names[max(0, at - _BESIDE) : at + _BESIDE]


def _sound(name: str) -> str:
    """A name as heard: upper and lower case, dashes and dots are easily taken for each other."""
    return _SILENT.sub("", name.lower())
