"""Windows, minimum interval, change of state, deadband: what goes out of what comes in."""

import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline import filters
from plumbline.capture import Capture
from plumbline.event import Reading, Scan
from plumbline.filters import Filters
from plumbline.profile import Filter, Metric, Window

S = 1_000_000_000


def metric(**declared: object) -> Metric:
    return Metric(unit="1", title_en="M", title_zh="量", filter=Filter(**declared) if declared else None)


def capture(values, metrics, *, at_s=None, device="d") -> Capture:
    at_ns = None if at_s is None else int(at_s * S)
    return Capture(device, partial(Reading, measurement="m", values=values), at_ns=at_ns, clock="ntp", metrics=metrics)


def taken(found: Filters, given_capture: Capture, mono_s: float) -> list[Capture]:
    ended, own = found.take(given_capture, mono_s)
    return [*ended, *([own] if own else [])]


def played(declared, steps, *, told=False):
    """What goes out, as (time it was let out, values), when `steps` of (time, value) come in and time ends."""
    found, some = Filters(), {"x": metric(**declared)}
    out = []
    for at, value in steps:
        mono = 500.0 if told else at  # of a told time nothing may depend on when it arrived
        out += [
            (at, c.event.keywords["values"]) for c in taken(found, capture({"x": value}, some, at_s=at if told else None), mono)
        ]
    out += [("end", c.event.keywords["values"]) for c in found.flush(math.inf)]
    return out


def values_of(out):
    return [values["x"] for _, values in out if "x" in values]


def test_without_a_filter_the_capture_itself_goes_on():
    given_capture = capture({"x": 1.0}, {"x": metric()})
    assert Filters().take(given_capture, 0.0) == ([], given_capture)
    scan = Capture("gate", partial(Scan, raw=b"x", text="x"))
    assert Filters().take(scan, 0.0) == ([], scan)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(
    ("declared", "steps", "expected"),
    [
        ({"on_change": True}, [(0, 1), (1, 1), (2, 2), (3, 2), (4, 1)], [1, 2, 1]),
        ({"on_change": True, "at_least_every_s": 10}, [(0, 1), (9, 1), (10, 1), (11, 1)], [1, 1]),
        ({"deadband": 0.5}, [(0, 10), (1, 10.5), (2, 10.51), (3, 10.1), (4, 9.9)], [10, 10.51, 9.9]),
        ({"min_interval_s": 10}, [(0, 1), (5, 2), (9.9, 3), (10, 4), (11, 5), (20, 6)], [1, 4, 6]),
        ({"window": Window(every_s=10)}, [(0, 1), (5, 3), (10, 10), (19, 20), (20, 7)], [2, 15, 7]),
        ({"window": Window(every_s=10)}, [(0, 1), (35, 5), (44, 7), (45, 9)], [1, 6, 9]),
        ({"window": Window(every_s=10), "deadband": 1}, [(0, 5), (10, 5.5), (20, 8), (30, 8)], [5, 8]),
    ],
)
def test_what_is_declared_decides_what_goes_out(declared, steps, expected, told):
    assert values_of(played(declared, steps, told=told)) == expected


def test_a_window_gives_what_is_asked_the_first_under_the_metrics_own_name():
    out = played(
        {"window": Window(every_s=10, give=("max", "min", "mean", "last", "count"))}, [(0, 1), (1, 5), (2, 3), (10, 9)]
    )
    assert out[0] == (10, {"x": 5, "x_min": 1, "x_mean": 3, "x_last": 3, "x_count": 3})


def test_a_window_that_a_device_stamped_bears_the_time_of_its_end():
    found, some = Filters(), {"x": metric(window=Window(every_s=60))}
    for at in (0, 30):
        assert taken(found, capture({"x": at}, some, at_s=1000 + at), 5.0) == []
    [ended] = taken(found, capture({"x": 9}, some, at_s=1065), 6.0)
    assert (ended.at_ns, ended.clock, ended.event.keywords["values"]) == (1060 * S, "ntp", {"x": 15.0})


def test_a_window_ends_by_itself_when_the_device_falls_silent():
    found, some = Filters(), {"x": metric(window=Window(every_s=60))}
    taken(found, capture({"x": 4.0}, some), 100.0)
    assert found.flush(159.9) == []
    assert [c.event.keywords["values"] for c in found.flush(160.0)] == [{"x": 4.0}]
    assert found.flush(math.inf) == []


def test_a_change_within_the_interval_is_sent_when_the_interval_ends():
    found, some = Filters(), {"x": metric(on_change=True, min_interval_s=10)}
    assert len(taken(found, capture({"x": 1}, some), 0.0)) == 1
    assert taken(found, capture({"x": 2}, some), 3.0) == []
    assert taken(found, capture({"x": 3}, some), 4.0) == []
    assert found.flush(9.9) == []
    assert [c.event.keywords["values"] for c in found.flush(10.0)] == [{"x": 3}]
    assert found.flush(math.inf) == []


def test_a_change_that_was_taken_back_within_the_interval_is_none():
    found, some = Filters(), {"x": metric(on_change=True, min_interval_s=10)}
    for at, value in ((0.0, 1), (3.0, 2), (4.0, 1)):
        taken(found, capture({"x": value}, some), at)
    assert found.flush(math.inf) == []


def test_the_metrics_of_one_reading_are_filtered_each_for_itself():
    found = Filters()
    some = {"x": metric(on_change=True), "y": metric(), "z": metric(window=Window(every_s=10))}
    sent = [taken(found, capture({"x": 1, "y": at, "z": at, "other": at}, some), at) for at in (0.0, 1.0, 10.0)]
    assert [[c.event.keywords["values"] for c in captures] for captures in sent] == [
        [{"x": 1, "y": 0.0, "other": 0.0}],
        [{"y": 1.0, "other": 1.0}],
        [{"y": 10.0, "z": 0.5, "other": 10.0}],
    ]


def test_devices_do_not_share_what_was_sent_last():
    found, some = Filters(), {"x": metric(on_change=True)}
    assert [len(taken(found, capture({"x": 1}, some, device=name), 0.0)) for name in ("a", "b", "a")] == [1, 1, 0]


def test_a_clock_that_was_set_back_does_not_silence_a_device():
    assert values_of(played({"min_interval_s": 10}, [(1000, 1), (50, 2), (55, 3), (60, 4)], told=True)) == [1, 2, 4]
    assert values_of(played({"window": Window(every_s=10)}, [(1000, 1), (50, 2), (55, 4), (60, 9)], told=True)) == [1, 3, 9]


def test_what_could_not_be_kept_is_let_through_again():
    found, some = Filters(), {"x": metric(on_change=True)}
    taken(found, capture({"x": 1}, some), 0.0)
    found.forget("d")
    assert len(taken(found, capture({"x": 1}, some), 1.0)) == 1


def test_a_client_that_invents_names_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(filters, "REMEMBERED", 4)
    found, some = Filters(), {"x": metric(window=Window(every_s=60))}
    out = [c.device for i in range(10) for c in taken(found, capture({"x": i}, some, device=f"d{i}"), 0.0)]
    out += [c.device for c in found.flush(math.inf)]
    assert sorted(out) == sorted(f"d{i}" for i in range(10)), "nothing of the forgotten is lost"


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(-1e308, 1e308)), min_size=1, max_size=60),
    st.floats(0.1, 50),
)
def test_windows_count_every_value_once_and_never_leave_its_bounds(steps, every_s):
    steps = sorted(steps)
    out = played({"window": Window(every_s=every_s, give=("mean", "min", "max", "count"))}, steps)
    assert sum(values["x_count"] for _, values in out) == len(steps)
    assert min(values["x_min"] for _, values in out) == min(value for _, value in steps)
    assert max(values["x_max"] for _, values in out) == max(value for _, value in steps)
    assert all(values["x_min"] <= values["x"] <= values["x_max"] for _, values in out)


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.integers(0, 3)), max_size=60), st.sampled_from([0.5, 1.5, None]), st.booleans()
)
def test_the_last_state_is_always_known_in_the_end(steps, deadband, interval):
    steps = sorted(steps)
    declared = {"on_change": True, "deadband": deadband, "at_least_every_s": 86_400}
    out = values_of(played(declared | ({"min_interval_s": 60} if interval else {}), steps))
    assert (abs(out[-1] - steps[-1][1]) <= (deadband or 0)) if steps else out == []
