"""Tell a second look at the same label from a second label. Pure: times come from the caller."""

from collections import OrderedDict
from typing import Final

#: So many different labels within one window are remembered; a stack of more is not read by hand.
_REMEMBERED: Final = 1024


class Repeats:
    """Remembers which codes were seen within the last `window_s` seconds; 0 remembers none."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def seen(self, code: bytes, now_s: float) -> bool:
        """Whether `code` is a repeat at `now_s`. Each look starts its window anew: a label left in the beam is one scan."""
        if self._window_s <= 0:
            return False
        while self._seen and now_s - next(iter(self._seen.values())) > self._window_s:
            self._seen.popitem(last=False)
        repeated = code in self._seen
        self._seen[code] = now_s
        self._seen.move_to_end(code)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return repeated

    def forget(self, code: bytes) -> None:
        """Take `code` for new when it comes again: what was made of it could not be kept."""
        self._seen.pop(code, None)
