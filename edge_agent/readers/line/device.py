"""A live line device: ask it where it must be asked, read its lines, say when it is silent or cannot be understood."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from edge_agent.link import Line as OpenLine
from edge_agent.link import Link, Listening, Silence
from edge_agent.reader import Capture, Emit, ReaderError
from edge_agent.readers.line.framing import Fault, Line, Lines, shown
from edge_agent.readers.line.meaning import Meaning, Said
from edge_agent.readers.line.totals import WRITE_EVERY_S, TotalsFile
from plumbline.profile import LineShape, Metric

#: A line that has begun and does not go on for so long is not coming any more.
_CUT_S: Final = 2.0
#: The same trouble is told again after this time, with how often it was there.
_AGAIN_S: Final = 300.0
#: A check that understood so many lines has seen enough.
_ENOUGH_LINES: Final = 3


class Complaints:
    """Tells each kind of trouble at once, and then at most every `again_s` seconds, with their number."""

    def __init__(self, tell: Callable[[str], None], again_s: float = _AGAIN_S) -> None:
        self._tell = tell
        self._again_s = again_s
        self._told: dict[str, tuple[float, int]] = {}

    def about(self, fault: Fault, now_s: float) -> None:
        """Tell `fault`, or count it."""
        at_s, more = self._told.get(fault.kind, (None, 0))
        if at_s is not None and now_s - at_s < self._again_s:
            self._told[fault.kind] = at_s, more + 1
            return
        self._told[fault.kind] = now_s, 0
        self._tell(fault.what + (f" (and {more} times before since this was told)" if more else ""))


class LineDevice:
    """Reads one device (`edge_agent.reader.Reader`)."""

    def __init__(
        self,
        *,
        name: str,
        link: Link,
        shape: LineShape,
        meaning: Callable[[], Meaning],
        metrics: Mapping[str, Metric],
        silence_s: float | None,
        from_the_middle: bool,
        totals: TotalsFile,
        report: Callable[[str, str], None],
    ) -> None:
        self._name = name
        self._link = link
        self._shape = shape
        self._meaning_of = meaning
        self._meaning = meaning()
        self._metrics = metrics
        self._silence_s = silence_s
        self._from_the_middle = from_the_middle
        self._totals = totals
        self._report = report
        self._complaints = Complaints(lambda what: report(name, what))
        self._loaded = False

    async def run(self, emit: Emit) -> None:
        """Read until cancelled. Raises `ReaderError` where the link fails, and lets the errors of `emit` pass."""
        await self._load()
        try:
            await self._read(emit)
        finally:
            self._save()  # a few bytes; the loop must not be left before they are down

    async def _read(self, emit: Emit) -> None:
        now = Listening()
        silence = Silence(self._silence_s or 0.0, now())
        saved_s = now()
        async with self._link.opened() as line:
            lines = _Stream(self._shape, self._meaning, line, from_the_middle=self._from_the_middle)
            while True:
                said = await lines.next(now)
                if lines.heard:
                    silence.heard(now())
                for one in said:
                    if isinstance(one, Fault):
                        self._complaints.about(one, now())
                    else:
                        await emit(Capture(self._name, one, metrics=self._metrics))
                if self._silence_s is not None and silence.due(now()):
                    self._tell_silence()
                if self._meaning.totals and now() - saved_s >= WRITE_EVERY_S:
                    saved_s = now()
                    await asyncio.to_thread(self._save)

    async def check(self, patience_s: float) -> str:
        """Ask, listen until three lines were understood, at most `patience_s` seconds.

        Raises `ReaderError` where nothing comes, or nothing that fits. A `request` is sent: it is a question.
        """
        now = Listening()
        end_s = now() + patience_s
        fitting, faults, value = 0, list[Fault](), ""
        async with self._link.opened() as line:
            lines = _Stream(self._shape, self._meaning_of(), line, from_the_middle=self._from_the_middle)
            while now() < end_s and fitting < _ENOUGH_LINES:
                for one in await lines.next(now):
                    if isinstance(one, Fault):
                        faults = [*faults[-1:], one]
                    else:
                        fitting, value = fitting + 1, _shown(one, self._metrics)
            heard, last = lines.count, lines.last
        place = self._link.place
        if fitting:
            trouble = f"; but it also {faults[-1].what}" if faults else ""
            return f"{place}: {heard} lines, the last {shown(last)}: {value}{trouble}"
        if faults:
            what = faults[-1].what.partition("; check ")[0]
            raise ReaderError(self._name, f"{place}: it {what}", "'patterns' against what it sends, and that it is this device")
        if heard:
            return f"{place}: {heard} lines, the last {shown(last)}: nothing to send"
        if self._shape.request or self._silence_s is not None:
            raise ReaderError(self._name, self._nothing(patience_s), self._link.advice)
        return f"{place}: open; it said nothing in {patience_s:g} s, as a device does that speaks only when it is used"

    def _tell_silence(self) -> None:
        what = self._nothing(self._silence_s or 0.0)
        if self._link.reopen_when_silent:
            raise ReaderError(self._name, what, self._link.advice)
        self._report(self._name, f"{what}; check {self._link.advice}")

    def _nothing(self, seconds: float) -> str:
        if self._shape.request:
            return f"no line for {seconds:g} s although asked with {self._shape.request!r}"
        return f"no line for {seconds:g} s"

    async def _load(self) -> None:
        if self._meaning.totals and not self._loaded:
            self._loaded = True
            if trouble := await asyncio.to_thread(self._totals.load, self._meaning.totals):
                self._report(self._name, trouble)

    def _save(self) -> None:
        if self._meaning.totals and (trouble := self._totals.save(self._meaning.totals)):
            self._complaints.about(Fault("totals", trouble), 0.0)


class _Stream:
    """The lines of one open link, and what they say."""

    def __init__(self, shape: LineShape, meaning: Meaning, line: OpenLine, *, from_the_middle: bool) -> None:
        self._shape = shape
        self._meaning = meaning
        self._line = line
        self._lines = Lines(shape)
        # Until the line was quiet once, the first that ends may have begun before it was opened.
        self._may_be_a_tail = from_the_middle and not shape.start
        self._ask_s: float | None = None
        self._byte_s: float | None = None
        self.heard = False
        """Whether the last `next` brought a line."""
        self.count = 0
        self.last = b""

    async def next(self, now: Callable[[], float]) -> list[Said]:
        """Ask if it is time, read once, and return what was said."""
        if self._shape.request and (self._ask_s is None or now() >= self._ask_s):
            self._ask_s = now() + self._shape.every_s
            await self._line.write(self._shape.request.encode("latin-1"))
        chunk = await self._line.read()
        self.heard = False
        if chunk:
            self._byte_s = now()
            return list(self._said(chunk))
        if self._byte_s is None:
            self._may_be_a_tail = False
        elif self._lines.unfinished and now() - self._byte_s >= _CUT_S:
            return list(self._lines.silence())
        return []

    def _said(self, chunk: bytes) -> Iterator[Said]:
        for found in self._lines.feed(chunk):
            if isinstance(found, Line):
                self.heard, self.count, self.last = True, self.count + 1, found.content
                yield from self._meaning.read(found.content, may_be_a_tail=self._may_be_a_tail)
            else:
                yield found
            self._may_be_a_tail = False


def _shown(said: Said, metrics: Mapping[str, Metric]) -> str:
    """What a line means, for the check."""
    keywords = {} if isinstance(said, Fault) else said.keywords
    if "values" in keywords:
        told = ((metrics[name], value) for name, value in keywords["values"].items())
        return ", ".join(f"{metric.title_en} {value:.6g} {metric.unit}".removesuffix(" 1") for metric, value in told)
    return f"state {keywords.get('state')}"
