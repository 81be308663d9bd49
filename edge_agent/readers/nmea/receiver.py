"""A live receiver: emit its fixes, and say when it is silent, unreadable or without a fix."""

import asyncio
from collections.abc import Callable

from edge_agent.nmea import Epoch, NmeaStream
from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.nmea.fixes import Thinner, capture_of
from edge_agent.readers.nmea.link import Link

Report = Callable[[str, str], None]


class Receiver:
    """Reads one receiver until it is cancelled or its link fails (`edge_agent.reader.Reader`)."""

    def __init__(self, *, name: str, link: Link, report: Report, interval_s: float, silence_s: float, no_fix_s: float) -> None:
        self._name = name
        self._link = link
        self._report = report
        self._thinner = Thinner(interval_s)
        self._silence_s = silence_s
        self._no_fix_s = no_fix_s

    async def run(self, emit: Emit) -> None:
        """Open the link, then read, until cancelled. Raises `ReaderError`, and lets the errors of `emit` pass."""
        now = asyncio.get_running_loop().time
        stream = NmeaStream()
        watch = _Watch(self._name, self._link, self._report, silence_s=self._silence_s, no_fix_s=self._no_fix_s, now_s=now())
        async with self._link.opened() as read:
            while True:
                chunk = await read()
                # A quiet line has finished its cycle: the fix need not wait for the next one.
                epochs = stream.feed(chunk) if chunk else stream.flush()
                for epoch in epochs:
                    if epoch.mode > 1 and self._thinner.passes(epoch, now()):
                        await emit(capture_of(self._name, epoch))
                watch.look(stream.counts.sentences, len(chunk), epochs, now())


class _Watch:
    """Notices what a receiver does not say. Each trouble is reported once, until it is over."""

    def __init__(self, name: str, link: Link, report: Report, *, silence_s: float, no_fix_s: float, now_s: float) -> None:
        self._name = name
        self._report = report
        self._link = link
        self._silence_s = silence_s
        self._no_fix_s = no_fix_s
        self._sentences = 0
        self._heard_s = now_s
        self._bytes = 0
        self._silent = False
        self._fix_s: float | None = None
        self._lost = False
        self._epoch: Epoch | None = None

    def look(self, sentences: int, size: int, epochs: list[Epoch], now_s: float) -> None:
        """Take what one read brought. Raises `ReaderError` where only opening the link again can help."""
        self._bytes += size
        if sentences > self._sentences:
            self._sentences, self._heard_s, self._bytes, self._silent = sentences, now_s, 0, False
            if self._fix_s is None:  # the first sentence: from here on a fix is due
                self._fix_s = now_s
        elif not self._silent and now_s - self._heard_s >= self._silence_s:
            self._silent = True
            self._tell_silence()
        if epochs:
            self._epoch = epochs[-1]
        if any(epoch.mode > 1 for epoch in epochs):
            self._fix_s, self._lost = now_s, False
        elif self._fix_s is not None and not (self._lost or self._silent) and now_s - self._fix_s >= self._no_fix_s:
            self._lost = True
            self._tell_no_fix()

    def _tell_silence(self) -> None:
        if self._bytes:
            what = f"{self._bytes} bytes but no NMEA sentence for {self._silence_s:g} s"
        else:
            what = f"nothing received for {self._silence_s:g} s"
        if self._link.reopen_when_silent:
            raise ReaderError(self._name, what, self._link.advice)
        self._report(self._name, f"{what}; check {self._link.advice}")

    def _tell_no_fix(self) -> None:
        if self._epoch is None:
            what, check = "no sentence about a position (GGA, RMC, GLL, GNS)", "which sentences the receiver is set to send"
        else:
            used = self._epoch.sats_used
            what = "no fix" if used is None else f"no fix ({used} satellites used)"
            check = "the antenna and its view of the sky"
        self._report(self._name, f"{what} for {self._no_fix_s:g} s; check {check}")
