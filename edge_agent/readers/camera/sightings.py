"""One label is one scan: a code that stays in view, or comes back soon, is not scanned again."""

from collections.abc import Iterable
from typing import Final

from edge_agent.readers.camera.messages import Code

#: So many contents are remembered, whatever a screen before the camera shows; the oldest are forgotten first.
_MOST: Final = 10_000


class Sightings:
    """Remembers when each content was last seen, for `repeat_s` seconds."""

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._last: dict[bytes, float] = {}
        self._in_view: set[bytes] = set()

    def fresh(self, codes: Iterable[Code], at_s: float, *, changed: bool = True) -> tuple[Code, ...]:
        """Those of `codes` that were not seen in the last `repeat_s` seconds before `at_s`; each counts as seen now.

        `changed`: the scene is another one than when codes were seen before.
        """
        found = distinct(codes)
        new = tuple(c for c in found if c.raw not in self._last or at_s - self._last[c.raw] >= self._repeat_s)
        seen = {code.raw for code in found}
        self._in_view = seen if changed else self._in_view | seen
        for raw in seen:
            self._last.pop(raw, None)  # so that the oldest stand first
            self._last[raw] = at_s
        self._forget_old(at_s)
        return new

    def still(self, at_s: float) -> None:
        """The scene has not changed until `at_s`: what was in view still is, read or not."""
        for raw in self._in_view & self._last.keys():
            del self._last[raw]
            self._last[raw] = at_s

    def forget(self, code: Code) -> None:
        """Let `code` count as new: its scan could not be kept."""
        self._last.pop(code.raw, None)

    def reopened(self) -> None:
        """The camera was opened again: nobody knows what was in view meanwhile."""
        self._in_view = set()

    def _forget_old(self, at_s: float) -> None:
        while self._last:
            oldest = next(iter(self._last))
            if len(self._last) <= _MOST and at_s - self._last[oldest] < self._repeat_s:
                return
            del self._last[oldest]


def distinct(codes: Iterable[Code]) -> tuple[Code, ...]:
    """One code for each content: labels repeat it on several sides of a pallet, and as a bar code and a 2D code."""
    first: dict[bytes, Code] = {}
    for code in codes:
        first.setdefault(code.raw, code)
    return tuple(first.values())
