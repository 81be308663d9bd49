"""NMEA 0183 (IEC 61162-1): from the bytes of a satellite receiver to its fixes.

    bytes ── SentenceReader ──► Sentence ── EpochBuilder ──► Epoch ── TakenBack ──► Epoch that is believed

Pure computation: `NmeaStream` is all in one; `read_log` reads a whole log.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from edge_agent.nmea.decode import READ
from edge_agent.nmea.epoch import UERE_M, Epoch, EpochBuilder
from edge_agent.nmea.rollover import Doubt, unrolled
from edge_agent.nmea.sentence import Sentence, SentenceReader, StreamCounts
from edge_agent.nmea.taken_back import TakenBack

__all__ = [
    "UERE_M",
    "Doubt",
    "Epoch",
    "EpochBuilder",
    "NmeaStream",
    "Sentence",
    "SentenceReader",
    "StreamCounts",
    "TakenBack",
    "read_log",
    "unrolled",
]

#: So many names of sources are remembered for a report.
_SOURCES: Final = 16


class NmeaStream:
    """Bytes in, epochs out. Feed chunks of any size; memory stays bounded and nothing raises, whatever arrives.

    Args:
        today: the gateway's date, for a live receiver (see `rollover`).
        source: the receiver to listen to, where TAG blocks name several; `None`: the first one that is heard.
    """

    def __init__(self, today: Callable[[], dt.date] | None = None, source: str | None = None) -> None:
        self._sentences = SentenceReader()
        self._epochs = EpochBuilder(today)
        self._believed = TakenBack()
        self._source = source
        self._chosen = source is not None
        self.sources: set[str] = set()
        """Sources that TAG blocks named."""

    @property
    def counts(self) -> StreamCounts:
        """What the stream held so far."""
        return self._sentences.counts

    @property
    def contradictions(self) -> int:
        """Instants with two places: two receivers on one line."""
        return self._epochs.contradictions

    @property
    def date_doubt(self) -> Doubt:
        """What is wrong with the date that the receiver tells."""
        return self._epochs.date_doubt

    @property
    def holds(self) -> bool:
        """Whether a fix waits for the next cycle, which may take it back."""
        return self._believed.holds

    @property
    def waiting_ns(self) -> int | None:
        """The time that the fix tells which waits; `None` where none waits, or it tells none."""
        return self._believed.waiting_ns

    def feed(self, chunk: bytes) -> list[Epoch]:
        """Take the next bytes; return the epochs that are now known and believed."""
        return self._take(self._sentences.feed(chunk))

    def flush(self) -> list[Epoch]:
        """Finish the open epoch, if any: the line has gone quiet after the last sentence of a cycle."""
        epoch = self._epochs.flush()
        return [] if epoch is None else self._believed.add(epoch)

    def release(self) -> list[Epoch]:
        """Return the fix that waited for a next cycle, which does not come."""
        return self._believed.release()

    def close(self) -> list[Epoch]:
        """Return what the end of the stream finishes."""
        return self._take(self._sentences.close()) + self.flush() + self.release()

    def _take(self, sentences: list[Sentence]) -> list[Epoch]:
        done: list[Epoch] = []
        for sentence in sentences:
            if self._is_meant(sentence) and (epoch := self._epochs.add(sentence)):
                done += self._believed.add(epoch)
        return done

    def _is_meant(self, sentence: Sentence) -> bool:
        if sentence.source is not None and len(self.sources) < _SOURCES:
            self.sources.add(sentence.source)
        if not self._chosen and sentence.kind in READ:
            self._source, self._chosen = sentence.source, True
        return sentence.source == self._source


def read_log(chunks: Iterable[bytes], source: str | None = None) -> Iterator[Epoch]:
    """Read a recorded log, chunk by chunk, as a stream that ends.

    Leading lines that start with `#` are the header that gpsd and others write, and are skipped: an example sentence
    in a note is not a fix.
    """
    stream = NmeaStream(source=source)
    for chunk in _without_header(chunks):
        yield from stream.feed(chunk)
    yield from stream.close()


def _without_header(chunks: Iterable[bytes]) -> Iterator[bytes]:
    at_line_start, in_comment, done = True, False, False
    for chunk in chunks:
        start = 0
        while not done and start < len(chunk):
            if at_line_start and not in_comment:
                in_comment = chunk[start : start + 1] == b"#"
                done = not in_comment
                if done:
                    break
            end = chunk.find(b"\n", start)
            at_line_start = end >= 0
            in_comment = not at_line_start
            start = len(chunk) if end < 0 else end + 1
        if done:
            yield chunk[start:] if start else chunk
