"""Sheets of cells say what their cells say."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.heat.points import Sum, points
from ingest.heat.presence import PARTS
from plumbline.grid import Cell, Grid
from plumbline.heat import LEVELS, MAPS, Sheet, cells_of

GRID = Grid(29.87, 121.88, 10.0)
sums = st.dictionaries(
    st.builds(
        Sum,
        st.just(15),
        st.sampled_from([0, 15]),
        st.integers(-70, 70),
        st.integers(-70, 70),
        st.sampled_from(["people", "dust"]),
    ),
    st.integers(1, 10**7),
)


def sheets(made):
    return [
        Sheet(point.tags["source"], *(point.fields[name] for name in Sheet._fields[1:]))
        for point in made
        if point.measurement in MAPS.values()
    ]


@given(sums)
def test_the_cells_of_the_sheets_are_the_sums(some):
    counted = Counter()
    for one, weight in some.items():
        cell = Cell(one.column, one.row)
        counted[str(cell), one.source, *GRID.centre(cell)] += weight
    found = {
        (cell.cell, cell.source, cell.lat, cell.lon): cell.weight for cell in cells_of(sheets(points("yard", GRID, some, some)))
    }
    assert found == {key: weight / PARTS for key, weight in counted.items()}


@given(sums, st.data())
def test_a_sheet_is_written_whole_when_one_of_its_cells_has_changed_and_else_not_at_all(some, data):
    changed = data.draw(st.sets(st.sampled_from(sorted(some)))) if some else set()
    made = points("yard", GRID, some, changed)
    assert sum(point.measurement in LEVELS for point in made) == len(changed)
    touched = {one.sheet for one in changed}
    written = cells_of(sheets(made))
    whole = {(str(Cell(one.column, one.row)), one.source) for one in some if one.sheet in touched}
    assert {(cell.cell, cell.source) for cell in written} == whole
    assert len(sheets(made)) == len(touched)


@pytest.mark.parametrize("text", ["", "[1", "[1]", '{"1": 2}', '["a", 1]'])
def test_what_is_no_sheet_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        cells_of([Sheet("people", text, 0.0, 0.0, 0.0, 0.0, 10.0)])
