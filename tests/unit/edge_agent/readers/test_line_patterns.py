"""Patterns, lines and checksums of line devices. Pure."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.readers.line.checks import crc16_modbus, crc16_xmodem
from edge_agent.readers.line.counter import Total, step
from edge_agent.readers.line.framing import Fault, Line, Lines
from edge_agent.readers.line.pattern import Pattern, PatternError
from plumbline.profile import LineCheck, LineCounter, LineShape


def shape(**keys) -> LineShape:
    return LineShape(patterns=("x",), **keys)


def pattern(text: str, **keys) -> Pattern:
    return Pattern(text, shape(**keys))


@pytest.mark.parametrize(
    ("text", "line", "numbers", "units", "words"),
    [
        ("{w} kg {s:word}", "  +12.5kg  ST ", {"w": 12.5}, {}, {"s": "ST"}),
        ("{w}{w:unit}", "- 0.5 kg", {"w": -0.5}, {"w": "kg"}, {}),
        ("{w:sign}{w} kg", "-  7 kg", {"w": -7}, {}, {}),
        ("{w:sign},{w}kg", "-,00012.50kg", {"w": -12.5}, {}, {}),
        ("{a},{b:text},{c:word}", "1,two words, three", {"a": 1}, {}, {"b": "two words", "c": "three"}),
        ("{s:ST|STX}{w}", "STX1", {"w": 1}, {}, {"s": "STX"}),
        ("{a:number(3)}{b:number(3)}", "001 22", {"a": 1, "b": 22}, {}, {}),
        ("{a:number(6)}{b:number(4)}", "   1.5 2.5", {"a": 1.5, "b": 2.5}, {}, {}),
        ("{a:number(6)}{}", "    15 2500", {"a": 15}, {}, {}),
        ("{a:number(6)}", "-   15", {"a": -15}, {}, {}),
        ("{{{a}}} {}", "{5} whatever , it is", {"a": 5}, {}, {}),
        ("{s:word}{w}", "ST12", {"w": 12}, {}, {"s": "ST"}),
        ("Q={q}{q:unit};", "Q=1.5e3m3/h;", {"q": 1500}, {"q": "m3/h"}, {}),
        ("{t}{t:unit},{:word}", "21.5°C,ok", {"t": 21.5}, {"t": "°C"}, {}),
        ("{a:text}", "", {}, {}, {"a": ""}),
        ("[{a}]", "[.5]", {"a": 0.5}, {}, {}),
        ("{a} kg", "\u22123 kg", {"a": -3}, {}, {}),
    ],
)
def test_what_fits(text, line, numbers, units, words) -> None:
    match = pattern(text).match(line)
    assert match is not None
    named = {name: value for name, value in match.words.items() if name}
    assert (match.numbers, match.units, named) == (numbers, units, words)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{w} kg", "12,5 kg"),
        ("{w} kg", "kg"),
        ("{w} kg", "1.2.3 kg"),
        ("{w} kg", "12 kg x"),
        ("{w} kg", "١٢ kgx"),
        ("{w}{w:unit}", "12.5"),
        ("{w:number(3)}", "a12"),
        ("{w:number(3)}", "1_2"),
        ("{w:number(3)}", "1 2"),
        ("{w:number(3)}", "nan"),
        ("{s:A|B}", "C"),
        ("W{w}", "12"),
    ],
)
def test_what_does_not_fit(text: str, line: str) -> None:
    assert pattern(text).match(line) is None


@pytest.mark.parametrize(
    ("decimal", "thousands", "line", "value"),
    [
        (",", ".", "1.234.567,5", 1234567.5),
        (".", ",", "1,234", 1234.0),
        (".", ",", "1234.5", 1234.5),
        (",", " ", "1 234,5", 1234.5),
        (".", "'", "1'234'567", 1234567.0),
        (",", ".", "12,5", 12.5),
        (".", ",", "12,34", None),
        (",", ".", "1.2345", None),
    ],
)
def test_decimal_marks_and_thousands(decimal, thousands, line, value) -> None:
    match = pattern("{w}", decimal=decimal, thousands=thousands).match(line)
    assert (None if match is None else match.numbers["w"]) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a:nummer}", "there is no kind 'nummer'"),
        ("{a b}", "is no place"),
        ("{a", "a single '{'"),
        ("a}", "a single '}'"),
        ("{a}{a}", "'a' stands twice"),
        ("{a:unit}", "has a unit but no number"),
        ("{a:word}{b:word}", "nothing tells where {a} ends"),
        ("{a:text} {b}", "ends at a character"),
        ("{a:A||B}", "empty word"),
        ("{a:word(0)}", "0 characters wide"),
    ],
)
def test_patterns_that_cannot_be_understood(text: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        pattern(text)


PIECES = ["{a}", "{b:word}", "{c:text}", "{}", " ", ",", "kg", "{a:unit}", "{a:sign}", "{d:number(4)}", "{e:A|BB}", "{:word}"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join), st.text(max_size=200))
def test_no_pattern_and_no_line_make_it_fail(text: str, line: str) -> None:
    try:
        compiled = pattern(text)
    except PatternError:
        return
    compiled.match(line)


def test_the_longest_line_against_the_most_greedy_pattern_takes_no_time() -> None:
    compiled = pattern("{:word} {a}" + ",{:word} {:word}" * 10 + " {:text};{:text}!")
    begun = time.process_time()
    for line in ("a " * 512, "1" * 1024, " " * 1024, "a 1" + ",a" * 500, "-" * 1024):
        compiled.match(line)
    assert time.process_time() - begun < 1  # an exponential matcher would take years


def contents(found) -> list[bytes | str]:
    return [each.content if isinstance(each, Line) else each.kind for each in found]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_any_line_end_will_do_where_none_is_declared(end: bytes) -> None:
    assert contents(Lines(shape()).feed(b"1 kg" + end + b"2 kg" + end)) == [b"1 kg", b"2 kg"]


CHECK = {"method": "sum8", "written": "hex"}


@pytest.mark.parametrize(
    ("keys", "sent", "expected"),
    [
        ({"end": "\x03", "start": "\x02"}, b"x\x02a\x03\r\n\x02b\x03", ["start", b"a", b"b"]),
        ({"end": "\x03", "start": "\x02"}, b"\x02half\x02whole\x03", ["cut", b"whole"]),
        ({"end": ";"}, b"a;b;c", [b"a", b"b"]),
        ({"check": LineCheck(method="xor", after="*")}, b"AB*03\r\nAB*04\r\n", [b"AB", "check"]),
        ({"check": LineCheck(method="sum8")}, b"AB83\r\nAB8\r\n\r\n", [b"AB", "check"]),
        ({"check": LineCheck(method="sum8_negated")}, b"AB7D\n", [b"AB"]),
        ({"check": LineCheck(method="crc16_modbus", order="little")}, b"123456789374B\n", [b"123456789"]),
        (
            {"check": LineCheck(method="crc16_xmodem", written="bytes", stands="after_end")},
            b"123456789\r\x31\xc3",
            [b"123456789"],
        ),
        ({"max_bytes": 8}, b"123456789\r\nok\r\n", ["long", b"ok"]),
    ],
)
def test_marks_and_checksums(keys, sent: bytes, expected) -> None:
    assert contents(Lines(shape(**keys)).feed(sent)) == expected


def test_a_check_byte_may_look_like_a_mark() -> None:
    check = LineCheck(method="xor", written="bytes", stands="after_end")
    frames = b"\x02AC\x03" + bytes([0x02]) + b"\x02AB\x03" + bytes([0x03]) + b"\x02AL\x03" + bytes([0x0D])
    assert contents(Lines(shape(start="\x02", end="\x03", check=check)).feed(frames)) == [b"AC", b"AB", b"AL"]


def test_the_checksums_are_the_published_ones() -> None:
    assert (crc16_modbus(b"123456789"), crc16_xmodem(b"123456789")) == (0x4B37, 0x31C3)


def test_a_line_that_does_not_go_on_is_dropped_and_told() -> None:
    lines = Lines(shape())
    assert list(lines.feed(b"12")) == []
    assert lines.unfinished
    assert contents(lines.silence()) == ["cut"]
    assert contents(lines.feed(b"5.0 kg\r\n")) == [b"5.0 kg"]


@given(
    st.lists(st.binary(max_size=60), max_size=20),
    st.sampled_from([{}, {"start": "\x02", "end": "\x03"}, {"end": "\r\n", "check": LineCheck(method="xor")}, {"start": "$"}]),
)
def test_no_bytes_make_it_fail_or_grow_and_cuts_do_not_matter(chunks: list[bytes], keys) -> None:
    pieces, whole = Lines(shape(max_bytes=32, **keys)), Lines(shape(max_bytes=32, **keys))
    found: list[Line | Fault] = []
    for chunk in chunks:
        for at in range(len(chunk)):
            found += pieces.feed(chunk[at : at + 1])
            assert len(pieces._buffer) <= 64
    lines = [each for each in found if isinstance(each, Line)]
    assert [each for each in whole.feed(b"".join(chunks)) if isinstance(each, Line)] == lines


def test_a_counter_that_goes_round_and_one_that_is_reset() -> None:
    def totals(counter: LineCounter, *values: float) -> list[float | None]:
        total = Total()
        return [step(total, counter, value).total for value in values]

    assert totals(LineCounter(wraps_at=1000), 990, 5, 6) == [990, 1005, 1006]
    assert totals(LineCounter(), 50, 3, 4, 5) == [50, None, 54, 55]
    assert totals(LineCounter(), 50, 3, 51) == [50, None, 51]
    assert totals(LineCounter(wraps_at=1000), 500, 5, 5) == [500, None, 505]
