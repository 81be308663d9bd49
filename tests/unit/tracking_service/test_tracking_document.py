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


def put(path: str, value: object) -> dict:
    whole = deepcopy(site.order())
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
    assert read(put("lines.1.gtin", site.GTIN.lstrip("0"))).canonical() == read(site.order()).canonical()


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
        ("lines", [], "lines"),
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
