"""Which registers are read together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus import Block, Limits, Point, blocks, parts, place_of


def points(*places: tuple[int, int], table: str = "holding") -> list[Point]:
    return [Point(table=table, address=address, count=count, type="uint16", order="ABCD") for address, count in places]


def spans(found: list[Block]) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in found]


@pytest.mark.parametrize(
    ("places", "limits", "expected"),
    [
        ([(0, 2), (2, 2)], {}, [(0, 4)]),
        ([(0, 1), (9, 1)], {}, [(0, 10)]),
        ([(0, 1), (10, 1)], {}, [(0, 1), (10, 1)]),
        ([(0, 1), (2, 1)], {"gap": 0}, [(0, 1), (2, 1)]),
        ([(0, 1), (1, 1)], {"gap": 0}, [(0, 2)]),
        ([(0, 100), (100, 25)], {}, [(0, 125)]),
        ([(0, 100), (100, 26)], {}, [(0, 100), (100, 26)]),
        ([(0, 2), (2, 2)], {"registers": 3}, [(0, 2), (2, 2)]),
        ([(0, 2), (4, 2)], {"holes": (("holding", 3, 3),)}, [(0, 2), (4, 2)]),
        ([(0, 2), (4, 2)], {"holes": (("input", 3, 3),)}, [(0, 6)]),
        ([(0, 2), (0, 4), (1, 1)], {}, [(0, 4)]),
        ([(65_535, 1), (65_534, 1)], {}, [(65_534, 2)]),
    ],
)
def test_near_registers_are_one_request(places, limits, expected):
    assert spans(blocks(points(*places), Limits(**limits))) == expected


def test_bits_are_read_two_thousand_at_once_and_tables_apart():
    found = blocks(points((0, 1), (120, 1), (1999, 1), table="coil") + points((0, 1)), Limits(gap=124))
    assert [(block.table, block.address, block.count) for block in found] == [("coil", 0, 2000), ("holding", 0, 1)]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 4)), min_size=1, max_size=40),
    st.integers(4, 125),
    st.integers(0, 124),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3)), max_size=4),
)
def test_every_value_lies_whole_in_one_block_within_the_limits(places, most, gap, holes):
    limits = Limits(registers=most, gap=gap, holes=tuple(("holding", first, first + more) for first, more in holes))
    wanted = {(address, address + count) for address, count in places}
    found = blocks(points(*places), limits)
    assert {span for block in found for span in block.spans} == wanted
    for block in found:
        assert block.count <= most
        assert all(block.address <= first and behind <= block.end for first, behind in block.spans)
        covered = {place for first, behind in block.spans for place in range(first, behind)}
        read_along = set(range(block.address, block.end)) - covered
        assert not any(limits.in_hole("holding", place, place + 1) for place in read_along)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4)), min_size=1, max_size=20))
def test_taking_blocks_apart_ends_with_single_values_and_loses_none(places):
    todo, single = blocks(points(*places), Limits(gap=124)), set()
    for _ in range(1000):
        if not todo:
            break
        block = todo.pop()
        if len(block.spans) == 1:
            single |= set(block.spans)
        else:
            todo += parts(block)
    assert single == {(address, address + count) for address, count in places}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("holding", 0, 10), "holding 0-9 (40001-40010)"), (("input", 72, 1), "input 72 (30073)"),
        (("holding", 40_069, 2), "holding 40069-40070 (440070-440071)"), (("coil", 0, 1), "coil 0 (00001)"),
        (("discrete", 9998, 2), "discrete 9998-9999 (109999-110000)"),
    ],
)  # fmt: skip
def test_places_are_told_as_addresses_and_as_manuals_number_them(place, words):
    assert place_of(*place) == words
