"""Framing, labels and repeats of scanners, without a port."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import gs1
from edge_agent.scanner.framing import Fault, Frame, Frames
from edge_agent.scanner.label import Labels
from edge_agent.scanner.repeats import Repeats
from plumbline.event import Scan
from plumbline.profile import Framing

FRAMINGS = st.builds(
    Framing,
    prefix=st.sampled_from(["", "\x02", "##", "A"]),
    suffix=st.sampled_from(["\r\n", "\r", "\x03", "\r\r\n", "END"]),
    max_bytes=st.integers(16, 40),
)
STREAMS = st.lists(st.sampled_from([b"A", b"#", b"\r", b"\n", b"\x02", b"\x03", b"END", b"E", b"1234567890", b"\x00\xff"])).map(
    b"".join
)


def cut(framing: Framing, chunks: list[bytes]) -> list[Frame | Fault]:
    frames = Frames(framing)
    return [item for chunk in chunks for item in frames.feed(chunk)]


@given(FRAMINGS, STREAMS, st.data())
def test_what_is_found_does_not_depend_on_how_the_bytes_were_cut(framing, stream, data):
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert cut(framing, chunks) == cut(framing, [stream])
    assert cut(framing, [bytes([byte]) for byte in stream]) == cut(framing, [stream])


@given(st.sampled_from(["", "\x02"]), st.lists(st.text("ABC123]~\x1d", min_size=1, max_size=16)), st.data())
def test_every_label_that_was_sent_comes_out_once_and_in_order(prefix, labels, data):
    framing = Framing(prefix=prefix, suffix="\r\n", max_bytes=16)
    stream = b"".join(f"{prefix}{label}\r\n".encode("ascii") for label in labels)
    size = data.draw(st.integers(1, 50))
    found = cut(framing, [stream[i : i + size] for i in range(0, len(stream), size)])
    assert found == [Frame(label.encode("ascii")) for label in labels]


@given(FRAMINGS, st.lists(st.binary(max_size=100), max_size=50))
def test_memory_stays_bounded_whatever_comes(framing, chunks):
    frames = Frames(framing)
    for chunk in chunks:
        for item in frames.feed(chunk):
            assert isinstance(item, Fault) or 0 < len(item.content) <= framing.max_bytes
        assert len(frames._buffer) <= framing.max_bytes + len(framing.prefix) + len(framing.suffix)


def test_an_overlong_label_is_dropped_up_to_the_next_suffix_and_reported_once():
    found = cut(Framing(max_bytes=16), [b"x" * 1000, b"y" * 1000 + b"\r", b"\nGOOD\r\n"])
    assert [type(item) for item in found] == [Fault, Frame]
    assert "more than 16 bytes" in found[0].what
    assert found[1] == Frame(b"GOOD")


def test_a_label_of_exactly_the_limit_is_read():
    assert cut(Framing(max_bytes=16), [b"x" * 16, b"\r\n"]) == [Frame(b"x" * 16)]


def test_what_precedes_the_prefix_is_dropped_and_reported():
    found = cut(Framing(prefix="\x02", suffix="\x03"), [b"half\x02LAB\x02LABEL\x03no prefix\x03\x02NEXT\x03"])
    assert [item.content for item in found if isinstance(item, Frame)] == [b"LABEL", b"NEXT"]
    assert "half" in found[0].what
    assert "without the prefix" in found[2].what


def test_a_printable_prefix_may_occur_in_the_label_again():
    assert cut(Framing(prefix="A"), [b"ABCABC\r\n"]) == [Frame(b"BCABC")]


def test_silence_ends_a_label_without_suffix_and_drops_one_that_lacks_it():
    frames = Frames(Framing(suffix=""))
    assert list(frames.feed(b"LAB")) == []
    assert frames.unfinished
    assert list(frames.silence()) == [Frame(b"LAB")]
    frames = Frames(Framing())
    assert list(frames.feed(b"LAB\r")) == []
    [fault] = frames.silence()
    assert isinstance(fault, Fault)
    assert "'LAB\\r'" in fault.what
    assert list(frames.feed(b"EL\r\n")) == [Frame(b"EL")]


def test_empty_lines_are_no_labels():
    assert cut(Framing(), [b"\r\n\r\nA\r\n\r\n"]) == [Frame(b"A")]


def scan_of(content: bytes, **framing) -> tuple[Scan, list[str]]:
    scan, faults = Labels(Framing(**framing)).read(content)
    return scan.keywords, faults


def test_the_identifier_is_taken_off_and_names_the_format():
    scan, faults = scan_of(b"]Q1PL1:PO-2041/10/3", symbology_identifier=True)
    assert (scan["raw"], scan["text"]) == (b"PL1:PO-2041/10/3", "PL1:PO-2041/10/3")
    assert (scan["symbology"], scan["format"], scan["gs1"]) == ("]Q1", "QRCode", None)
    assert faults == []


def test_a_missing_identifier_is_reported_and_the_label_kept():
    scan, faults = scan_of(b"PL1:A/1", symbology_identifier=True)
    assert (scan["text"], scan["symbology"]) == ("PL1:A/1", None)
    assert "symbology identifier" in faults[0]


GTIN, SSCC = "09506000134352", "095060001343520005"


@pytest.mark.parametrize(
    ("content", "identifier", "expected"),
    [
        (f"]C101{GTIN}10LOT7\x1d21A1", True, (("01", GTIN), ("10", "LOT7"), ("21", "A1"))),
        (f"]C100{SSCC[:17]}" + gs1.check_digit(SSCC[:17]), True, (("00", SSCC[:17] + gs1.check_digit(SSCC[:17])),)),
        ("]E09506000134352", True, (("01", GTIN),)),
        ("]Q1https://id.gs1.org/01/09506000134352/10/LOT7", True, (("01", GTIN), ("10", "LOT7"))),
        ("]Q1PL1:PO-2041/10/3", True, None),
        ("]A010LOT7", True, None),
        (f"01{GTIN}10LOT7", False, (("01", GTIN), ("10", "LOT7"))),
        ("9506000134352", False, (("01", GTIN),)),
        ("10LOT7", False, None),
        ("https://example.com/", False, None),
    ],
)
def test_gs1_is_read_where_the_symbol_or_its_check_digit_says_so(content, identifier, expected):
    scan, faults = scan_of(content.encode(), symbology_identifier=identifier)
    assert scan["gs1"] == expected
    assert faults == []


def test_a_label_that_breaks_the_gs1_rules_is_a_scan_all_the_same():
    scan, [fault] = scan_of(b"]C10109506000134353", symbology_identifier=True)
    assert (scan["text"], scan["gs1"]) == ("0109506000134353", None)
    assert "GS1 rules" in fault


@given(st.binary(min_size=1, max_size=8192), st.booleans(), st.sampled_from(["\x1d", "~", "", "{GS}"]))
def test_any_bytes_become_a_scan_that_keeps_them(content, identifier, separator):
    scan, _ = scan_of(content, symbology_identifier=identifier, group_separator=separator)
    assert content.endswith(scan["raw"])
    assert len(content) - len(scan["raw"]) in {0, 3}


@pytest.mark.parametrize(
    ("framing", "content", "symbology", "format_", "text"),
    [
        ({"code_id": "honeywell"}, b"jABC", "]C0", "Code128", "ABC"),
        ({"code_id": "honeywell"}, b"wABC", None, "DataMatrix", "ABC"),
        ({"code_id": "zebra"}, b"P0QABC", "]Q3", "QRCode", "ABC"),
        ({"code_id": "zebra"}, b"D00ABC", "]C0", "Code128", "00ABC"),
        ({"code_id": "datalogic-us"}, b"FFABC", None, "EAN/UPC", "ABC"),
        ({"code_ids": {"$$": "]L"}}, b"$$ABC", None, "PDF417", "ABC"),
    ],
)
def test_the_makers_code_ids_name_the_format(framing, content, symbology, format_, text):
    scan, _ = scan_of(content, **framing)
    assert (scan["symbology"], scan["format"], scan["text"]) == (symbology, format_, text)
    assert content.endswith(scan["raw"])


def test_a_scanner_that_swaps_case_and_characters_is_mended_before_anything_is_read():
    scan, faults = scan_of(b"?c1010950600013435210lot7~21a1", symbology_identifier=True, group_separator="~",
                           swapped_case=True, characters={"?": "]"})  # fmt: skip
    assert (scan["symbology"], scan["gs1"]) == ("]C1", (("01", GTIN), ("10", "LOT7"), ("21", "A1")))
    assert faults == []
    assert scan["raw"] == b"010950600013435210lot7~21a1"


def test_the_scanners_own_separator_means_itself_in_a_label_that_is_not_gs1():
    scan, _ = scan_of(b"PL1:A~B", group_separator="~")
    assert scan["text"] == "PL1:A~B"


def test_a_scanner_is_trusted_with_separators_once_it_has_sent_one():
    labels = Labels(Framing(symbology_identifier=True))
    joined = b"]C1010950600013435210LOT21A1"
    scan, [fault] = labels.read(joined)
    assert scan.keywords["gs1"] is None
    assert len(scan.keywords["candidates"]) == 2
    assert "2 ways" in fault
    labels.read(b"]C1010950600013435210LOT\x1d21A1")
    scan, faults = labels.read(joined)
    assert scan.keywords["gs1"] == (("01", GTIN), ("10", "LOT21A1"))
    assert faults == []


def test_a_scanner_that_drops_separators_is_never_trusted_with_them():
    labels = Labels(Framing(symbology_identifier=True, group_separator=""))
    labels.read(b"]C1010950600013435210LOT\x1d21A1")
    scan, _ = labels.read(b"]C1010950600013435210LOT21A1")
    assert scan.keywords["gs1"] is None
    assert len(scan.keywords["candidates"]) == 2


def test_chinese_labels_are_read_in_the_encoding_of_the_scanner():
    assert scan_of("钢筋".encode("gb18030"), encoding="gb18030")[0]["text"] == "钢筋"
    assert scan_of("钢筋".encode())[0]["text"] == "钢筋"
    assert scan_of(b"\xe9t\xe9")[0]["text"] == "été"


def test_an_unknown_scanners_label_ends_with_cr_lf_tab_or_silence():
    frames = Frames(Framing(), loose=True)
    assert [item.content for item in frames.feed(b"A\rB\r\nC\tD")] == [b"A", b"B", b"C"]
    assert list(frames.silence()) == [Frame(b"D")]


def test_within_the_window_a_code_is_one_scan_and_each_look_starts_it_anew():
    repeats = Repeats(5.0)
    assert [repeats.seen(b"A", at) for at in (0.0, 4.0, 8.0, 13.5)] == [False, True, True, False]
    assert not repeats.seen(b"B", 13.6)
    assert repeats.seen(b"A", 13.7)


def test_without_a_window_every_reading_is_a_scan():
    repeats = Repeats(0.0)
    assert not any(repeats.seen(b"A", 1.0) for _ in range(3))


@given(st.lists(st.tuples(st.binary(max_size=2), st.floats(0, 10))))
def test_remembered_codes_are_bounded(steps):
    repeats, now = Repeats(1.0), 0.0
    for code, step in steps * 20:
        now += step
        repeats.seen(code, now)
        assert len(repeats._seen) <= 1024
