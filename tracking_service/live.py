"""Keep screens up to date: parts that may have changed are read again and sent if they did."""

import asyncio
import json
import time
from collections import defaultdict
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tracking_service.api.reading import activity_model
from tracking_service.api.wall import Part, Wall, plain
from tracking_service.broadcaster import Broadcaster, Message
from tracking_service.outcome import Outcome
from tracking_service.polled import woken

_log = structlog.get_logger()

#: How often each part is looked at for what nobody tells: series, gateways, the passing of time.
EVERY_S: Final[dict[Part, float]] = {
    "gateways": 1.0,
    "equipment": 2.0,
    "heat": 2.0,
    "environment": 2.0,
    "people": 30.0,
    "orders": 10.0,
    "unlinked": 10.0,
}
#: What an inbox row of a kind may have changed.
_TOUCHES: Final[dict[str, tuple[Part, ...]]] = {
    "scan": ("orders", "unlinked"),
    "check_in": ("people",),
    "state": ("equipment",),
    "inspection": ("orders", "unlinked"),
}
#: What is read beside each other: a series store that does not answer holds up nothing that the database knows.
_LANES: Final[tuple[frozenset[Part], ...]] = (
    frozenset(("gateways", "people", "orders", "unlinked")),
    frozenset(("equipment", "heat", "environment")),
)
#: Changed parts are read at most so often: a burst of scans is one new value.
_GATHER_S: Final = 0.05


class Live:
    """Turns committed transactions into messages for the screens.

    Args:
        wall: reads the parts.
        broadcaster: the screens.
    """

    def __init__(self, *, wall: Wall, broadcaster: Broadcaster) -> None:
        self._wall = wall
        self._broadcaster = broadcaster
        self._dirty: dict[str, set[Part]] = defaultdict(set)
        self._sent: dict[tuple[str, Part], str] = {}
        self._woken = {parts: asyncio.Event() for parts in _LANES}

    def heard(self, outcome: Outcome) -> None:
        """Hear of a committed transaction (the intake's or an import's)."""
        watched = self._broadcaster.sites
        if not watched:
            return
        visible_ns = str(time.time_ns())
        for row in outcome.observed:
            if row.site in watched:
                self._dirty[row.site].update(_TOUCHES.get(row.kind, ()))
                told = {"event_id": row.event_id, "kind": row.kind, "at_ns": str(row.at), "visible_ns": visible_ns}
                self._broadcaster.send(row.site, Message("observed", json.dumps(told)))
        for entry in sorted(outcome.activity, key=lambda entry: entry.at)[-64:]:
            if entry.site in watched:
                self._broadcaster.send(entry.site, Message("activity", _json(activity_model(entry))))
        if outcome.orders or outcome.notices:
            for site in watched:
                self._dirty[site].update(("orders", "unlinked"))
        for event in self._woken.values():
            event.set()

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for parts, event in self._woken.items():
                tasks.create_task(self._follow(parts, event), name="tracking-live-lane")

    async def _follow(self, lane: frozenset[Part], event: asyncio.Event) -> None:
        due: dict[Part, float] = dict.fromkeys(lane, 0.0)
        while True:
            if await woken(event, min(EVERY_S.values())):
                await asyncio.sleep(_GATHER_S)
            event.clear()
            now = time.monotonic()
            passed: list[Part] = [part for part, at in due.items() if at <= now]
            due.update((part, now + EVERY_S[part]) for part in passed)
            watched = self._broadcaster.sites.intersection(self._wall.sites)
            self._sent = {key: text for key, text in self._sent.items() if key[0] in watched}
            self._dirty = defaultdict(set, {site: parts for site, parts in self._dirty.items() if site in watched})
            for site in sorted(watched):
                changed = self._dirty[site] & lane
                self._dirty[site] -= changed
                parts: list[Part] = sorted(changed.union(passed))
                for part in parts:
                    await self._send(site, part)

    async def _send(self, site: str, part: Part) -> None:
        file = self._wall.sites.get(site)
        if file is None:
            return
        try:
            text = _json(await self._wall.part(file, part))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("tracking.live.database_unavailable", part=part, error=str(error))
            return
        if self._sent.get((site, part)) != text:
            self._sent[site, part] = text
            self._broadcaster.send(site, Message(part, text))


def _json(part: Any) -> str:
    return json.dumps(plain(part), ensure_ascii=False, separators=(",", ":"))
