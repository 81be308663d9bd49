"""Which of two claims for the same bars is believed."""

import numpy as np
import pytest

from edge_agent.decode.ballot import PLAIN, Ballot
from edge_agent.decode.retail_pattern import Match
from edge_agent.decode.symbol import Reading

HERE = ((10.0, 10.0), (190.0, 10.0), (190.0, 90.0), (10.0, 90.0))


def reading(text: str, format_: str = "EAN13") -> Reading:
    return Reading("zxing", format_, text, text.encode(), None, HERE)


@pytest.fixture
def ballot():
    return Ballot(np.full((100, 200), 255, np.uint8))


def test_a_number_read_often_loses_against_one_that_the_pixels_explain(ballot):
    wrong, right = reading("4574534838478"), reading("0023942431015")
    for i in range(8):
        ballot.add([wrong], f"step {i}")
    ballot.add([right], PLAIN)
    claims = {c.reading.text: c for c in ballot._claims}
    claims[wrong.text].match, claims[right.text].match = Match(0.73, 0.54), Match(0.92, 0.88)
    assert wrong.text not in {c.reading.text for c in ballot.accepted()}
    ballot.add([right], "again")
    assert [c.reading.text for c in ballot.accepted()] == [right.text]


def test_one_look_at_a_retail_code_is_not_enough_and_two_are(ballot):
    ballot.add([reading("4006381333931", "Code39")], PLAIN)
    assert ballot.accepted() == []
    ballot.add([reading("4006381333931", "Code39")], PLAIN)
    assert ballot.accepted() == []
    ballot.add([reading("4006381333931", "Code39")], "again")
    assert [c.reading.text for c in ballot.accepted()] == ["4006381333931"]


def test_sharpened_looks_alone_are_never_enough_without_check_characters(ballot):
    for i in range(9):
        ballot.add([reading("LOT-0815", "Code39")], f"crisp {i}", votes=0.75, sharpened=True)
    assert ballot.accepted() == []


def test_sharpened_looks_that_agree_are_enough_for_a_code_128(ballot):
    for i in range(3):
        ballot.add([reading("LOT-0815", "Code128")], f"crisp {i}", votes=0.75, sharpened=True)
    assert [c.reading.text for c in ballot.accepted()] == ["LOT-0815"]


def test_a_pdf417_that_only_one_treated_look_shows_is_not_believed(ballot):
    ballot.add([reading("GARBLED", "PDF417")], "very crisp")
    assert ballot.accepted() == []
    ballot.add([reading("GARBLED", "PDF417")], "softened")
    assert [c.reading.text for c in ballot.accepted()] == ["GARBLED"]
