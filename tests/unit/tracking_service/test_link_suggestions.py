"""What waits is explained: the lines that something speaks for, best first, each with its reasons."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.linking import identify, own_label
from plumbline.material import Line
from plumbline.text import Text
from tracking_service.linking import likeness
from tracking_service.linking.question import Beside, Candidate, Code, Unit, Waiting
from tracking_service.linking.suggestions import TOGETHER_NS, ranked

NOW = 1_800_000_000_000_000_000
DAY = 86_400 * 10**9
GTIN, OTHER_GTIN = "09506000134352", "09506000134369"
SSCC, NEXT, FAR = "095060001343000007", "095060001343000014", "095060001343999995"


def line(number="10", **changes):
    values = {"id": f"PO-1~{number}", "order": "PO-1", "number": number, "site": "harbour", "title": Text("Beam", "钢梁")}
    return Line(**(values | {"unit": "pcs", "expected": Decimal(4)} | changes))


def candidate(number="10", arrived=0, **changes):
    around = {key: changes.pop(key) for key in ("supplier", "codes", "units", "order_beside", "note_beside") if key in changes}
    return Candidate(line(number, **changes), Decimal(arrived), **around)


def scan(text, gs1=None, readings=(), supplier=None):
    return Waiting("harbour", identify(text, gs1), tuple(identify(text, one) for one in readings), supplier)


def names(one):
    return [part.name for part in one.parts]


@pytest.mark.parametrize(
    ("text", "gs1", "known", "name"),
    [
        ("ST-12", None, candidate(label="ST-12"), "code"),
        ("SUP-7", None, candidate(codes=(Code("SUP-7", "supplier"),)), "code"),
        ("9506000134352", None, candidate(gtin=GTIN), "code"),
        ("PL1:PO-1/10/3", None, candidate(), "code"),
        ("00", [("00", SSCC)], candidate(units=(Unit(SSCC, Decimal(8), "DN-7"),)), "code"),
        ("01", [("01", GTIN), ("10", "LOT9")], candidate(gtin=GTIN, batch="LOT7"), "item"),
        ("01", [("01", GTIN)], candidate(gtin=GTIN, batch="LOT7"), "item"),
        ("st 12-a", None, candidate(label="ST12A"), "alike"),
        ("ST-O12-B", None, candidate(label="ST-012-8"), "alike"),
        ("ST-0012-34", None, candidate(label="ST-0012-35"), "near"),
        ("ST-0021-35", None, candidate(label="ST-0012-35"), "near"),
        ("ST-X012-34", None, candidate(label="ST-0012-35"), "near"),
        ("9506000134353", None, candidate(gtin=GTIN), "near"),
        ("09506000134300000", None, candidate(units=(Unit(SSCC, Decimal(8), "DN-7"),)), "near"),
        ("(00) 0 9506000 134300001 7", None, candidate(units=(Unit(SSCC, Decimal(8), "DN-7"),)), "near"),
        ("PL1:PO-2/10", None, candidate(), "near"),
        ("PLI:PO-1/10", None, candidate(), "near"),
        ("PL1:PO-1/777", None, candidate(), "beginning"),
        ("https://x.example/p?c=ST-0012&v=1", None, candidate(label="ST-0012"), "within"),
        ("HEB200-S355-0007", None, candidate(label="HEB200-S355-9941"), "beginning"),
        ("01", [("01", OTHER_GTIN)], candidate(gtin=GTIN), "beginning"),
        ("00", [("00", NEXT)], candidate(units=(Unit(SSCC, Decimal(8), "DN-7"),)), "next_unit"),
    ],
)
def test_what_the_code_says_is_told(text, gs1, known, name):
    [found] = ranked(scan(text, gs1), [known], NOW)
    assert names(found)[0] == name
    assert found.exact == (name == "code")
    assert found.parts[0].text.en in found.text.en
    assert found.parts[0].text.zh in found.text.zh


def test_a_code_that_lost_its_separators_is_read_in_every_way():
    readings = [[("01", GTIN), ("10", "LOT7")], [("01", GTIN), ("10", "LOT72199")]]
    found = ranked(scan("01..", readings=readings), [candidate(gtin=GTIN, batch="LOT7")], NOW)
    assert names(found[0])[0] == "reading"
    assert "one of 2 ways" in found[0].text.en


def test_it_says_how_much_it_would_count():
    def counted(waiting, known):
        return ranked(waiting, [known], NOW)[0].quantity

    pack = candidate(gtin=OTHER_GTIN, codes=(Code(GTIN, "pack", Decimal(12)),), expected=Decimal(100))
    assert counted(scan("x", [("01", GTIN), ("30", "3")]), pack) == 36
    assert counted(scan("00", [("00", NEXT)]), candidate(units=(Unit(SSCC, Decimal(8), "DN-7"),))) == 8
    assert counted(scan("ST-0012-34"), candidate(label="ST-0012-35")) == 1


@pytest.mark.parametrize(
    ("waiting", "known"),
    [
        (scan("QQ 77"), candidate(label="ST-12", needed_by=NOW)),
        (scan("00", [("00", FAR)]), candidate(units=(Unit(SSCC, Decimal(8), "DN-7"),))),
        (scan("00", [("00", FAR)]), candidate(supplier="steel")),
        (scan("ab"), candidate(label="ac")),
        (scan("PL1:PO-9/77"), candidate()),
        (scan("QQ 77"), candidate(order_beside=Beside(TOGETHER_NS + 1, "e"))),
        (scan("ST-0012-34"), candidate(label="ST-0012-35", site="airport")),
    ],
)
def test_where_nothing_speaks_for_a_line_it_is_not_suggested(waiting, known):
    assert ranked(waiting, [known], NOW) == []


def test_what_is_around_it_decides_between_equals():
    known = [
        candidate("10", label="ST-0012-31"),
        candidate("20", label="ST-0012-32", needed_by=NOW + DAY),
        candidate("30", label="ST-0012-33", order_beside=Beside(30 * 10**9, "e")),
        candidate("40", label="ST-0012-34", note_beside=Beside(30 * 10**9, "e", "DN-7")),
        candidate("50", label="ST-0012-35", arrived=4),
    ]
    found = ranked(scan("ST-0012-39"), known, NOW)
    assert [one.line.number for one in found] == ["40", "30", "20", "10", "50"]
    assert "DN-7" in found[0].text.en
    assert "all 4 pcs have arrived" in found[-1].text.en


def test_what_was_ordered_for_another_site_is_told_below_what_is_here():
    known = [
        candidate("10", label="ST-12", site="airport"),
        candidate("20", label="ST-12"),
        candidate("30", label="ST-12", arrived=4),
    ]
    found = ranked(scan("ST-12"), known, NOW)
    assert [one.line.number for one in found] == ["20", "10", "30"]
    assert "site airport" in found[1].text.en


texts = st.text("AB01-", min_size=1, max_size=6)
codes = st.builds(
    Code,
    st.one_of(texts, st.sampled_from([GTIN, OTHER_GTIN])),
    st.sampled_from(["supplier", "pack", "taught"]),
    st.sampled_from([Decimal(1), Decimal("0.5"), Decimal(12)]),
)
besides = st.one_of(st.none(), st.builds(Beside, st.integers(0, 2 * TOGETHER_NS), st.just("e"), st.just("DN-7")))
lines = st.builds(
    line,
    st.integers(1, 30).map(str),
    site=st.sampled_from(["harbour", "airport"]),
    gtin=st.sampled_from([None, GTIN, OTHER_GTIN]),
    batch=st.sampled_from([None, "LOT7"]),
    label=st.one_of(st.none(), texts),
    needed_by=st.one_of(st.none(), st.integers(-9, 9).map(lambda days: NOW + days * DAY)),
)
candidates = st.builds(
    Candidate,
    lines,
    st.sampled_from([Decimal(0), Decimal("3.5"), Decimal(4), Decimal(9)]),
    st.sampled_from([None, "steel"]),
    st.lists(codes, max_size=2).map(tuple),
    st.lists(st.builds(Unit, st.sampled_from([SSCC, NEXT, FAR]), st.just(Decimal(2)), st.just("DN-7")), max_size=2).map(tuple),
    besides,
    besides,
)
waitings = st.builds(
    Waiting,
    st.just("harbour"),
    st.one_of(
        texts.map(lambda text: identify(text, None)),
        st.builds(lambda number: identify(own_label("PO-1", number), None), st.integers(1, 30).map(str)),
        st.builds(lambda gtin: identify("x", [("01", gtin), ("10", "LOT8")]), st.sampled_from([GTIN, OTHER_GTIN])),
        st.builds(lambda sscc: identify("x", [("00", sscc)]), st.sampled_from([SSCC, NEXT, FAR])),
    ),
    st.lists(st.sampled_from([identify("x", [("01", GTIN)]), identify("x", [("00", SSCC)])]), max_size=2).map(tuple),
    st.sampled_from([None, "steel"]),
)


@given(waitings, st.lists(candidates, max_size=8), st.randoms())
def test_a_ranking_is_in_order_whatever_order_it_was_asked_in(waiting, known, random):
    found = ranked(waiting, known, NOW)
    shuffled = [replace(one, codes=one.codes[::-1], units=one.units[::-1]) for one in known]
    random.shuffle(shuffled)
    again = ranked(waiting, shuffled, NOW)
    assert sorted(map(repr, again)) == sorted(map(repr, found))
    assert [one.score for one in again] == [one.score for one in found]
    if len({one.line.id for one in known}) == len(known):
        assert again == found
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        assert one.score == sum(part.points for part in one.parts)
        assert 0 < one.score <= 100
        assert {*names(one)} - {"open", "soon", "limit"}
        assert one.quantity > 0
    exact = [one.exact for one in found]
    assert exact == sorted(exact, reverse=True), "an exact code stands first"
    for alike in (True, False):
        complete = [one.open == 0 for one in found if one.exact == alike]
        assert complete == sorted(complete), "what is complete stands below what is open"


@given(texts, texts)
def test_a_distance_is_that_of_the_textbook(one, other):
    apart = _textbook(one, other)
    for limit in (1, 2):
        assert likeness.distance(one, other, limit) == (apart if apart <= limit else None)


@given(st.text("AB0-", min_size=2, max_size=6))
def test_every_code_that_one_slip_makes_is_among_the_variants(code):
    found = likeness.variants(code)
    for place in range(len(code)):
        assert code[:place] + "7" + code[place + 1 :] in found
        assert {code[:place] + "X" + code[place:], code[:place] + code[place + 1 :]} <= found


@given(st.text(max_size=300))
def test_any_text_can_wait(text):
    known = [candidate(label="ST-12"), candidate("20", gtin=GTIN, batch="LOT7")]
    assert all(one.score > 0 for one in ranked(scan(text), known, NOW))
    assert all("\0" not in one for one in likeness.variants(text))


def _textbook(one, other):
    """Optimal string alignment, as it is defined."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = table[i - 1, j - 1] + (one[i - 1] != other[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]
