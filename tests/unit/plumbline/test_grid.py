"""Cells are squares of metres, and their middle lies in them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.grid import Grid

grids = st.builds(Grid, st.floats(-70, 70), st.floats(-180, 180), st.floats(1, 100))
metres = st.floats(-5000, 5000)


@given(grids, metres, metres)
def test_metres_there_and_back_are_equal(grid, east, north):
    back = grid.metres(*grid.position(east, north))
    assert math.dist(back, (east, north)) < 1e-3


@given(grids, metres, metres)
def test_the_centre_of_a_cell_lies_in_it(grid, east, north):
    cell = grid.cell(*grid.position(east, north))
    assert grid.cell(*grid.centre(cell)) == cell


def test_a_degree_is_as_long_as_the_ellipsoid_says():
    # Length of one degree at 52° N on WGS 84: latitude 111,267 m, longitude 68,678 m (Snyder, Map Projections, table)
    east, north = Grid(52.0, 13.0).metres(52.0 + 1e-3, 13.0 + 1e-3)
    assert north == pytest.approx(111.267, rel=1e-4)
    assert east == pytest.approx(68.678, rel=1e-4)


def test_a_site_on_the_date_line_is_one_site():
    grid = Grid(-17.0, 179.999)
    assert abs(grid.metres(-17.0, -179.999)[0]) < 300
