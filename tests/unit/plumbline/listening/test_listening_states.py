"""Of the states that devices repeat, the changes."""

from functools import partial

from plumbline.dialects import Said
from plumbline.event import Reading, State
from plumbline.listening import States


def said(word, code=None, device="crane"):
    return Said(device, partial(State, state=word, code=code))


def previous(one):
    return one.event.keywords["previous"]


def test_a_state_passes_where_it_changes_and_brings_the_one_before():
    states = States()
    assert previous(states.turn(said("off"))) is None
    assert states.turn(said("off")) is None
    assert previous(states.turn(said("fault"))) == "off"
    assert previous(states.turn(said("fault", "E7"))) == "fault"
    assert states.turn(said("off", device="mixer")) is not None


def test_what_could_not_be_kept_is_a_change_still():
    states = States()
    states.turn(said("off"))
    states.forget("crane")
    assert states.turn(said("off")) is not None


def test_what_is_no_state_passes():
    reading = Said("crane", partial(Reading, measurement="m", values={"v": 1.0}))
    assert States().turn(reading) is reading
