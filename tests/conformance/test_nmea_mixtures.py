"""The real receivers' logs with other protocols, noise and damage mixed in: no fix is lost, none is invented."""

import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.nmea import NmeaStream, read_log

CORPUS = Path(os.environ.get("PLUMBLINE_CORPUS", "../shared/corpus")) / "gps/nmea"
LOGS = sorted(CORPUS.glob("*.log"))
pytestmark = pytest.mark.skipif(not LOGS, reason=f"the corpus is not at {CORPUS}; set PLUMBLINE_CORPUS")

SENTENCE = re.compile(rb"\$[ -#%-)+-~]+\*[0-9A-Fa-f]{2}")
ENDS = [b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\n\n\r", b"\x00", b"  "]
AIS = [
    b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24\r\n",
    b"!AIVDM,2,1,3,B,55P5TL01VIaAL@7WKO@mBplU@<PDhh000000001S;AJ::4A80?4i@E53,0*3E\n",
    b"!AIVDO,1,1,,,B00000000868rA6<H7KNswPUoP06,0*6A",
]
Source = random.Random


def ubx(source: Source) -> bytes:
    """A frame of the u-blox binary protocol whose payload looks like the beginning of a sentence."""
    payload = source.randbytes(source.randrange(80)) + source.choice([b"$", b"$GPGGA,12", b"$GNRMC,", b"*47", b""])
    frame = bytes([source.randrange(256), source.randrange(256)]) + len(payload).to_bytes(2, "little") + payload
    return b"\xb5\x62" + frame + source.randbytes(2)


def rtcm(source: Source) -> bytes:
    payload = source.randbytes(source.randrange(200))
    return b"\xd3" + len(payload).to_bytes(2, "big") + payload + source.randbytes(3)


def sirf(source: Source) -> bytes:
    payload = source.randbytes(source.randrange(100))
    return b"\xa0\xa2" + len(payload).to_bytes(2, "big") + payload + source.randbytes(2) + b"\xb0\xb3"


def binary(source: Source) -> bytes:
    # Without `*`: two hexadecimal digits behind it would make a checksum that is right once in 256.
    return source.randbytes(source.randrange(700)).replace(b"*", b"+")


NOISE: list[Callable[[Source], bytes]] = [
    binary,
    ubx,
    rtcm,
    sirf,
    lambda source: source.choice(AIS),
    lambda source: b"\x00" * source.randrange(600),
    lambda source: b"$" * source.randrange(20),
    lambda source: b"\\s:x" * source.randrange(3),
    lambda source: b"\xff" * source.randrange(9) + b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M",
    lambda source: b" " * source.randrange(9),
]


def damaged(sentence: bytes, source: Source) -> bytes:
    """The sentence cut, with a doubled byte, a flipped bit, or something foreign inside: its checksum says so."""
    at = source.randrange(2, len(sentence) - 4)
    match source.randrange(5):
        case 0:
            return sentence[:at].rstrip(b"*")
        case 1:
            return sentence[:at] + sentence[at:].replace(sentence[at : at + 1], sentence[at : at + 1] * 2, 1)
        case 2:
            return sentence[:at] + bytes([sentence[at] ^ 1 << source.randrange(8)]) + sentence[at + 1 :]
        case 3:
            return sentence[:at] + source.choice(NOISE)(source) + b"\x80" + sentence[at:]
        case _:
            return sentence[:at] + source.choice(AIS) + sentence[at:]


def mixture(log: Path, source: Source, damage: float) -> tuple[bytes, list[bytes]]:
    """The mixed stream, and the sentences in it that are whole."""
    stream, whole = bytearray(), list[bytes]()
    for sentence in SENTENCE.findall(b"\n".join(line for line in log.read_bytes().splitlines() if line[:1] != b"#")):
        stream += source.choice(NOISE)(source) if source.random() < 0.7 else b""
        if source.random() < damage:
            stream += damaged(sentence, source) + source.choice(ENDS)
            continue
        written = sentence
        if source.random() < 0.2:
            written = sentence[:-2] + sentence[-2:].lower()
        if source.random() < 0.1:
            at = source.randrange(1, len(sentence) - 3)
            written = written[:at] + b"\x00" + written[at:]
        stream += written + source.choice(ENDS)
        whole.append(sentence)
    return bytes(stream), whole


def fixes(chunks: Iterator[bytes] | list[bytes]) -> list[tuple]:
    stream, found = NmeaStream(), []
    for chunk in chunks:
        found += stream.feed(chunk)
    found += stream.close()
    return [(each.time, each.mode, each.lat, each.lon, each.accuracy_m) for each in found if each.mode > 1]


def pieces(stream: bytes, source: Source) -> Iterator[bytes]:
    while stream:
        size = source.choice([1, 7, 64, 300, 4096])
        yield stream[:size]
        stream = stream[size:]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
@pytest.mark.parametrize("damage", [0.0, 0.25])
def test_what_is_mixed_in_loses_no_fix_and_invents_none(log: Path, damage: float) -> None:
    for seed in range(3):
        source = random.Random(f"{log.stem} {damage} {seed}")
        stream, whole = mixture(log, source, damage)
        assert fixes(pieces(stream, source)) == fixes([sentence + b"\r\n" for sentence in whole]), seed


def test_mixtures_of_all_logs_are_counted(say: Callable[[str], None]) -> None:
    kept = positions = invented = 0
    for log in LOGS:
        source = random.Random(log.stem)
        clean = {(each.time, each.lat, each.lon) for each in read_log([log.read_bytes()]) if each.mode > 1}
        stream, _ = mixture(log, source, 0.0)
        found = {(time, lat, lon) for time, _, lat, lon, _ in fixes(pieces(stream, source))}
        positions, kept, invented = positions + len(clean), kept + len(clean & found), invented + len(found - clean)
    say(f"nmea with binary, AIS, NUL and cut sentences mixed in: {kept} of {positions} fixes kept, {invented} invented")
    assert (kept, invented) == (positions, 0)
