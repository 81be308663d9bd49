"""How long a machine worked in a zone: only what is known counts."""

from hypothesis import given
from hypothesis import strategies as st

from tracking_service.domain.machine import Said
from tracking_service.geofence.hours import Stood, spent


def test_what_it_did_is_counted_where_it_did_it():
    said = [Said(0, "off"), Said(100, "working"), Said(400, "idle")]
    stood = [Stood("yard", 50, 200), Stood("tower", 200, 500)]
    found = spent(said, stood, [], start=0, end=1000, known_until=1000)
    assert found["yard"] == {"working": 100, "idle": 0, "off": 50, "fault": 0, "unknown": 0}
    assert found["tower"] == {"working": 200, "idle": 100, "off": 0, "fault": 0, "unknown": 0}


def test_the_silence_of_a_tracker_or_of_a_gateway_is_no_work():
    said = [Said(0, "working")]
    found = spent(said, [Stood("yard", 0, 1000)], [(200, 500)], start=0, end=1000, known_until=800)
    assert found["yard"] == {"working": 500, "idle": 0, "off": 0, "fault": 0, "unknown": 500}


def test_a_machine_that_told_nothing_did_nothing_that_is_known():
    found = spent([], [Stood("yard", 0, 1000)], [], start=0, end=600, known_until=0)
    assert found == {"yard": {"working": 0, "idle": 0, "off": 0, "fault": 0, "unknown": 600}}


def test_nothing_is_said_of_zones_it_was_not_in_that_day():
    assert spent([], [Stood("yard", 0, 100)], [], start=100, end=600, known_until=600) == {}


times = st.integers(0, 1000)


@given(
    st.lists(st.tuples(times, st.sampled_from(["working", "idle", "off", "fault"])), max_size=8),
    st.tuples(times, times),
    st.lists(st.tuples(times, times), max_size=4),
    st.tuples(times, times),
    times,
)
def test_the_states_add_up_to_how_long_it_was_there_and_silence_is_never_work(told, there, quiet, window, known):
    said = sorted(Said(at, state) for at, state in told)
    silent, last = [], -1
    for begin, end in sorted((min(pair), max(pair)) for pair in quiet):
        if begin > last and end > begin:
            silent.append((begin, end))
            last = end
    start, end = sorted(window)
    since, until = sorted(there)
    found = spent(said, [Stood("yard", since, until)], silent, start=start, end=end, known_until=known)
    expected = max(0, min(until, end) - max(since, start))
    assert sum(found.get("yard", {}).values()) == expected
    moments = [at + 0.5 for at in range(max(since, start), min(until, end))]
    unheard = sum(at > known or any(begin < at < stop for begin, stop in silent) for at in moments)
    if expected:
        assert found["yard"]["unknown"] >= unheard
