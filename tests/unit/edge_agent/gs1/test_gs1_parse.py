"""Reading GS1 data in each of its forms."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.gs1 import Gs1Error, check_digit, check_pair, identifiers, normalise_gtin, parse
from edge_agent.gs1.charsets import CSET_82
from edge_agent.gs1.elements import MAX_ELEMENTS
from plumbline.errors import PlumblineError

GTIN = "09521234543213"
GS = "\x1d"
EXPECTED = (("01", GTIN), ("10", "LOT-7"), ("17", "261231"))


@pytest.mark.parametrize(
    "text",
    [
        f"]C101{GTIN}10LOT-7{GS}17261231",
        f"]d201{GTIN}10LOT-7{GS}17261231",
        f"]Q301{GTIN}10LOT-7{GS}17261231{GS}",
        f"]e001{GTIN}10LOT-7{GS}17261231",
        f"]J101{GTIN}10LOT-7{GS}17261231",
        f"{GS}01{GTIN}10LOT-7{GS}17261231",
        f"^01{GTIN}10LOT-7^17261231",
        f"^01{GTIN}^10LOT-7^17261231",
        f"01{GTIN}10LOT-7{GS}17261231",
        f"(01){GTIN}(10)LOT-7(17)261231",
        f"https://example.com/01/{GTIN}/10/LOT-7?17=261231",
        f"HTTP://id.gs1.org/some/stem/01/{GTIN}/10/LOT%2D7?linkType=all&17=261231#top",
        f"]Q1https://example.com/01/{GTIN}/10/LOT-7?17=261231",
        f"^01{GTIN}10LOT-7|^17261231",
        f"]C101{GTIN}{GS}10LOT-7{GS}{GS}17261231{GS}{GS}",
    ],
)
def test_one_label_reads_the_same_in_every_form(text: str) -> None:
    read = parse(text)
    assert read.elements == EXPECTED
    assert (read.gtin, read.get("10"), read.sscc) == (GTIN, "LOT-7", None)
    assert parse(text.encode()).elements == EXPECTED


def test_the_symbology_may_be_given_beside_the_text() -> None:
    assert parse(f"01{GTIN}", symbology="]C1") == parse(f"]C101{GTIN}") == parse(f"]C101{GTIN}", symbology="]C1")


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("]E04006381333931", "04006381333931"),
        ("]E496385074", "00000096385074"),
        ("]I119521234543210", "19521234543210"),
        ("4006381333931", "04006381333931"),
        ("614141000036", "00614141000036"),
    ],
)
def test_a_symbol_with_a_key_alone_gives_its_gtin(text: str, gtin: str) -> None:
    read = parse(text)
    assert (read.form, read.elements, read.gtin) == ("plain", (), gtin)


def test_a_composite_component_belongs_to_the_key_below_it() -> None:
    read = parse(f"]E04006381333931|]e010LOT{GS}99X", requisites=True)
    assert (read.gtin, read.elements) == ("04006381333931", (("10", "LOT"), ("99", "X")))


@pytest.mark.parametrize("text", ["]Q1hello", "]d1", "ftp://example.com/01/x"])
def test_text_that_is_not_the_concern_of_gs1_has_no_elements(text: str) -> None:
    assert (parse(text).form, parse(text).elements) == ("plain", ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("]C1", r"the symbol \(]C1\) is empty"),
        ("]C001", "']C0' is not the symbology identifier"),
        (f"]C101{GTIN[:-1]}4", r"AI \(01\): the check digit is 4, and should be 3"),
        ("]C1010952123454", r"AI \(01\): the value is too short: 14 characters expected"),
        ("]C110ABCDEFGHIJKLMNOPQRSTU", r"AI \(10\): the value has 21 characters, 20 at most"),
        ("]C110A~B", r"AI \(10\): the character '~' is not of character set 82"),
        ("]C117261331", r"AI \(17\): the date has no month 13"),
        ("]C117260231", r"AI \(17\): the date has no day 31 in month 02"),
        ("]C18299X", "'8299' .* begins no known application identifier"),
        ("(1A)X", r"\(1A\) is no application identifier"),
        ("(10", "no application identifier in brackets"),
        ("01)09521234543213", "looks like bracketed text"),
        (f"(01){GTIN}(02){GTIN}", r"AI \(0[12]\) and AI \(0[12]\) exclude each other"),
        ("(10)A(10)B", r"AI \(10\) stands twice with different values, 'A' and 'B'"),
        ("(8003)01234567890128(8030)ABC", r"AI \(8003\) must have its serial component"),
        (f"https://example.com/01/{GTIN}?10=A", r"AI \(10\) qualifies AI \(01\): it belongs in the path"),
        (f"https://example.com/01/{GTIN}?21=A&21=A", r"AI \(21\) "),
        (f"https://example.com/01/{GTIN}/99/A", r"AI \(01\) cannot be qualified by \(99\)"),
        (f"https://example.com/01/{GTIN}?89=A", r"\(89\) is no application identifier"),
        (f"https://exa@mple.com/01/{GTIN}", "'exa@mple.com' is no domain"),
        (f"https://example.com/01/{GTIN}<", "may not hold the character '<'"),
        ("https://example.com", "needs a domain and a path"),
        ("https://id.gs1.org/DBFb8bfbKGDgwwBg9g4A", "if it is a compressed one, resolve it first"),
        ("https://id.gs1.org/01/614141123452", r"AI \(01\): the value is too short"),
        ("]E0400638133393", "holds 13 digits, found 12|no GTIN"),
        ("^" + "99X^" * (MAX_ELEMENTS + 1), "more than 64 element strings"),
        ("]C1" + "9" * 9000, "no symbol holds more than"),
    ],
)
def test_invalid_data_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Gs1Error, match=reason) as error:
        parse(text)
    assert isinstance(error.value, PlumblineError)


def test_a_lone_batch_is_read_unless_requisites_are_asked_for() -> None:
    assert parse("(10)LOT").elements == (("10", "LOT"),)
    with pytest.raises(Gs1Error, match=r"AI \(10\) is not alone: it needs \(01\) or \(02\)"):
        parse("(10)LOT", requisites=True)
    assert parse(f"(01){GTIN}(10)LOT", requisites=True).get("10") == "LOT"


def test_what_is_not_known_or_not_whole_can_be_permitted() -> None:
    assert parse("(89)X", permit_unknown_ais=True).elements == (("89", "X"),)
    assert parse("https://x.com/01/614141123452", permit_zero_suppressed_gtin=True).gtin == "00614141123452"


def test_brackets_within_a_value_are_escaped_with_a_backslash() -> None:
    assert parse(r"(10)A\(B)").elements == (("10", "A(B)"),)


def test_the_character_for_fnc1_can_be_another_or_none() -> None:
    assert parse(f"#01{GTIN}10A#99B", fnc1="#").get("99") == "B"
    with pytest.raises(Gs1Error):
        parse(f"^01{GTIN}", fnc1="")


def test_the_table_is_whole() -> None:
    table = identifiers()
    assert len(table) == 541
    assert (table["00"].title, table["3105"].title, table["10"].separated) == ("SSCC", "NET WEIGHT (kg)", True)
    assert table["01"].qualifiers == (("22", "10", "21"), ("235",))


@pytest.mark.parametrize(
    ("payload", "digit"), [("0952123454321", "3"), ("400638133393", "1"), ("00", "0"), ("35708130046984695", "0")]
)
def test_check_digits_are_those_of_gs1(payload: str, digit: str) -> None:
    assert check_digit(payload) == digit


def test_check_pairs_are_those_of_gs1() -> None:
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"


@pytest.mark.parametrize("text", ["", "123", "96385075", "9638507X", "٤٠٠٦٣٨١٣٣٣٩٣١"])
def test_what_is_no_gtin_is_refused(text: str) -> None:
    with pytest.raises(Gs1Error, match="is no GTIN"):
        normalise_gtin(text)


@given(
    st.sampled_from(["", "]C1", "]d1", "]E0", "^", "(", "(01)", "https://", "https://a/01/", "]Q3https://a/"]),
    st.text(max_size=120),
)
def test_no_text_makes_it_fail_in_another_way(start: str, text: str) -> None:
    for requisites in (False, True):
        with suppress(Gs1Error):
            read = parse(start + text, requisites=requisites, permit_unknown_ais=requisites)
            assert all(ai.isdigit() and value for ai, value in read.elements)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    with suppress(Gs1Error):
        parse(data)


VALUE = st.text(CSET_82, min_size=1, max_size=20)


@given(
    st.lists(
        st.tuples(st.sampled_from(["10", "21", "240", "91", "99"]), VALUE),
        min_size=1,
        max_size=5,
        unique_by=lambda pair: pair[0],
    )
)
def test_element_strings_read_back_from_every_form(elements: list[tuple[str, str]]) -> None:
    raw = GS.join(ai + value for ai, value in elements)
    brackets = "".join(f"({ai})" + value.replace("(", "\\(") for ai, value in elements)
    assert parse("]C1" + raw).elements == tuple(elements)
    assert parse(GS + raw, fnc1="").elements == tuple(elements) or "|" in raw
    assert parse(brackets).elements == tuple(elements)


@given(st.text("0123456789", min_size=1, max_size=60))
def test_one_wrong_digit_is_always_noticed(payload: str) -> None:
    right = check_digit(payload)
    for position in range(len(payload)):
        changed = payload[:position] + str((int(payload[position]) + 1) % 10) + payload[position + 1 :]
        assert check_digit(changed) != right
