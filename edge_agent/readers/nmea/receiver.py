"""A live receiver: emit its fixes, and say when it is silent, unreadable or without a fix."""

import datetime as dt
from collections.abc import Callable
from typing import Final

from edge_agent.link import Link, Listening, Silence
from edge_agent.nmea import Doubt, Epoch, NmeaStream
from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.nmea.fixes import Thinner, capture_of, described
from plumbline.clock import monotonic_ns

Report = Callable[[str, str], None]

#: `quiet_s` is 5 s at most, and a read may gather a little more.
_LONGEST_QUIET_S: Final = 6.0
#: How a check ends early: by then everything that the receiver sends in its cycle has been heard.
_ENOUGH_FIXES: Final = 2


class Receiver:
    """Reads one receiver until it is cancelled or its link fails (`edge_agent.reader.Reader`)."""

    def __init__(
        self,
        *,
        name: str,
        link: Link,
        report: Report,
        interval_s: float,
        silence_s: float,
        no_fix_s: float,
        confirm_s: float,
        estimated: bool,
        source: str | None,
    ) -> None:
        self._name = name
        self._link = link
        self._report = report
        self._thinner = Thinner(interval_s)
        self._silence_s = silence_s
        self._no_fix_s = no_fix_s
        self._confirm_s = confirm_s
        self._estimated = estimated
        self._source = source

    async def run(self, emit: Emit) -> None:
        """Open the link, then read, until cancelled. Raises `ReaderError`, and lets the errors of `emit` pass."""
        now = Listening(step_s=_LONGEST_QUIET_S)
        stream = NmeaStream(today=_today, source=self._source)
        watch = _Watch(self._name, self._link, self._report, silence_s=self._silence_s, no_fix_s=self._no_fix_s, now_s=now())
        heard_s = now()
        waiting: tuple[int | None, int] = (None, 0)
        async with self._link.opened() as line:
            while True:
                chunk = await line.read()
                if chunk:
                    heard_s = now()
                    epochs = stream.feed(chunk)
                else:  # a quiet line has finished its cycle
                    epochs = stream.flush()
                if stream.holds and now() - heard_s >= self._confirm_s:
                    epochs += stream.release()
                mono = monotonic_ns()
                for epoch in epochs:
                    if self._believes(epoch) and self._thinner.passes(epoch, now()):
                        told_ns = waiting[1] if epoch.time_ns == waiting[0] else mono
                        await emit(capture_of(self._name, epoch, told_ns))
                if stream.waiting_ns != waiting[0]:  # it has just been told, and waits for the next cycle
                    waiting = stream.waiting_ns, mono
                watch.look(stream, len(chunk), epochs, now())

    async def check(self, patience_s: float) -> str:
        """Listen until two fixes came, at most `patience_s` seconds. Raises `ReaderError` where no sentence comes."""
        stream = NmeaStream(today=_today, source=self._source)
        size, last, fixes, first = 0, None, 0, b""
        async with self._link.opened() as line:
            now = Listening(step_s=_LONGEST_QUIET_S)
            end_s = now() + patience_s
            while fixes < _ENOUGH_FIXES and now() < end_s:
                chunk = await line.read()
                size, first = size + len(chunk), first or chunk
                for epoch in stream.feed(chunk) if chunk else stream.flush():
                    last, fixes = epoch, fixes + (epoch.mode > 1)
        for epoch in stream.flush() + stream.release():
            last, fixes = epoch, fixes + (epoch.mode > 1)
        if not stream.counts.sentences:
            what = f"{_unread(stream, size)} in {patience_s:g} s"
            if first:  # readable text is another device, anything else most often a wrong speed
                what += f", beginning {repr(first[:24].decode('latin-1'))[:64]}"
                raise ReaderError(self._name, what, f"{self._link.advice}; whether it is a receiver at all")
            raise ReaderError(self._name, what, self._link.advice)
        return f"{self._link.place}: {stream.counts.sentences} sentences, {_position(last)}{_doubts(stream)}"

    def _believes(self, epoch: Epoch) -> bool:
        return epoch.mode > 1 and (self._estimated or not epoch.estimated)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _unread(stream: NmeaStream, size: int) -> str:
    """What came although no sentence did."""
    if not size:
        return "nothing received"
    counts = stream.counts
    if counts.checksum_errors:
        return f"{size} bytes but no NMEA sentence that is whole ({counts.checksum_errors} with wrong checksums)"
    return f"{size} bytes but no NMEA sentence"


def _position(last: Epoch | None) -> str:
    return "none about a position; check which sentences the receiver is set to send" if last is None else described(last)


def _doubts(stream: NmeaStream) -> str:
    found = ""
    if len(stream.sources) > 1:
        found += f"; several receivers ({', '.join(sorted(stream.sources))}): name one by 'source'"
    if stream.contradictions:
        found += "; two receivers on one line contradict each other: part them"
    if stream.date_doubt is Doubt.CORRECTED:
        found += "; its date lies GPS week rollovers back and is corrected"
    elif stream.date_doubt is Doubt.KEPT:
        found += "; its date lies years back and is kept as told"
    return found


class _Watch:
    """Notices what a receiver does not say, and what it says twice. Each trouble is reported once, until it is over."""

    def __init__(self, name: str, link: Link, report: Report, *, silence_s: float, no_fix_s: float, now_s: float) -> None:
        self._name = name
        self._report = report
        self._link = link
        self._silence = Silence(silence_s, now_s)
        self._no_fix_s = no_fix_s
        self._sentences = 0
        self._bytes = 0
        self._fix_s: float | None = None
        self._lost = False
        self._epoch: Epoch | None = None
        self._told: set[str] = set()
        self._instant: tuple[int | None, float] = (None, now_s)

    def look(self, stream: NmeaStream, size: int, epochs: list[Epoch], now_s: float) -> None:
        """Take what one read brought. Raises `ReaderError` where only opening the link again can help."""
        self._bytes += size
        if stream.counts.sentences > self._sentences:
            self._sentences, self._bytes = stream.counts.sentences, 0
            self._silence.heard(now_s)
            if self._fix_s is None:  # the first sentence: from here on a fix is due
                self._fix_s = now_s
        elif self._silence.due(now_s):
            self._tell_silence(stream)
        if epochs:
            self._epoch = epochs[-1]
            self._look_for_doubts(stream)
            self._look_at_time(epochs[-1], now_s)
        if any(epoch.mode > 1 and not epoch.estimated for epoch in epochs):
            self._fix_s, self._lost = now_s, False
        elif self._fix_s is not None and not (self._lost or self._silence.told) and now_s - self._fix_s >= self._no_fix_s:
            self._lost = True
            self._tell_no_fix(stream)

    def _tell_silence(self, stream: NmeaStream) -> None:
        what = f"{_unread(stream, self._bytes)} for {self._silence.after_s:g} s"
        if self._link.reopen_when_silent:
            raise ReaderError(self._name, what, self._link.advice)
        self._report(self._name, f"{what}; check {self._link.advice}")

    def _tell_no_fix(self, stream: NmeaStream) -> None:
        if self._epoch is None:
            what, check = "no sentence about a position (GGA, RMC, GLL, GNS)", "which sentences the receiver is set to send"
            if stream.counts.unchecked:
                what += f"; {stream.counts.unchecked} sentences had no checksum although others have one"
        else:
            used = self._epoch.sats_used
            what = "no fix" if used is None else f"no fix ({used} satellites used)"
            if self._epoch.estimated:
                what = "only estimated positions"
            check = "the antenna and its view of the sky"
        self._report(self._name, f"{what} for {self._no_fix_s:g} s; check {check}")

    def _look_for_doubts(self, stream: NmeaStream) -> None:
        if len(stream.sources) > 1:
            names = ", ".join(sorted(stream.sources))
            self._once("sources", f"several receivers on one line ({names}); name the one that is meant by 'source'")
        if stream.contradictions:
            self._once(
                "contradiction",
                "two places more than 100 m apart at one instant, neither is sent; check whether two receivers share the line",
            )
        if stream.date_doubt is Doubt.CORRECTED:
            self._once(
                "date", "its date lies 1024 weeks or more back (GPS week rollover) and is corrected; update its firmware"
            )
        elif stream.date_doubt is Doubt.KEPT:
            self._once("date kept", "its date lies years back and is kept as told; check its firmware and the gateway's clock")

    def _look_at_time(self, epoch: Epoch, now_s: float) -> None:
        """Fixes of an instant that was told before are not sent again: a clock that stands still would silence the receiver."""
        if epoch.time_ns is None or epoch.time_ns != self._instant[0]:
            self._instant = epoch.time_ns, now_s
            self._told.discard("time")
        elif now_s - self._instant[1] >= self._silence.after_s:
            self._once("time", "its time stands still, so nothing is sent; switch it off and on, and check its firmware")

    def _once(self, trouble: str, what: str) -> None:
        if trouble not in self._told:
            self._told.add(trouble)
            self._report(self._name, what)
