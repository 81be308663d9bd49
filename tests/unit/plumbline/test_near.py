"""A name that was written a little wrong is told from one that is new, among any number of names."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plumbline.near import Near

MANY = Near([*(f"sensor-{i:05d}" for i in range(10_000)), "crane-north", "crane-south", "Mixer.2"])
NAMES = st.text(string.ascii_lowercase + "-", min_size=8, max_size=20)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("crane-nroth", "crane-north"),
        ("cranenorth", "crane-north"),
        ("Crane_North", "crane-north"),
        ("rane-south", "crane-south"),
        ("crane-sout", "crane-south"),
        ("mixer-2", "Mixer.2"),
        ("weather-mast", None),
        ("-", None),
        ("", None),
    ],
)
def test_what_was_meant_is_found_or_nothing_is_said(said, meant):
    assert MANY.to(said) == meant


@given(st.sets(NAMES, min_size=1, max_size=8), st.data())
def test_a_name_with_one_letter_too_many_at_either_end_finds_a_name(names, data):
    name = data.draw(st.sampled_from(sorted(names)))
    said = data.draw(st.sampled_from([name + "x", "x" + name]))
    assume(said not in names)
    assert Near(names).to(said) is not None


def test_no_names_know_nothing():
    assert Near([]).to("crane") is None
