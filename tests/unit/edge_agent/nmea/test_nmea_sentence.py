"""Cutting sentences out of a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.nmea.sentence import MAX_SENTENCE, MAX_TAG, Sentence, SentenceReader, checksum_of


def framed(body: str) -> bytes:
    return b"$%s*%02X\r\n" % (body.encode(), checksum_of(body.encode()))


RMC = framed("GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W")
BODY = st.from_regex(r"\A(GP|GN|GA|BD)(GGA|RMC|GSA|TXT),[0-9A-Z.,+\- ^]{1,60}\Z")
GARBAGE = st.binary(max_size=200).filter(lambda data: b"$" not in data)
LIMIT = MAX_SENTENCE + 4 + 2 * MAX_TAG


def test_a_sentence_is_taken_as_soon_as_its_checksum_is_there() -> None:
    [sentence] = SentenceReader().feed(RMC.rstrip())
    assert (sentence.talker, sentence.kind, sentence.fields[0]) == ("GP", "RMC", "123519")


def test_a_proprietary_sentence_keeps_its_whole_name() -> None:
    assert SentenceReader().feed(framed("PGRME,17.4,M")) == [Sentence("P", "GRME", ("17.4", "M"))]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"", b"\x00\xb5\x62\x01"])
def test_any_line_end_will_do(end: bytes) -> None:
    assert len(SentenceReader().feed((RMC.rstrip() + end) * 3)) == 3


def test_a_sentence_with_a_wrong_checksum_is_counted_and_dropped() -> None:
    reader = SentenceReader()
    assert reader.feed(RMC.replace(b"4807", b"4808")) == []
    assert reader.counts.checksum_errors == 1


def test_a_receiver_that_never_sends_checksums_is_believed() -> None:
    assert len(SentenceReader().feed(b"$GPRMC,123519,A,4807.038,N\r\n$GPRMC,123520,A,4807.038,N\r\n")) == 2


def test_a_sentence_that_lost_its_checksum_is_not_believed_where_the_receiver_sends_them() -> None:
    reader = SentenceReader()
    assert len(reader.feed(RMC + b"$GPRMC,123520,A,4807.038,N,0113\r\n")) == 1
    assert reader.counts.unchecked == 1


def test_a_sentence_without_checksum_at_the_beginning_waits_for_what_the_receiver_sends() -> None:
    reader = SentenceReader()
    assert reader.feed(b"$GPGGA,123519,4807.038,N,01131.000,E\r\n") == []
    assert [sentence.kind for sentence in reader.feed(RMC)] == ["RMC"]
    assert reader.feed(b"$GPGGA,123520,4807.038,N,01131.000,E\r\n") == []
    assert reader.close() == []
    assert reader.counts.unchecked == 2


def test_other_talkers_may_have_no_checksum_beside_a_receiver_that_has() -> None:
    reader = SentenceReader()
    assert len(reader.feed(RMC + b"$IIDBT,,f,22.5,M,,F\r\n$IIDBT,,f,22.6,M,,F\r\n")) == 3


def test_nul_bytes_in_a_sentence_with_a_checksum_do_no_harm() -> None:
    assert SentenceReader().feed(RMC.replace(b",", b"\x00,")) == SentenceReader().feed(RMC)


def test_ais_inside_a_sentence_does_not_make_it_another_sentence() -> None:
    ais = b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24"
    assert SentenceReader().feed(b"$GPGSA,A,3,17,28,06,01,30,20,26,13,,,,,1" + ais + b"\r\n") == []


def tagged(tag: bytes, sentence: bytes) -> bytes:
    return b"\\%s*%02X\\%s" % (tag, checksum_of(tag), sentence)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_tag_block_names_the_source(size: int) -> None:
    stream = tagged(b"g:1-2-9,s:mast,c:1", RMC) + RMC + tagged(b"c:1", RMC) + b"\\s:mast*00\\" + RMC
    reader = SentenceReader()
    found = [sentence for at in range(0, len(stream), size) for sentence in reader.feed(stream[at : at + size])]
    assert [sentence.source for sentence in found] == ["mast", None, None, None]


def test_the_half_of_a_sentence_before_a_whole_one_does_no_harm() -> None:
    assert len(SentenceReader().feed(b"$GPGGA,1235" + RMC + b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24\r\n" + RMC)) == 2


def test_an_endless_line_takes_no_memory() -> None:
    reader = SentenceReader()
    for _ in range(100):
        assert reader.feed(b"$" + b"A" * 10_000) == []
        assert len(reader._rest) <= LIMIT
    assert len(reader.feed(RMC)) == 1


@given(
    bodies=st.lists(BODY, max_size=12), sizes=st.lists(st.integers(1, 40), min_size=1), garbage=st.lists(GARBAGE, min_size=13)
)
def test_garbage_between_sentences_and_chunks_of_any_size_lose_none(bodies, sizes, garbage) -> None:
    stream = b"".join(noise + framed(body) for noise, body in zip(garbage, bodies, strict=False))
    reader, found, at, turn = SentenceReader(), [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        found += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert [f"{each.talker}{each.kind}," + ",".join(each.fields) for each in found] == bodies


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_make_it_fail_or_grow(chunks: list[bytes]) -> None:
    reader = SentenceReader()
    for chunk in chunks:
        reader.feed(chunk)
        assert len(reader._rest) <= LIMIT
    reader.close()
