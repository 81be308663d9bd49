"""From capture to event: the header is complete, repeats and unreadable events are refused."""

from functools import partial

import pytest

from plumbline.capture import Capture
from plumbline.clock import EventClock
from plumbline.complete import Completer
from plumbline.errors import CodecError
from plumbline.event import CheckIn, Fix, Reading, Scan


@pytest.fixture
def completer():
    clock = EventClock(wall_ns=lambda: 5000, mono_ns=lambda: 7, quality=lambda: "ntp", boot="boot")
    return Completer(site="s", gateway="g", clock=clock)


def test_the_header_is_completed(completer):
    event = completer.complete(Capture("gate", partial(Scan, raw=b"x", text="x")))
    assert (event.site, event.gateway, event.device, event.at) == ("s", "g", "gate", 5000)
    assert (event.clock.quality, event.clock.boot, event.clock.mono) == ("ntp", "boot", 7)


def test_times_of_a_device_never_repeat(completer):
    times = [completer.complete(Capture("gate", partial(Scan, raw=b"x", text="x"))).at for _ in range(3)]
    assert times == [5000, 5001, 5002]


def test_an_instant_that_a_receiver_repeats_is_one_event(completer):
    fix = partial(Fix, lat=1.0, lon=2.0)
    reading = partial(Reading, measurement="position", values={"speed": 1.0})
    taken = [completer.complete(Capture("crane", kind, at)) for kind, at in ((fix, 10), (fix, 10), (reading, 10), (fix, 20))]
    assert [event is not None for event in taken] == [True, False, True, True]
    assert completer.complete(Capture("other", fix, 20)) is not None


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        ("gate", partial(Scan, raw=b"x", text="x" * 9000)),
        ("gate 1", partial(Scan, raw=b"x", text="x")),
        ("gate", partial(Scan, raw=b"x", text="\ud800")),
        ("crane", partial(Fix, lat=float("nan"), lon=1.0)),
        ("crane", partial(Fix, lat=91.0, lon=1.0)),
    ],
)
def test_what_ingest_could_not_read_is_refused(completer, device, kind):
    with pytest.raises(CodecError):
        completer.complete(Capture(device, kind))


def test_different_things_of_one_instant_are_all_kept_and_a_repetition_is_not(completer):
    leave = partial(CheckIn, person="Li", place="a", method="gps", direction="out")
    enter = partial(CheckIn, person="Li", place="b", method="gps", direction="in")
    envelope = partial(Reading, measurement="lorawan", values={"rssi_dbm": -90.0})
    values = partial(Reading, measurement="environment", values={"noise_db": 61.0})
    told = (leave, enter, envelope, values, leave, values)
    assert [completer.complete(Capture("p", kind, 10)) is not None for kind in told] == [True, True, True, True, False, False]
    assert completer.complete(Capture("p", leave, 11)) is not None
