"""From a scan to its element strings, for every reader."""

from edge_agent.gs1 import read_scan

GTIN = "09506000134352"


def test_a_gs1_symbol_gives_its_elements() -> None:
    text = f"01{GTIN}10LOT7\x1d21A1"
    assert read_scan(text.encode(), text, "]C1").gs1 == (("01", GTIN), ("10", "LOT7"), ("21", "A1"))


def test_a_plain_retail_code_is_a_gtin() -> None:
    assert read_scan(b"4006381333931", "4006381333931", "]E0").gs1 == (("01", "04006381333931"),)


def test_a_label_of_the_sites_own_is_not_gs1() -> None:
    assert read_scan(b"PL1:PO-2041/10/3", "PL1:PO-2041/10/3", "]Q1").gs1 is None
    assert read_scan(b"10LOT", "10LOT").gs1 is None


def test_a_broken_gs1_symbol_says_what_broke() -> None:
    content = read_scan(b"0109506000134353", "0109506000134353", "]C1")
    assert content.gs1 is None
    assert content.fault == "a label breaks the GS1 rules: AI (01): the check digit is 3, not 2"
