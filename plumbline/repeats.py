"""Keeps one device, or one gateway, from filling the log: a line that comes again is counted, and the count told once.

Lines are the same where they differ in numbers alone. A device that never says the same twice has an allowance.
"""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

#: Kinds of lines remembered; the longest silent are forgotten.
_REMEMBERED: Final = 2000
#: Different lines of one event and device within the time.
ALLOWANCE: Final = 20
_DIGITS: Final = re.compile(r"\d+")
#: What no two lines share, or says nothing.
_ASIDE: Final = frozenset({"event", "device", "level", "timestamp", "exc_info", "stack_info"})
_OWN: Final = "log.repeated"
#: A turn of things is always told, and after it the other one anew: whoever reads must not see the state of long ago.
_TURNS: Final = {
    "uplink.online": "uplink.offline",
    "receiving": "broker away, will try again",
    "store answers again": "store away, will try again",
}


@dataclass(slots=True)
class _Window:
    since_s: float
    sample: dict[str, Any]
    times: int = 0
    kinds: set[str] = field(default_factory=set[str])


class Repeats:
    """A structlog processor.

    Args:
        window_s: how long a line keeps its like away; 0: it never does.
        mono_s: seconds that only grow.
    """

    def __init__(self, window_s: float, mono_s: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._mono_s = mono_s
        self._lines: OrderedDict[str, _Window] = OrderedDict()
        self._sources: OrderedDict[str, _Window] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Let a line pass, with `repeated` where its like were held back before it; raises `structlog.DropEvent`."""
        if not self._window_s or entry.get("event") == _OWN:
            return entry
        if (opposite := _TURNS.get(str(entry.get("event")))) is not None:
            with self._lock:
                for windows in (self._lines, self._sources):
                    for key in [key for key in windows if key.startswith(f"{opposite} ")]:
                        del windows[key]
            return entry
        with self._lock:
            now = self._mono_s()
            source = f"{entry.get('event')} {entry.get('device') or entry.get('reader') or entry.get('topic') or ''}"[:200]
            kind = f"{source} {_kind(entry)}"
            allowance = self._window(self._sources, source, now, entry)
            line = self._lines.get(kind)
            if line is not None and now - line.since_s < self._window_s:
                line.times += 1
                raise structlog.DropEvent
            if kind not in allowance.kinds and len(allowance.kinds) >= ALLOWANCE:
                allowance.times += 1
                raise structlog.DropEvent
            allowance.kinds.add(kind)
            before = self._lines.pop(kind, None)
            self._window(self._lines, kind, now, entry)
        if before is not None and before.times:
            entry["repeated"] = before.times
        return entry

    def due(self) -> Iterator[dict[str, Any]]:
        """What was held back and is not told yet, of the times that have ended; to be logged as `log.repeated`."""
        with self._lock:
            now = self._mono_s()
            ended: list[_Window] = []
            for windows in (self._lines, self._sources):
                over = [key for key, window in windows.items() if now - window.since_s >= self._window_s]
                ended += [windows.pop(key) for key in over]
        for window in ended:
            if window.times:
                yield window.sample | {"times": window.times, "within_s": self._window_s}

    def _window(self, windows: OrderedDict[str, _Window], key: str, now: float, entry: MutableMapping[str, Any]) -> _Window:
        window = windows.get(key)
        if window is None or (now - window.since_s >= self._window_s and not window.times):
            sample = {name: str(entry[name])[:300] for name in ("event", "reader", "device", "what") if name in entry}
            sample["of"] = sample.pop("event", "")
            window = windows[key] = _Window(now, sample)
        windows.move_to_end(key)
        if len(windows) > _REMEMBERED:
            windows.popitem(last=False)
        return window


def _kind(entry: MutableMapping[str, Any]) -> str:
    parts = (f"{name}={entry[name]}"[:300] for name in sorted(entry) if name not in _ASIDE)
    return _DIGITS.sub("#", " ".join(parts)[:1000])


def tell(repeats: Repeats) -> None:
    """Log what was held back."""
    log = structlog.get_logger(__name__)
    for summary in repeats.due():
        log.warning(_OWN, **summary)
