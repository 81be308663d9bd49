"""From a scan to its element strings, for every reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.gs1 import ScanContent, Separators, read_scan

GTIN = "09506000134352"


def test_a_gs1_symbol_gives_its_elements() -> None:
    text = f"01{GTIN}10LOT7\x1d21A1"
    assert read_scan(text.encode(), text, "]C1").gs1 == (("01", GTIN), ("10", "LOT7"), ("21", "A1"))


@pytest.mark.parametrize("separators", ["kept", "lost", "unknown"])
@pytest.mark.parametrize("symbology", ["]C1", "]d2", "]Q3", None])
def test_fnc1_in_first_position_may_be_sent_besides_the_identifier(separators: Separators, symbology: str | None) -> None:
    text = f"\x1d01{GTIN}10LOT7\x1d21A1"
    content = read_scan(text.encode(), text, symbology, separators=separators)
    assert content.gs1 == (("01", GTIN), ("10", "LOT7"), ("21", "A1"))
    assert content.text == text


def test_a_plain_retail_code_is_a_gtin() -> None:
    assert read_scan(b"4006381333931", "4006381333931", "]E0").gs1 == (("01", "04006381333931"),)


def test_a_label_of_the_sites_own_is_not_gs1() -> None:
    assert read_scan(b"PL1:PO-2041/10/3", "PL1:PO-2041/10/3", "]Q1").gs1 is None
    assert read_scan(b"10LOT", "10LOT").gs1 is None


def test_a_broken_gs1_symbol_says_what_broke() -> None:
    content = read_scan(b"0109506000134353", "0109506000134353", "]C1")
    assert content.gs1 is None
    assert content.fault == "a label breaks the GS1 rules: AI (01): the check digit is 3, and should be 2"


AMBIGUOUS = f"01{GTIN}10ABC17251231"
LONG = (("01", GTIN), ("10", "ABC17251231"))
PARTED = (("01", GTIN), ("10", "ABC"), ("17", "251231"))


class Expects:
    def knows(self, ai: str, value: str) -> bool:
        return (ai, value) == ("10", "ABC")


@pytest.mark.parametrize("separators", ["lost", "unknown"])
@pytest.mark.parametrize("symbology", ["]C1", "]d2", "]Q3", "]e0", "]J1", None])
def test_a_scan_that_may_have_lost_a_separator_is_ambiguous(separators: Separators, symbology: str | None) -> None:
    content = read_scan(AMBIGUOUS.encode(), AMBIGUOUS, symbology, separators=separators)
    assert content.gs1 is None
    assert content.candidates is not None
    assert content.candidates[:2] == (PARTED, LONG)
    assert not content.repaired


def test_a_scanner_that_keeps_separators_is_trusted() -> None:
    assert read_scan(AMBIGUOUS.encode(), AMBIGUOUS, "]C1", separators="kept").gs1 == LONG


def test_a_separator_within_the_text_shows_that_none_is_lost() -> None:
    text = f"{AMBIGUOUS}\x1d21A2199"
    assert read_scan(text.encode(), text, "]C1").gs1 == (*LONG, ("21", "A2199"))
    text = f"{AMBIGUOUS}\x1d"
    assert read_scan(text.encode(), text, "]C1").candidates is not None


def test_what_is_expected_repairs_a_scan() -> None:
    content = read_scan(AMBIGUOUS.encode(), AMBIGUOUS, "]C1", expected=Expects())
    assert (content.gs1, content.repaired, content.candidates) == (PARTED, True, None)


def test_a_label_without_lost_separators_is_not_called_repaired() -> None:
    content = read_scan(b"", f"01{GTIN}10LOT42", "]C1", separators="lost")
    assert (content.gs1, content.repaired) == ((("01", GTIN), ("10", "LOT42")), False)


def test_a_replaced_separator_is_repaired() -> None:
    content = read_scan(b"", f"01{GTIN}10ABC{{GS}}17251231", None)
    assert (content.gs1, content.repaired) == (PARTED, True)


def test_a_link_and_a_composite_lose_nothing() -> None:
    assert read_scan(b"", f"https://example.com/01/{GTIN}/10/A21B", "]Q1").gs1 == (("01", GTIN), ("10", "A21B"))
    assert read_scan(b"", "https://example.com/news", "]Q1") == ScanContent(text="https://example.com/news")


def test_bytes_are_read_where_there_is_no_text() -> None:
    assert read_scan(f"01{GTIN}".encode(), "", "]d2").gs1 == (("01", GTIN),)


def test_an_own_code_that_could_be_parted_is_no_gs1() -> None:
    for text in ("10-4", "2199-X", "PL1:A/2", "99A99B"):
        assert read_scan(text.encode(), text) == ScanContent(text=text)


def test_a_broken_key_without_identifier_is_said_to_be_broken() -> None:
    content = read_scan(b"", "0109506000134353")
    assert content.gs1 is None
    assert content.fault == "a label breaks the GS1 rules: AI (01): the check digit is 3, and should be 2"


def test_too_many_readings_are_a_fault_and_no_reading() -> None:
    content = read_scan(b"", "9" * 500, "]C1")
    assert (content.gs1, content.candidates) == (None, None)
    assert content.fault is not None
    assert "too many readings" in content.fault


@given(st.text(max_size=80), st.sampled_from(["]C1", "]E0", "]Q1", "]e0", None]), st.sampled_from(["kept", "lost", "unknown"]))
def test_no_text_makes_it_fail(text: str, symbology: str | None, separators: Separators) -> None:
    content = read_scan(text.encode(), text, symbology, separators=separators)
    assert content.gs1 is None or content.candidates is None


def test_a_scan_with_a_separator_says_that_this_scanner_sends_them() -> None:
    text = f"01{GTIN}10LOT\x1d21A1"
    assert read_scan(text.encode(), text, "]C1").separated
    for other in (f"01{GTIN}", f"01{GTIN}10LOT\x1d", f"01{GTIN}10LOT|21A1"):
        assert not read_scan(other.encode(), other, "]C1").separated
