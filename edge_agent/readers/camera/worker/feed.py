"""Where chosen frames come from: a live camera, which is drained all the time, or a recording, which waits."""

import threading
import time
from typing import Final

from edge_agent.readers.camera.messages import Pulse, Still, Trouble, Watch
from edge_agent.readers.camera.worker.choice import Choice, Frame
from edge_agent.readers.camera.worker.condition import Watchman
from edge_agent.readers.camera.worker.framing import aimed
from edge_agent.readers.camera.worker.source import OpenSource

#: Frames closer together than this part of the interval, or than this time, are fetched but not looked at.
_GLANCES: Final = 4
_GLANCE_S: Final = 0.1
#: How often the agent hears that the worker is alive.
_PULSE_S: Final = 1.0
#: A wait for a frame that took longer than this was one of a machine that stood still.
_LOOK_S: Final = 1.5
#: How often the picture's condition is looked at.
_CONDITION_S: Final = 1.0


def glance_s(interval_s: float) -> float:
    """Time between two frames that are looked at, with half a frame's patience for cameras that are not punctual."""
    return min(_GLANCE_S, interval_s / _GLANCES)


class LiveFeed:
    """Drains a camera in a thread of its own, so that what is read is the present and not a queue of the past."""

    def __init__(self, source: OpenSource, watch: Watch) -> None:
        self._source = source
        self._watch = watch
        self._choice = Choice(watch.interval_s, watch.still_s)
        self._watchman = Watchman(watch.frozen_s)
        self._news = threading.Condition()
        self._troubles: list[str] = []
        self._arrived_s = time.monotonic()
        self._waited: tuple[float, float] = (self._arrived_s, 0.0)
        self._looked_s = self._arrived_s
        self._failure: BaseException | None = None
        threading.Thread(target=self._drain, name="camera", daemon=True).start()

    def next(self) -> Frame | Still | Pulse | Trouble:
        """Wait for the next thing to do or to tell, at most a second. Raises `SourceError` where no frame comes any more."""
        with self._news:
            frame = self._choice.take()
            if frame is None and not self._troubles and self._failure is None:
                self._news.wait_for(self._anything, _PULSE_S)
                frame = self._choice.take()
            if frame is None and self._failure is not None:
                frame = self._choice.rest()
            if frame is not None:
                return frame
            if self._troubles:
                return Trouble(self._troubles.pop(0))
            if self._failure is not None:
                raise self._failure
            if self._silent_s() > self._watch.source.silence_s:
                raise self._source.silent()  # some drivers wait for ever
            still = self._choice.still()
            return Pulse() if still is None else Still(still)

    def _silent_s(self) -> float:
        """How long no frame came while somebody waited for one: after a standstill the thread that fetches has to run first."""
        now_s = time.monotonic()
        since_s, waited_s = self._waited if self._waited[0] == self._arrived_s else (self._arrived_s, 0.0)
        self._waited = since_s, waited_s + min(now_s - max(self._looked_s, since_s), _LOOK_S)
        self._looked_s = now_s
        return self._waited[1]

    def _anything(self) -> bool:
        return self._choice.due or bool(self._troubles) or self._failure is not None

    def _drain(self) -> None:
        try:
            glance, seen_s, condition_s = glance_s(self._watch.interval_s), float("-inf"), float("-inf")
            while True:
                at_s = self._source.fetch()
                if at_s is None:
                    raise self._source.silent()
                if at_s - seen_s < glance:
                    continue
                pixels = self._source.pixels()
                if pixels is None:
                    continue
                seen_s = self._arrived_s = at_s
                pixels = aimed(pixels, self._watch.aim)
                with self._news:
                    self._choice.offer(pixels, self._source.number, at_s)
                    newest = self._choice.newest
                    if self._choice.due:
                        self._news.notify()
                if newest is not None and at_s - condition_s >= _CONDITION_S:
                    condition_s = at_s
                    troubles = self._watchman.look(pixels, *newest, at_s)
                    with self._news:
                        self._troubles += troubles
        except BaseException as failure:  # noqa: BLE001 - handed to the worker's main thread, which raises it
            with self._news:
                self._failure = failure
                self._news.notify()


class RecordedFeed:
    """Reads a recording, frame by frame, as fast as they are read. Frames before `first_frame` are passed over."""

    def __init__(self, source: OpenSource, watch: Watch) -> None:
        self._source = source
        self._watch = watch
        self._choice = Choice(watch.interval_s, watch.still_s)
        self._seen_s = float("-inf")
        self._over = False

    def next(self) -> Frame | Still | Pulse | None:
        """The next frame to read, or a sign of life; `None` at the end."""
        if self._over:
            return None
        glance = glance_s(self._watch.interval_s)
        for _ in range(25):
            at_s = self._source.fetch()
            if at_s is None:
                self._over = True
                return self._choice.rest()
            if self._source.number < self._watch.first_frame or at_s - self._seen_s < glance:
                continue
            pixels = self._source.pixels()
            if pixels is None:
                continue
            self._seen_s = at_s
            self._choice.offer(aimed(pixels, self._watch.aim), self._source.number, at_s)
            if (frame := self._choice.take()) is not None:
                return frame
        still = self._choice.still()
        return Pulse() if still is None else Still(still)


def feed_of(source: OpenSource, watch: Watch) -> LiveFeed | RecordedFeed:
    """The feed of an open source."""
    return LiveFeed(source, watch) if watch.source.live else RecordedFeed(source, watch)
