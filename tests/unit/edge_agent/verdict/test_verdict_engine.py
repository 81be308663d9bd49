"""Manifest, scans so far, scan → verdict."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.verdict import Engine
from edge_agent.verdict.index import index_of
from plumbline.ids import new_event_id
from plumbline.text import Text
from tests import expected_site as site
from tests.expected_site import FAR_GTIN, FAR_SSCC, GTIN, MIXED, OTHER_GTIN, SSCC

ids = map(new_event_id, count(1_800_000_000_000_000_000, 1_000_000))


def engine(found=None, **named) -> Engine:
    one = Engine()
    one.adopt(index_of(site.made(found, **named)), settled=False)
    return one


def told(one: Engine, text: str, gs1=None, **more):
    return one.judge(next(ids), text, gs1, **more)


@pytest.mark.parametrize(
    ("text", "gs1", "kind", "signal"),
    [
        ("PL1:PO-1/10/3", None, "expected", "good"),
        ("any", [("01", GTIN), ("10", "LOT7")], "expected", "good"),
        ("any", [("00", SSCC)], "expected", "good"),
        ("any", [("00", MIXED)], "expected", "good"),
        ("STEEL-A", None, "expected", "good"),
        ("any", [("01", OTHER_GTIN), ("10", "B1")], "expected", "good"),
        ("any", [("01", OTHER_GTIN), ("10", "B2")], "certificate_missing", "warn"),
        ("any", [("01", OTHER_GTIN)], "certificate_missing", "warn"),
        ("any", [("01", GTIN), ("10", "LOT7"), ("30", "11")], "over", "warn"),
        ("any", [("01", GTIN), ("10", "LOT8")], "wrong_batch", "bad"),
        ("any", [("01", GTIN)], "ask", "warn"),
        ("any", [("01", FAR_GTIN)], "wrong_site", "bad"),
        ("any", [("00", FAR_SSCC)], "wrong_site", "bad"),
        ("FAR-A", None, "wrong_site", "bad"),
        ("PL1:PO-9/10/1", None, "wrong_site", "bad"),
        ("PL1:PO-9/11/1", None, "unknown", "bad"),
        ("PL1:PO-1/11/1", None, "unknown", "bad"),
        ("any", [("00", "095060001343000038")], "unknown", "bad"),
        ("9506000134383", None, "unknown", "bad"),
        ("hello", None, "unknown", "bad"),
        ("B-77", None, "person", "good"),
    ],
)
def test_a_scan_is_answered_by_what_the_site_expects(text, gs1, kind, signal):
    verdict = told(engine(), text, gs1)
    assert (verdict.kind, verdict.signal) == (kind, signal)
    assert verdict.title.en
    assert verdict.title.zh
    assert verdict.detail.en
    assert verdict.detail.zh
    assert (verdict.todo is None) == (signal == "good")


def test_what_arrived_is_said_in_the_number_that_each_language_asks_for():
    assert told(engine(), "PL1:PO-1/10/3").detail == Text(
        "1 box Bolts (PO-1/10): 1 of 4 here", "螺栓 1 箱（PO-1/10）：已到 1 / 4"
    )
    assert told(engine(), "any", [("00", SSCC)]).detail.en == "8 boxes Bolts (PO-1/30): 8 of 8 here"


def test_a_label_that_can_be_read_in_several_ways_is_for_a_person_to_decide():
    verdict = told(engine(), "10ABC17251231", None, candidates=[(("10", "ABC"), ("17", "251231")), (("10", "ABC17251231"),)])
    assert verdict.kind == "ask"
    assert "2 ways: (10)ABC(17)251231 | (10)ABC17251231" in verdict.detail.en


@pytest.mark.parametrize(
    ("text", "gs1"), [("PL1:PO-1/10/3", None), ("any", [("00", SSCC)]), ("any", [("01", GTIN), ("10", "LOT7"), ("21", "S1")])]
)
def test_the_second_scan_of_a_piece_is_already_received_offline_too(text, gs1):
    one = engine()
    first, second = told(one, text, gs1), told(one, text, gs1)
    assert (first.kind, second.kind) == ("expected", "already_received")
    assert first.arrived == second.arrived


def test_what_the_office_has_counted_is_already_received():
    found = site.content(site.expected_line("10", "4", arrived="1", pieces=("label:10/3",)), units=())
    assert told(engine(found), "PL1:PO-1/10/3").kind == "already_received"
    verdict = told(engine(found), "PL1:PO-1/10/4")
    assert (verdict.kind, verdict.arrived, verdict.expected) == ("expected", Decimal(2), Decimal(4))


def test_pieces_without_an_identity_are_counted_until_the_line_is_full():
    one = engine(site.content(site.expected_line("50", "2", label="STEEL-A"), units=()))
    assert [told(one, "STEEL-A").kind for _ in range(3)] == ["expected", "expected", "over"]


def test_what_was_scanned_before_the_manifest_came_is_counted_once_it_is_there():
    one = Engine()
    assert told(one, "PL1:PO-1/10/3").kind == "kept"
    one.adopt(index_of(site.made()), settled=False)
    assert told(one, "PL1:PO-1/10/3").kind == "already_received"


def test_a_scan_that_could_not_be_kept_was_never_there():
    one = engine()
    name = next(ids)
    one.judge(name, "PL1:PO-1/10/3", None)
    one.withdraw(name)
    assert told(one, "PL1:PO-1/10/3").kind == "expected"


def test_the_repetition_counts_where_the_first_scan_could_not_be_kept():
    one = engine()
    name = next(ids)
    one.judge(name, "PL1:PO-1/10/3", None)
    told(one, "PL1:PO-1/10/3")
    one.withdraw(name)
    verdict = told(one, "PL1:PO-1/10/3")
    assert (verdict.kind, verdict.arrived) == ("already_received", 1)


def test_a_newer_manifest_that_holds_our_scans_counts_them_once():
    one = engine()
    loose = next(ids)
    told(one, "PL1:PO-1/10/3")
    one.judge(loose, "STEEL-A", None)
    lines = (
        site.expected_line("10", "4", arrived="1", pieces=("label:10/3",)),
        site.expected_line("50", arrived="1", label="STEEL-A"),
    )
    gone = one.adopt(index_of(site.made(site.content(*lines, units=(), counted=(loose[-12:],)), version=2)), settled=False)
    assert len(gone) == 2
    assert not one.taken
    assert told(one, "PL1:PO-1/10/3").arrived == 1
    assert told(one, "STEEL-A").arrived == 2


def test_scans_that_the_office_does_not_have_yet_are_added_to_its_count():
    one = engine()
    told(one, "PL1:PO-1/10/3")
    assert not one.adopt(index_of(site.made(version=2)), settled=False)
    assert told(one, "PL1:PO-1/10/4").arrived == 2


def test_a_scan_that_the_office_has_and_never_counts_is_forgotten_in_the_end():
    one = engine()
    told(one, "hello")
    dropped = [bool(one.adopt(index_of(site.made(version=2 + n)), settled=True)) for n in range(10)]
    assert dropped == [False] * 9 + [True]


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("edge_agent.verdict.engine.MOST", 100)
    one = engine()
    for n in range(300):
        told(one, f"PL1:PO-1/10/{n}" + "x" * n)
    told(one, "x" * 8000)
    assert len(one.taken) == 100
    assert all(len(identity.text) <= 256 for identity in one.taken.values())


texts = st.sampled_from(["PL1:PO-1/10/1", "PL1:PO-1/10/2", "STEEL-A", "hello", "B-77", "FAR-A"]) | st.text(max_size=20)
elements = st.none() | st.lists(
    st.sampled_from([("00", SSCC), ("00", MIXED), ("01", GTIN), ("01", OTHER_GTIN), ("10", "LOT7"), ("21", "S1"), ("37", "2")]),
    min_size=1,
    max_size=4,
)


@given(st.lists(st.tuples(texts, elements), max_size=20), st.integers(0, 20))
def test_when_a_manifest_comes_again_makes_no_difference_to_any_answer(scans, at):
    """The same manifest at any moment: what was scanned here stays counted exactly once."""
    plain, disturbed = engine(), engine()
    for n, (text, gs1) in enumerate(scans):
        if n == at:
            disturbed.adopt(index_of(site.made(version=2)), settled=False)
        name = next(ids)
        assert plain.judge(name, text, gs1) == disturbed.judge(name, text, gs1)


@given(st.lists(st.tuples(texts, elements), max_size=20))
def test_scans_that_are_withdrawn_leave_no_trace(scans):
    one = engine()
    names = [next(ids) for _ in scans]
    for name, (text, gs1) in zip(names, scans, strict=True):
        one.judge(name, text, gs1)
    for name in names:
        one.withdraw(name)
    fresh = engine()
    for text, gs1 in scans:
        name = next(ids)
        assert one.judge(name, text, gs1) == fresh.judge(name, text, gs1)


def test_a_site_is_known_as_an_expectation_of_labels():
    index = index_of(site.made())
    assert index.knows("01", GTIN)
    assert index.knows("02", OTHER_GTIN)
    assert index.knows("00", SSCC)
    assert index.knows("10", "LOT7")
    assert index.knows("10", "B1")
    assert index.knows("400", "PO-1")
    assert not index.knows("01", FAR_GTIN)
    assert not index.knows("10", "LOT8")
