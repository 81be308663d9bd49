"""From a stream of bytes to NMEA 0183 sentences: start anywhere, lose nothing that is whole.

A receiver's line carries more than sentences: binary protocols of the same chip, AIS, the garbage of a wrong baud rate,
halves of lines after an unplugged cable. The reader looks only for `$`, the fields, `*` and two hexadecimal digits
(IEC 61162-1, clause 7.3) and takes a sentence as soon as its checksum is there: it waits for no line end, because what
follows may be binary.
"""

import re
from dataclasses import dataclass
from typing import Final

#: IEC 61162-1 allows 82 characters; receivers with many decimals and proprietary sentences go past it, none past this.
MAX_SENTENCE: Final = 512

# The nearest `$` before the checksum starts the sentence: what stands before it is a broken one. A control character
# or a byte above 0x7E ends the attempt, because a sentence is printable ASCII.
_SENTENCE: Final = re.compile(rb"\$([ -#%%-)+-~]{1,%d}+)(?:\*([0-9A-Fa-f]{2})|(?=[\r\n]))" % MAX_SENTENCE)
_ADDRESS: Final = re.compile(r"(?:P[A-Z0-9]{2,})|(?:[A-Z0-9]{2}[A-Z]{3})")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence that arrived whole."""

    talker: str
    """`GP`, `GN`, `GA` …; `P` for a proprietary sentence."""
    kind: str
    """The sentence formatter, for example `GGA`; for a proprietary sentence what follows the `P`."""
    fields: tuple[str, ...]
    """The data fields after the address, as sent."""


@dataclass(slots=True)
class StreamCounts:
    """What a stream held so far."""

    sentences: int = 0
    checksum_errors: int = 0
    unchecked: int = 0
    """Sentences without a checksum that were not taken (see `SentenceReader`)."""


class SentenceReader:
    """Cut sentences out of chunks of any size. Memory stays below one sentence, whatever arrives.

    A sentence without a checksum is taken only where the receiver never sends one for that address (old receivers and
    some simulators): elsewhere it is a sentence that lost its end, and a longitude that lost its end is a wrong place.
    """

    def __init__(self) -> None:
        self.counts = StreamCounts()
        self._rest = b""
        self._checked: set[str] = set()

    def feed(self, chunk: bytes) -> list[Sentence]:
        """Take the next bytes and return the sentences that they complete, in order. Never raises."""
        data = self._rest + chunk
        found: list[Sentence] = []
        end = 0
        for match in _SENTENCE.finditer(data):
            end = match.end()
            if sentence := self._accept(match[1], match[2]):
                found.append(sentence)
        # Only bytes from the last `$` on can still become a sentence, and only while they are not too many.
        start = data.rfind(b"$", end)
        rest = data[start:] if start >= 0 else b""
        self._rest = rest if len(rest) <= MAX_SENTENCE + 4 else b""
        return found

    def close(self) -> list[Sentence]:
        """Take the end of the stream as a line end: a last sentence without checksum may stand there."""
        return self.feed(b"\r\n")

    def _accept(self, body: bytes, checksum: bytes | None) -> Sentence | None:
        address, _, rest = body.decode("ascii").partition(",")
        if _ADDRESS.fullmatch(address) is None:
            return None
        if checksum is not None:
            if checksum_of(body) != int(checksum, 16):
                self.counts.checksum_errors += 1
                return None
            if len(self._checked) < MAX_SENTENCE:  # an attacker's addresses must not fill the memory
                self._checked.add(address)
        elif address in self._checked or "," not in rest:
            self.counts.unchecked += 1
            return None
        self.counts.sentences += 1
        fields = tuple(rest.split(","))
        return Sentence("P", address[1:], fields) if address.startswith("P") else Sentence(address[:2], address[2:], fields)


def checksum_of(body: bytes) -> int:
    """The exclusive or of all characters between `$` and `*` (IEC 61162-1, clause 7.2.5)."""
    value = 0
    for byte in body:
        value ^= byte
    return value
