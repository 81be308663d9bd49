"""Cells of many positions at once are the cells of each."""

from hypothesis import given
from hypothesis import strategies as st

from plumbline.grid import Grid

positions = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(positions, st.floats(1, 100), st.lists(positions))
def test_the_cells_of_many_positions_are_those_of_each(origin, side, some):
    grid = Grid(*origin, side)
    assert grid.cells([lat for lat, _ in some], [lon for _, lon in some]) == [grid.cell(*one) for one in some]
