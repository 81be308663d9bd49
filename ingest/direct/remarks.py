"""What is said of devices in the log: each kind of sentence once in an hour, with how often it came since."""

import re
from typing import Final

import structlog

from plumbline.dialects.memory import Memory

_log: Final = structlog.get_logger()
_DIGITS: Final = re.compile(r"\d+")
_AGAIN_NS: Final = 3_600_000_000_000


class Remarks:
    """Logs the remarks on one table's devices; remembers so many kinds, the longest silent are forgotten."""

    def __init__(self, site: str, gateway: str) -> None:
        self._site = site
        self._gateway = gateway
        self._said: Memory[tuple[str, str], tuple[int, int]] = Memory(2000)

    def say(self, device: str, topic: str, what: str, now: int) -> None:
        """Something is worth knowing; `now` in ns."""
        kind = device, _DIGITS.sub("#", what)[:300]
        since, times = self._said.get(kind) or (None, 0)
        if since is not None and now - since < _AGAIN_NS:
            self._said.put(kind, (since, times + 1))
            return
        self._said.put(kind, (now, 0))
        _log.warning(
            "direct device",
            site=self._site,
            gateway=self._gateway,
            device=device,
            topic=topic[:200],
            what=what[:1000],
            repeated=times,
        )
