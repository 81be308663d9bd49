"""The watermarks: how gateways are told what is committed."""

import asyncio
from collections.abc import Sequence
from typing import Final

from plumbline import codec, topics
from plumbline.delivery import Watermark
from plumbline.mqtt import Connection

#: Watermarks that may be on their way to the broker.
_UNANSWERED: Final = 1000
#: Gateways whose newest epoch is remembered; places are named by whoever publishes.
_MOST: Final = 10_000
_GOODBYE_S: Final = 2.0


class Answers:
    """Publishes how far each stream is committed; the retained one is that of the gateway's newest epoch.

    Nothing depends on one answer: a gateway that misses it sends again, and every repetition is answered. So none is sent
    while the broker has left too many unacknowledged, and none is waited for: its acknowledgement may stand in the socket
    behind messages that only our own acknowledgements let in.
    """

    def __init__(self) -> None:
        self._published: list[asyncio.Future[None]] = []
        self._newest: dict[tuple[str, str], str] = {}

    def say(self, connection: Connection, watermarks: Sequence[Watermark]) -> None:
        """Publish."""
        self._published = [answer for answer in self._published if not answer.done()]
        for watermark in watermarks[: max(0, _UNANSWERED - len(self._published))]:
            place = (watermark.site, watermark.gateway)
            newest = max(self._newest.get(place, ""), watermark.epoch)
            if len(self._newest) > _MOST:
                self._newest.clear()
            self._newest[place] = newest
            topic = topics.committed(watermark.site, watermark.gateway, watermark.event_class)
            answer = connection.publish_soon(topic, codec.encode(watermark), retain=watermark.epoch == newest)
            answer.add_done_callback(_forget)
            self._published.append(answer)

    async def last(self) -> None:
        """Wait, for a moment, until the broker has what was said: before goodbye."""
        if self._published:
            await asyncio.wait(self._published, timeout=_GOODBYE_S)


def _forget(answer: asyncio.Future[None]) -> None:
    """An answer that did not arrive needs no complaint; its error is looked at so that asyncio does not complain either."""
    if not answer.cancelled():
        answer.exception()
