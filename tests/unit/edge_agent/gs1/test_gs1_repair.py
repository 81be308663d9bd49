"""Lost and replaced separators: repaired where one reading alone is right, ambiguous where several are, never a misparse."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.gs1 import Ambiguous, Gs1Error, Repaired, check_digit, identifiers, parse, repair
from edge_agent.gs1.charsets import CHARACTERS, CSET_82
from edge_agent.gs1.readings import MAX_LENGTH, readings
from edge_agent.gs1.repair import MAX_CANDIDATES

GTIN = "09506000134352"
GS = "\x1d"


class Listed:
    """Expects what it was given."""

    def __init__(self, *values: tuple[str, str]) -> None:
        self.values = set(values)

    def knows(self, ai: str, value: str) -> bool:
        return (ai, value) in self.values


def candidates(text: str, **options) -> list[str]:
    found = repair(text, **options)
    assert isinstance(found, Ambiguous), found
    return ["".join(f"({ai}){value}" for ai, value in candidate.elements) for candidate in found.candidates]


def repaired(text: str, **options) -> tuple[str, bool]:
    found = repair(text, **options)
    assert isinstance(found, Repaired), found
    return "".join(f"({ai}){value}" for ai, value in found.elements), found.restored


def test_a_batch_that_may_end_in_a_date_is_never_silently_the_long_batch() -> None:
    assert candidates(f"01{GTIN}10ABC17251231") == [
        f"(01){GTIN}(10)ABC(17)251231",
        f"(01){GTIN}(10)ABC17251231",
        f"(01){GTIN}(10)ABC17(251)231",
    ]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (f"01{GTIN}", f"(01){GTIN}"),
        (f"01{GTIN}10LOT42", f"(01){GTIN}(10)LOT42"),
        (f"01{GTIN}1725123110LOT-7", f"(01){GTIN}(17)251231(10)LOT-7"),
        ("00106141411234567897", "(00)106141411234567897"),
        (f"0010614141123456789702{GTIN}3724", f"(00)106141411234567897(02){GTIN}(37)24"),
    ],
)
def test_usual_labels_with_one_reading_read_as_they_stand(text: str, elements: str) -> None:
    assert repaired(text) == (elements, False)
    assert repaired(text, symbology="]C1") == repaired(f"]C1{text}") == (elements, False)


def test_a_batch_that_would_be_too_long_is_parted_at_the_only_place() -> None:
    assert repaired(f"01{GTIN}10ABCDEFGHIJKLMNOPQRST21X") == (f"(01){GTIN}(10)ABCDEFGHIJKLMNOPQRST(21)X", True)


@pytest.mark.parametrize(
    "mark",
    ["|", "^", "~", "]", " ", "è", "\u241d", "\u2194", "\x1c", "\t", "{GS}", "<GS>", "<gs>", "[GS]", "<FNC1>", "\\x1d", "\\u001d",
     "ALT+029", "ALT029", "<ALT+029>", "%1D", "~1", "~d029", "&#29;", "^]", "\\F"],
)  # fmt: skip
def test_a_replaced_separator_is_put_back(mark: str) -> None:
    text = f"01{GTIN}10ABC{mark}17251231"
    assert repaired(text) == (f"(01){GTIN}(10)ABC(17)251231", True)
    assert repaired(f"]C1{mark}{text}{mark}") == (f"(01){GTIN}(10)ABC(17)251231", True)


def test_a_mark_in_front_alone_proves_no_separator() -> None:
    for mark in ("^", GS, "{GS}"):
        assert len(candidates(f"{mark}01{GTIN}10ABC17251231")) == 3
        assert len(candidates(f"01{GTIN}10ABC17251231{mark}")) == 3


def test_a_letter_of_another_keyboard_layout_is_no_separator() -> None:
    with pytest.raises(Gs1Error, match="'é' is not of character set 82"):
        repair(f"01{GTIN}10Aé21X")


def test_real_separators_are_trusted() -> None:
    assert repaired(f"01{GTIN}10ABC17251231{GS}21A2199") == (f"(01){GTIN}(10)ABC17251231(21)A2199", False)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (f"(01){GTIN}(10)A21B", f"(01){GTIN}(10)A21B"),
        (f"https://example.com/01/{GTIN}/10/A21B", f"(01){GTIN}(10)A21B"),
        ("4006381333931", "(01)04006381333931"),
        ("]E04006381333931", "(01)04006381333931"),
    ],
)
def test_forms_without_separators_lose_none(text: str, elements: str) -> None:
    assert repaired(text) == (elements, False)


@pytest.mark.parametrize(
    ("rest", "batch"),
    [
        ("A17501331", "A17501331"),  # (17) would have a month 13
        ("A375", "A375"),  # (37) excludes (01)
        ("A0144444444444444", "A0144444444444444"),  # (01) would have a wrong check digit
        ("A10B", "A10B"),  # (10) would contradict itself
    ],
)
def test_a_broken_rule_leaves_one_reading(rest: str, batch: str) -> None:
    assert repaired(f"01{GTIN}10{rest}") == (f"(01){GTIN}(10){batch}", False)


def test_expected_values_choose_a_candidate() -> None:
    text = f"01{GTIN}10ABC17251231"
    assert repaired(text, expected=Listed(("10", "ABC"))) == (f"(01){GTIN}(10)ABC(17)251231", True)
    assert repaired(text, expected=Listed(("10", "ABC17251231"))) == (f"(01){GTIN}(10)ABC17251231", False)


def test_what_all_candidates_share_chooses_none() -> None:
    assert len(candidates(f"01{GTIN}10ABC17251231", expected=Listed(("01", GTIN)))) == 3


def test_two_expected_candidates_stay_candidates() -> None:
    assert len(candidates(f"01{GTIN}10ABC17251231", expected=Listed(("10", "ABC"), ("10", "ABC17251231")))) == 3


def test_a_candidate_with_an_unknown_serial_number_is_not_chosen_but_comes_first() -> None:
    """The batch is expected in two of three readings; a serial number that nobody listed may be part of the truth."""
    found = candidates(f"01{GTIN}10LOT19155D21X", expected=Listed(("10", "LOT1")))
    assert all("(10)LOT1(" in each for each in found[:2])


def test_each_candidate_has_its_reason() -> None:
    found = repair(f"01{GTIN}10ABC17251231")
    assert isinstance(found, Ambiguous)
    assert [each.reason for each in found.candidates[:2]] == [
        "separators put back behind (10); (17) is a date",
        "no separator is lost: (10) is all the rest",
    ]
    found = repair(f"01{GTIN}10ABC427DE")
    assert isinstance(found, Ambiguous)
    assert any("(427) would need (01)+(422) or (02)+(422) or (03)+(422) beside it" in e.reason for e in found.candidates)


@pytest.mark.parametrize(
    "text", ["99" * (MAX_LENGTH // 2), "9" * 8192, "10" * 4096, "A" * 8192, "]C1" + "8008" * 2000, "^" * 8192]
)
def test_hostile_input_is_bounded_and_refused(text: str) -> None:
    with pytest.raises(Gs1Error):
        repair(text)


def test_too_many_readings_are_said_to_be_too_many() -> None:
    with pytest.raises(Gs1Error, match="too many readings"):
        repair("9" * MAX_LENGTH)
    with pytest.raises(Gs1Error, match="too many readings"):
        repair(f"01{GTIN}10" + "A" * MAX_LENGTH)


def test_only_the_most_plausible_of_many_candidates_are_kept() -> None:
    found = repair("1091A92B93C94D95E96F")
    assert isinstance(found, Ambiguous)
    assert (len(found.candidates), found.complete) == (MAX_CANDIDATES, False)


@given(st.text(st.sampled_from("0123456789A" + GS + "|]^{GS}(é"), max_size=80))
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    with suppress(Gs1Error):
        found = repair(text)
        assert isinstance(found, Repaired) or 2 <= len(found.candidates) <= MAX_CANDIDATES


def gtins() -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=12, max_size=12).map(lambda digits: f"0{digits}{check_digit('0' + digits)}")


def values(ai: str) -> st.SearchStrategy[str]:
    if ai == "01":
        return gtins()
    if ai in {"11", "17"}:
        return st.dates().map(lambda date: f"{date:%y%m%d}")
    component = identifiers()[ai].components[0]
    return st.text(
        sorted(CHARACTERS[component.type][1] & set(CSET_82)), min_size=component.shortest, max_size=component.longest
    )


LABELS = st.lists(
    st.sampled_from(["01", "10", "11", "17", "21", "240", "30", "400", "91", "99", "3103"]), min_size=1, max_size=5, unique=True
).flatmap(lambda ais: st.tuples(*[st.tuples(st.just(ai), values(ai)) for ai in ais]))


@given(LABELS)
def test_the_label_is_always_among_the_readings(label: tuple[tuple[str, str], ...]) -> None:
    """So a repaired label is the right one: there is no other reading."""
    text = "".join(ai + value for ai, value in label)
    found = readings(text, at_most=5000)
    assert label in found.readings or not found.complete
    with suppress(Gs1Error):
        answer = repair(f"]C1{text}")
        assert isinstance(answer, Ambiguous) or answer.elements == label


@given(LABELS)
def test_no_two_readings_are_the_same_and_each_reads_back(label: tuple[tuple[str, str], ...]) -> None:
    found = readings("".join(ai + value for ai, value in label), at_most=50)
    assert len(set(found.readings)) == len(found.readings)
    for reading in found.readings:
        assert parse("]C1" + GS.join(ai + value for ai, value in reading)).elements == reading


@given(LABELS)
def test_a_label_with_its_separators_reads_as_it_stands(label: tuple[tuple[str, str], ...]) -> None:
    if len(label) > 1:
        assert repair("]C1" + GS.join(ai + value for ai, value in label)).elements == label


def test_the_component_on_a_retail_code_may_lose_its_separators_too() -> None:
    assert candidates("]E04006381333931|]e010ABC17251231")[0] == "(01)04006381333931(10)ABC(17)251231"
    assert repaired("]E04006381333931|]e010LOT42") == ("(01)04006381333931(10)LOT42", False)
    assert repaired(f"]E04006381333931|]e010ABC{GS}17251231") == ("(01)04006381333931(10)ABC(17)251231", False)
    # The key below excludes (37), which leaves one reading.
    assert repaired("]E04006381333931|]e010A371") == ("(01)04006381333931(10)A371", False)
    with pytest.raises(Gs1Error, match="must begin with ]e0"):
        repair("]E04006381333931|10LOT")
    with pytest.raises(Gs1Error, match="exclude each other"):
        repair(f"]E04006381333931|]e002{GTIN}10A17251231")
