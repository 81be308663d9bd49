"""The watermarks: how gateways are told what is committed."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from plumbline import codec, topics
from plumbline.delivery import StreamKey, Watermark
from plumbline.mqtt import Connection

#: Watermarks that may be on their way to the broker.
_UNDER_WAY: Final = 1000
#: What may wait behind them, in watermarks and the ranges they tell of.
_MOST_WAITING: Final = 50_000
#: Gateways whose newest epoch is remembered; places are named by whoever publishes.
_MOST: Final = 10_000
_GOODBYE_S: Final = 2.0


class Answers:
    """Publishes how far each stream is committed; the retained one is that of the gateway's newest epoch.

    Nothing depends on one answer: a gateway that misses it sends again, and every repetition is answered. None is waited for:
    its acknowledgement may stand in the socket behind messages that only our own acknowledgements let in. What the broker has
    no room for yet waits, the newest word of each stream in the order in which the streams came, so that of thousands of
    gateways none is passed over for ever.
    """

    def __init__(self) -> None:
        self._under_way: set[asyncio.Future[None]] = set()
        self._waiting: dict[StreamKey, Watermark] = {}
        self._size = 0
        self._newest: dict[tuple[str, str], str] = {}

    def say(self, connection: Connection, watermarks: Sequence[Watermark]) -> None:
        """Publish."""
        for watermark in watermarks:
            place = (watermark.site, watermark.gateway)
            if len(self._newest) > _MOST:
                self._newest.clear()
            self._newest[place] = max(self._newest.get(place, ""), watermark.epoch)
            key, before = watermark.stream, self._waiting.get(watermark.stream)
            size = self._size + _size(watermark) - (_size(before) if before else 0)
            if size <= _MOST_WAITING:
                self._waiting[key], self._size = watermark, size
            self._flow(connection)

    def _flow(self, connection: Connection) -> None:
        while self._waiting and len(self._under_way) < _UNDER_WAY:
            watermark = self._waiting.pop(next(iter(self._waiting)))
            self._size -= _size(watermark)
            topic = topics.committed(watermark.site, watermark.gateway, watermark.event_class)
            newest = self._newest.get((watermark.site, watermark.gateway), "")
            answer = connection.publish_soon(topic, codec.encode(watermark), retain=watermark.epoch >= newest)
            self._under_way.add(answer)
            answer.add_done_callback(partial(self._answered, connection))

    def _answered(self, connection: Connection, answer: asyncio.Future[None]) -> None:
        """Go on, unless the connection is lost: what waits is then said at the next."""
        self._under_way.discard(answer)
        if not answer.cancelled() and answer.exception() is None:
            self._flow(connection)

    async def last(self) -> None:
        """Wait, for a moment, until the broker has what was said: before goodbye."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _GOODBYE_S
        while self._under_way and (left_s := until - loop.time()) > 0:
            await asyncio.wait(self._under_way, timeout=left_s)


def _size(watermark: Watermark) -> int:
    return 1 + len(watermark.beyond)
