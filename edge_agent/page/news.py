"""What the page shows: the last scans with their answers, and how the gateway is; handed to every screen that listens."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from edge_agent.verdict import Verdict
from plumbline.event import Scan
from plumbline.text import Text, visible

#: Scans that a screen shows.
KEPT: Final = 50
#: Screens at a time.
MOST_SCREENS: Final = 60
#: Messages that wait for a slow screen; then it gets everything anew.
_WAITING: Final = 100

Message = tuple[str, bytes]
"""Name and JSON of a server-sent event."""


class Screen:
    """One open page.

    Args:
        device: whose scans it shows; `None`: all.
    """

    def __init__(self, device: str | None) -> None:
        self.device = device
        self._queue: deque[Message] = deque()
        self._woken = asyncio.Event()
        self._behind = False
        self.closed = False

    def put(self, message: Message) -> None:
        """Send it something."""
        if len(self._queue) >= _WAITING:
            self._queue.clear()
            self._behind = True
        self._queue.append(message)
        self._woken.set()

    def close(self) -> None:
        """End it."""
        self.closed = True
        self._woken.set()

    async def next(self) -> Message | None:
        """What comes next; `None` where it must be told everything anew. Ends with `closed`."""
        while not self._queue and not self.closed:
            self._woken.clear()
            await self._woken.wait()
        if self._behind or self.closed:
            self._behind = False
            self._queue.clear()
            return None
        return self._queue.popleft()


class News:
    """The last scans, and the screens.

    Args:
        state: how the gateway is now.
    """

    def __init__(self, state: Callable[[], Mapping[str, Any]]) -> None:
        self._state = state
        self._scans: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.screens: set[Screen] = set()

    def tell(self, scan: Scan, verdict: Verdict) -> None:
        """A scan was answered."""
        shown = {
            "id": scan.id,
            "at_ms": scan.at // 1_000_000,
            "device": scan.device,
            "typed": scan.typed,
            "code": visible(_code(scan), 80),
            "kind": verdict.kind,
            "signal": verdict.signal,
            "title": _both(verdict.title),
            "detail": _both(verdict.detail),
            "todo": verdict.todo and _both(verdict.todo),
            "order": verdict.order,
            "line": verdict.line,
        }
        self._scans.appendleft(shown)
        message = "scan", msgspec.json.encode(shown)
        for screen in self.screens:
            if screen.device in (None, scan.device):
                screen.put(message)

    def state(self) -> dict[str, Any]:
        """How the gateway is."""
        return dict(self._state())

    def everything(self, device: str | None) -> dict[str, Any]:
        """What a screen that comes is told."""
        return {"state": self.state(), "scans": [scan for scan in self._scans if device in (None, scan["device"])]}

    def say_state(self) -> None:
        """Tell every screen how the gateway is."""
        message = "state", msgspec.json.encode(self.state())
        for screen in self.screens:
            screen.put(message)


def _code(scan: Scan) -> str:
    """The code as it is printed below a symbol."""
    if scan.gs1:
        return " ".join(f"({ai}){value}" for ai, value in scan.gs1)
    return scan.text or scan.raw.decode("latin-1")


def _both(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}
