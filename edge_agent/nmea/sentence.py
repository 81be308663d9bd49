"""From a stream of bytes to NMEA 0183 sentences: start anywhere, lose nothing that is whole.

A receiver's line carries more than sentences: binary protocols of the same chip, AIS, the garbage of a wrong baud rate,
halves of lines after an unplugged cable. The reader looks only for `$`, the fields, `*` and two hexadecimal digits
(IEC 61162-1, clause 7.3) and takes a sentence as soon as its checksum is there: it waits for no line end, because what
follows may be binary. A TAG block in front (IEC 61162-450, clause 7.2.3.4) names the source where several receivers share a line.
"""

import re
from dataclasses import dataclass
from typing import Final

#: IEC 61162-1 allows 82 characters; receivers with many decimals and proprietary sentences go past it, none past this.
MAX_SENTENCE: Final = 512
#: The longest TAG block that is looked at, its two backslashes included; IEC 61162-450 allows 80 characters.
MAX_TAG: Final = 160

# The nearest `$` before the checksum starts the sentence: what stands before it is a broken one. A control character
# or a byte above 0x7D ends the attempt, because a sentence is printable ASCII, and so do `!` and the backslash, with which
# something else begins (IEC 61162-1, table 1: reserved characters). But NUL does not: drivers fill gaps with it, and it
# leaves the exclusive or as it is.
_SENTENCE: Final = re.compile(rb"\$([\x00 \"#%%-)+-\[\]-}]{1,%d}+)(?:\*([0-9A-Fa-f]{2})|(?=[\r\n]))" % MAX_SENTENCE)
_ADDRESS: Final = re.compile(r"(?:P[A-Z0-9]{2,})|(?:[A-Z0-9]{2}[A-Z]{3})")
_SOURCE: Final = re.compile(rb"\\(?:[^\\*]*,)?s:([^\\*,]{1,64})(?:,[^\\*]*)?\*([0-9A-Fa-f]{2})\\")
#: The talkers of satellite receivers: one receiver uses several, and sends checksums with all of them or with none.
_SATELLITES: Final = frozenset({"BD", "GA", "GB", "GI", "GL", "GN", "GP", "GQ", "QZ"})
#: Sentences without checksum that wait until it is known whether the receiver sends any.
_HELD: Final = 32
#: As many talkers are remembered; an attacker's must not fill the memory.
_TALKERS: Final = 256


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence that arrived whole."""

    talker: str
    """`GP`, `GN`, `GA` …; `P` for a proprietary sentence."""
    kind: str
    """The sentence formatter, for example `GGA`; for a proprietary sentence what follows the `P`."""
    fields: tuple[str, ...]
    """The data fields after the address, as sent."""
    source: str | None = None
    """Who sent it, where a TAG block in front says so."""


@dataclass(slots=True)
class StreamCounts:
    """What a stream held so far."""

    sentences: int = 0
    checksum_errors: int = 0
    unchecked: int = 0
    """Sentences without a checksum that were not taken (see `SentenceReader`)."""


class SentenceReader:
    """Cut sentences out of chunks of any size. Memory stays bounded, whatever arrives.

    A sentence without a checksum is taken only where the receiver never sends one (old receivers and some simulators):
    elsewhere it is a sentence that lost its end, and a longitude that lost its end is a wrong place. So the first ones
    wait until a second of the same address has come and still none with a checksum.
    """

    def __init__(self) -> None:
        self.counts = StreamCounts()
        self._rest = b""
        self._checked: set[str] = set()
        self._believes = False
        self._held: list[Sentence] = []

    def feed(self, chunk: bytes) -> list[Sentence]:
        """Take the next bytes and return the sentences that they complete, in order. Never raises."""
        data = self._rest + chunk if self._rest else chunk
        found: list[Sentence] = []
        end = 0
        for match in _SENTENCE.finditer(data):
            tagged = match.start() > end and data[match.start() - 1] == 0x5C
            source = _source_of(data, end, match.start()) if tagged else None
            end = match.end()
            found += self._accept(match[1], match[2], source)
        self._rest = data[_unfinished(data, end) :]
        return found

    def close(self) -> list[Sentence]:
        """Take the end of the stream as a line end: a last sentence without checksum may stand there."""
        found = self.feed(b"\r\n")
        held, self._held = self._held, []
        # A stream so short that nothing came twice: believed where nothing in it had a checksum.
        if self._checked:
            self.counts.unchecked += len(held)
            return found
        self.counts.sentences += len(held)
        return found + held

    def _accept(self, body: bytes, checksum: bytes | None, source: str | None) -> list[Sentence]:
        whole = body.replace(b"\0", b"") if b"\0" in body else body
        address, _, rest = whole.decode("ascii").partition(",")
        if _ADDRESS.fullmatch(address) is None:
            return []
        fields = tuple(rest.split(","))
        if address.startswith("P"):
            sentence = Sentence("P", address[1:], fields, source)
        else:
            sentence = Sentence(address[:2], address[2:], fields, source)
        if checksum is None:
            return self._unchecked(sentence, sure=len(fields) > 1 and whole is body)
        if checksum_of(whole) != int(checksum, 16):
            self.counts.checksum_errors += 1
            return []
        if len(self._checked) < _TALKERS:
            self._checked.add(_family(sentence))
        self.counts.sentences += 1
        return [sentence]

    def _unchecked(self, sentence: Sentence, *, sure: bool) -> list[Sentence]:
        if not sure or _family(sentence) in self._checked:
            self.counts.unchecked += 1
            return []
        if self._believes:
            self.counts.sentences += 1
            return [sentence]
        self._believes = any((held.talker, held.kind) == (sentence.talker, sentence.kind) for held in self._held)
        self._held.append(sentence)
        if not self._believes:
            if len(self._held) > _HELD:
                del self._held[0]
                self.counts.unchecked += 1
            return []
        found = [held for held in self._held if _family(held) not in self._checked]
        self.counts.sentences += len(found)
        self.counts.unchecked += len(self._held) - len(found)
        self._held = []
        return found


def checksum_of(body: bytes) -> int:
    """The exclusive or of all characters between `$` and `*` (IEC 61162-1, clause 7.2.5)."""
    value = 0
    for byte in body:
        value ^= byte
    return value


def _family(sentence: Sentence) -> str:
    return "satellites" if sentence.talker in _SATELLITES else sentence.talker


def _source_of(data: bytes, start: int, end: int) -> str | None:
    """The source in the TAG block that ends at `end`."""
    opening = data.rfind(b"\\", max(start, end - MAX_TAG), end - 1)
    block = data[opening:end] if opening >= 0 else b""
    match = _SOURCE.fullmatch(block)
    if match is None or checksum_of(block[1 : block.rindex(b"*")]) != int(match[2], 16):
        return None
    return match[1].decode("ascii", "replace").strip() or None


def _unfinished(data: bytes, end: int) -> int:
    """From where on bytes can still become a sentence: from the last `$`, or the TAG block before it."""
    start = data.rfind(b"$", end)
    if start < 0:
        start = len(data)
    elif len(data) - start > MAX_SENTENCE + 4:
        return len(data)
    if start > end and (start == len(data) or data[start - 1] == 0x5C):
        # The block's end is the last backslash, its beginning the one before; or it has only begun.
        last = data.rfind(b"\\", max(end, start - MAX_TAG), start)
        first = data.rfind(b"\\", max(end, last - MAX_TAG), last) if last >= 0 else -1
        if first >= 0:
            return first
        if last >= 0:
            return last
    return start
