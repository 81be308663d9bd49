"""Order documents: taken exactly, or refused with path and reason."""

import json
from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tracking_site as site
from tracking_service import document
from tracking_service.errors import OrderRefusedError


def read(value: object) -> document.OrderDocument:
    return document.read(json.dumps(value).encode(), "PO.json")


WORK = {
    "due": "2027-01-01T00:00:00Z",
    "tasks": [
        {"key": "t1", "title": {"en": "Dig", "zh": "挖土"}, "start": "2026-01-05T00:00:00Z"},
        {"key": "t2", "title": {"en": "Pour", "zh": "浇筑"}, "after": [{"task": "t1", "lag_days": 2}]},
    ],
}


def put(path: str, value: object) -> dict:
    whole = deepcopy(site.order()) | deepcopy(WORK)
    *parents, last = path.split(".")
    at = whole
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[int(last) if isinstance(at, list) else last] = value
    return whole


def test_a_document_is_read_exactly():
    order = read(put("lines.0.quantity", "0.000001"))
    assert order.lines[0].quantity == Decimal("0.000001")
    assert order.lines[1].gtin == site.GTIN
    assert (
        read(put("lines.1.gtin", site.GTIN.lstrip("0"))).canonical() == read(put("number", site.order()["number"])).canonical()
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("number", "PO 1", "number: must be letters"),
        ("number", "PO-1\n\n/", "number: must be"),
        ("lines.0.quantity", 0, "lines.0.quantity"),
        ("lines.0.quantity", "NaN", "lines.0.quantity"),
        ("lines.0.quantity", 1e300, "lines.0.quantity"),
        ("lines.0.colour", "red", "lines.0.colour"),
        ("lines.1.gtin", "09506000134353", "right check digit"),
        ("lines.1.line", "10", "lines: '10' stands there twice"),
        ("lines.0.needed_by", "2026-01-01T00:00:00", "timezone"),
        ("lines", [], "deliveries.0.line: there is no line"),
        ("customer", "a\0b", "control characters"),
        ("start", "2030-01-01T00:00:00Z", "due: lies before start"),
        ("payments", [{"percent": 60}, {"percent": 60}], "more than 100 %"),
        ("payments", [{"percent": 60, "milestone": "nowhere"}], "there is no milestone 'nowhere'"),
        ("lines.0.packs", [{"quantity": 20}], "needs a gtin or a code"),
        ("milestones.0.task", "t9", "there is no task 't9'"),
        ("tasks.0.parent", "t9", "tasks.t1.parent: there is no task 't9'"),
        ("tasks.0.after", [{"task": "t2"}], "waits for itself: t2 → t1 → t2"),
        ("tasks.1.parent", "t2", "tasks.t2.parent: waits for itself: t2 → t2"),
        ("tasks.0.finish", "2000-01-01T00:00:00Z", "tasks.t1.finish: lies before its start"),
        ("inspections", [{"check": "rebar", "title": {"en": "Rebar", "zh": "钢筋"}, "task": "t9"}], "there is no task 't9'"),
        ("deliveries.0.sscc", "12", "must be an SSCC"),
        ("deliveries.0.line", "99", "there is no line '99'"),
        ("milestones.0.policy", {}, "material_arrived"),
        ("milestones.0.policy.material_arrived.lines", ["99"], "there is no line '99'"),
        ("milestones.0.policy.material_arrived.ratio", 1.5, "ratio"),
        ("milestones.1.key", "beams", "'beams' stands there twice"),
        ("notify.0.email", "li@example.org\nBcc: all@example.org", "must be an e-mail address"),
        ("notify.0.email", "li@example.org,all@example.org", "must be an e-mail address"),
        ("notify.0.language", "fr", "notify.0.language"),
        ("title.en", "a\0b", "control characters"),
    ],
)
def test_a_mistake_is_named_with_its_path(path, value, said):
    with pytest.raises(OrderRefusedError) as refused:
        read(put(path, value))
    assert str(refused.value).startswith("PO.json: ")
    assert said in str(refused.value)


def test_what_is_not_said_is_not_in_the_canonical_form():
    plain = read(site.order()).canonical()
    assert "technical" not in plain
    assert "tasks" not in plain
    assert read(json.loads(plain)).canonical() == plain


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_work_waits_for_itself_exactly_where_its_links_close_a_ring(pairs):
    after = {n: {first for first, second in pairs if second == n} for n in range(31)}
    seen = set()
    while ready := {n for n in after if n not in seen and after[n] <= seen}:
        seen |= ready
    tasks = [
        {"key": f"t{n}", "title": {"en": "x", "zh": "x"}, "after": [{"task": f"t{first}"} for first in firsts]}
        for n, firsts in after.items()
    ]
    if len(seen) == len(after):
        assert len(read(site.order() | {"tasks": tasks}).tasks) == 31
    else:
        with pytest.raises(OrderRefusedError, match="waits for itself"):
            read(site.order() | {"tasks": tasks})


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_document_or_refused(data):
    with pytest.raises(OrderRefusedError):
        document.read(data, "PO.json")


def test_deep_nesting_is_refused():
    with pytest.raises(OrderRefusedError):
        document.read(b"[" * 100_000, "PO.json")
