"""NMEA 0183 (IEC 61162-1): from the bytes of a satellite receiver to its fixes.

    bytes ── SentenceReader ──► Sentence ── EpochBuilder ──► Epoch

Pure computation: `NmeaStream` is both in one; `read_log` reads a whole log.
"""

from collections.abc import Iterable, Iterator

from edge_agent.nmea.epoch import UERE_M, Epoch, EpochBuilder
from edge_agent.nmea.sentence import Sentence, SentenceReader, StreamCounts

__all__ = ["UERE_M", "Epoch", "EpochBuilder", "NmeaStream", "Sentence", "SentenceReader", "StreamCounts", "read_log"]


class NmeaStream:
    """Bytes in, epochs out. Feed chunks of any size; memory stays bounded and nothing raises, whatever arrives."""

    def __init__(self) -> None:
        self._sentences = SentenceReader()
        self._epochs = EpochBuilder()

    @property
    def counts(self) -> StreamCounts:
        """What the stream held so far."""
        return self._sentences.counts

    def feed(self, chunk: bytes) -> list[Epoch]:
        """Take the next bytes; return the epochs that they finished."""
        return [epoch for sentence in self._sentences.feed(chunk) if (epoch := self._epochs.add(sentence))]

    def flush(self) -> list[Epoch]:
        """Return the open epoch, if any: the line has gone quiet after the last sentence of a cycle."""
        epoch = self._epochs.flush()
        return [] if epoch is None else [epoch]

    def close(self) -> list[Epoch]:
        """Return what the end of the stream finishes."""
        done = [epoch for sentence in self._sentences.close() if (epoch := self._epochs.add(sentence))]
        return done + self.flush()


def read_log(chunks: Iterable[bytes]) -> Iterator[Epoch]:
    """Read a recorded log, chunk by chunk, as a stream that ends.

    Leading lines that start with `#` are the header that gpsd and others write, and are skipped: an example sentence
    in a note is not a fix.
    """
    stream = NmeaStream()
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
