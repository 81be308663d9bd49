"""Points that are vouched for go through in bulk and come out as if each had been looked at."""

import math
import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.series.columns import columns_of
from ingest.series.duckdb_catalog import Catalog
from ingest.series.duckdb_writer import Writer
from ingest.series.known_tags import KnownTags
from ingest.series.limits import RefusedError
from ingest.series.line_protocol import LineEncoder
from plumbline.ids import NAME_PATTERN
from plumbline.series import Measured, Point

NAMES = st.from_regex(NAME_PATTERN, fullmatch=True) | st.sampled_from(["time", "null", "a-b_c.d", "t", "u", "e1"])
TAGS = [
    {"site": "tower", "device": "d1"},
    {"device": "d1", "site": "tower", "zone": ""},
    {"site": "塔 吊", "device": 'q"{}:,= \\x'},
    {"site": "}{", "device": "aa:bb:cc:null", "zone": ':"}ÿþýüû'},
    {"site": "bad\n"},
    {},
]
FLOATS = st.floats() | st.sampled_from([1e16, 5e-324, -0.0, 1e22, 1.7976931348623157e308, 0.1, -1e-7, 123456789012345680.0])
TIMES = st.integers(-(2**64), 2**64) | st.integers(0, 9)
POINTS = st.lists(
    st.builds(
        lambda kind, measurement, tags, fields, at: kind(measurement, TAGS[tags], fields, at),
        st.sampled_from([Measured, Measured, Measured, Point]),
        st.sampled_from(["environment", "heat", "a b", "#x", '{":null}']),
        st.sampled_from([0, 0, 1, 2, 2, 3, 4, 5]),
        st.dictionaries(NAMES, FLOATS, max_size=4),
        TIMES,
    ),
    max_size=12,
)
REGULAR = st.lists(
    st.builds(
        lambda kind, tags, fields, at: kind("environment", TAGS[tags], fields, at),
        st.sampled_from([Measured, Measured, Measured, Point]),
        st.sampled_from([0, 1, 2]),
        st.dictionaries(st.sampled_from("tuv"), st.integers(-3, 3).map(float), min_size=1),
        st.integers(0, 9),
    ),
    max_size=40,
)


def plain(points):
    return [Point(point.measurement, point.tags, point.fields, point.at) for point in points]


def meaning(line: str) -> tuple[str, dict[str, float], int]:
    """Head, fields as the floats that a reader makes of them (the sign of zero kept), time."""
    head, fields, at = re.fullmatch(r"((?:[^\\ ]|\\.)+) (\S+) (-?\d+)", line).groups()
    values = {name: float(value) for name, _, value in (field.partition("=") for field in fields.split(","))}
    return head, {name: (value, math.copysign(1, value)) for name, value in values.items()}, int(at)


def by_series(lines):
    """What is said of each series, in order."""
    said = {}
    for line in lines:
        head, *rest = meaning(line)
        said.setdefault(head, []).append(rest)
    return said


def told(refused):
    return sorted((repr(entry.point.fields), entry.point.at, entry.reason) for entry in refused)


@given(points=POINTS)
@settings(max_examples=300)
def test_lines_made_in_bulk_say_what_lines_made_one_by_one_say(points):
    bulk, exact = LineEncoder(portable=True).encode(points), LineEncoder(portable=True).encode(plain(points))
    assert by_series(bulk.lines) == by_series(exact.lines)
    assert told(bulk.refused) == told(exact.refused)
    assert bulk.body == "\n".join(bulk.lines).encode()
    assert list(map(meaning, bulk.lines)) == [meaning(LineEncoder(portable=True).line(point)) for point in bulk.points]


@given(points=POINTS | REGULAR, most=st.integers(1, 9))
@settings(max_examples=100)
def test_parts_of_what_was_encoded_say_all_of_it_in_order(points, most):
    encoded = LineEncoder(portable=True).encode(points)
    parts = encoded.parts(most)
    assert [line for part in parts for line in part.lines] == encoded.lines
    assert b"\n".join(part.body for part in parts) == encoded.body
    assert [id(point) for part in parts for point in part.points] == [id(point) for point in encoded.points]
    assert all(len(part.lines) == len(part) == len(part.heads) <= most * 1.5 for part in parts if len(encoded))


def test_a_text_of_several_lines_stays_one_point_among_points_that_went_in_bulk():
    points = [Measured("m", TAGS[0], {"t": 1.0}, 1), Point("n", TAGS[0], {"said": "one\ntwo"}, 2)]
    encoded = LineEncoder(portable=True).encode(points)
    assert len(encoded) == len(encoded.lines) == 2
    assert encoded.body.endswith(b'one\ntwo" 2')
    assert [part.lines for part in encoded.parts(1)] == [[line] for line in encoded.lines]


@given(batches=st.lists(POINTS | REGULAR, max_size=4))
@settings(max_examples=30)
def test_rows_written_in_bulk_are_the_rows_written_one_by_one(batches):
    held = []
    for spoken in (batches, [plain(batch) for batch in batches]):
        connection = duckdb.connect(config={"threads": 1})
        catalog = Catalog(connection, max_measurements=9, max_fields=9, max_series=99)
        catalog.load()
        writer = Writer(connection, catalog, compact_after=10)
        refused = [told(writer.write(batch)) for batch in spoken]
        rows = {}
        for name, table in catalog.tables.items():
            columns = sorted(table.columns)
            select = ", ".join(["s.tags", "m.at_ns", *(table.columns[column] for column in columns)])
            found = connection.execute(f"SELECT {select} FROM {table.name} m JOIN series s ON s.id = m.series").fetchall()
            rows[name] = sorted([(tags, at, dict(zip(columns, values, strict=True))) for tags, at, *values in found], key=repr)
        held.append((refused, rows))
        connection.close()
    assert held[0] == held[1]


@pytest.mark.parametrize(
    "fields", [{}, {"t": math.nan}, {"t": -math.inf}, {"t": "text"}, {"t": None}, {"t": 10**400}, {"t": 1.0, "u": math.inf}]
)
def test_fields_that_break_the_word_given_for_them_are_looked_at_one_by_one(fields):
    points = [Measured("m", TAGS[0], {"t": 1.0}, 1), Measured("m", TAGS[0], fields, 2)]
    assert columns_of(points, lambda some: [0] * len(some), lambda _shape: None) is None


def test_known_tags_are_made_once_while_there_is_room_and_never_mistaken_for_others():
    made = []
    known = KnownTags(lambda measurement, tags: made.append(tags) or (measurement, tags["n"]), most=10)
    lasting = {"n": "lasting"}
    for turn in range(100):
        points = [Measured("m" if turn % 2 else "k", tags, {"t": 1.0}, 0) for tags in ({"n": f"{turn}"}, lasting)]
        assert known.of(points) == [(point.measurement, point.tags["n"]) for point in points]
        assert len(known._alive) <= 10
    assert 100 < len(made) < 150


def test_tags_that_cannot_be_said_are_not_remembered():
    def refuse(_measurement, _tags):
        raise RefusedError("no")

    known = KnownTags(refuse, most=10)
    for _ in range(3):
        with pytest.raises(RefusedError):
            known.of([Measured("m", {}, {"t": 1.0}, 0)])
    assert not known._alive


def test_fields_that_are_said_in_another_order_come_into_their_own_columns():
    points = [Measured("m", TAGS[0], {"a": 1.0, "b": 2.0}, 1), Measured("m", TAGS[0], {"b": 4.0, "a": 3.0}, 2)]
    [columns] = columns_of(points, lambda some: [0] * len(some), lambda _shape: None)
    assert dict(zip(columns.shape[1], map(list, columns.values), strict=True)) == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_as_many_fields_with_other_names_are_columns_of_their_own():
    points = [Measured("m", TAGS[0], {"a": 1.0, "b": 2.0}, 1), Measured("m", TAGS[0], {"a": 3.0, "c": 4.0}, 2)]
    made = columns_of(points, lambda some: [0] * len(some), lambda _shape: None)
    assert [(columns.shape[1], [list(column) for column in columns.values]) for columns in made] == [
        (("a", "b"), [[1.0], [2.0]]),
        (("a", "c"), [[3.0], [4.0]]),
    ]
