"""What OwnTracks publishes: where phones were, and when their people came and went."""

import pytest

from plumbline.dialects import make
from tests.unit.plumbline.dialects.said_events import hear

AT = 1_790_000_000
LOCATION = {
    "_type": "location",
    "lat": 31.2,
    "lon": 121.5,
    "acc": 12,
    "alt": 8,
    "vel": 36,
    "cog": 90,
    "batt": 77,
    "tst": AT,
    "tid": "ph",
}


@pytest.fixture
def owntracks():
    table = {"dialect": "owntracks", "persons": {"zhang": "W-0173"}, "places": {"北门": "gate-north"}}
    return make(table, {}, "d")


def test_a_location_is_a_fix_with_the_phones_own_time(owntracks):
    [fix, battery], [] = hear(owntracks, "owntracks/zhang/phone", LOCATION)
    assert fix == {
        "kind": "fix",
        "device": "zhang.phone",
        "lat": 31.2,
        "lon": 121.5,
        "accuracy_m": 12,
        "alt_m": 8,
        "speed_mps": 10,
        "course_deg": 90,
        "at_ns": AT * 10**9,
    }
    assert battery["values"] == {"battery": 77}


def test_below_zero_means_that_the_phone_does_not_know(owntracks):
    document = {**LOCATION, "vel": -1, "cog": -1, "acc": -1, "batt": -1}
    [fix], [] = hear(owntracks, "owntracks/zhang/phone", document)
    assert not {"speed_mps", "course_deg", "accuracy_m"} & fix.keys()


@pytest.mark.parametrize(("event", "direction"), [("enter", "in"), ("leave", "out")])
def test_a_transition_is_a_check_in(owntracks, event, direction):
    document = {"_type": "transition", "event": event, "desc": "北门", "tst": AT, "wtst": 5, "lat": 31.2, "lon": 121.5}
    [check_in], [] = hear(owntracks, "owntracks/zhang/phone/event", document)
    assert check_in == {
        "kind": "check_in",
        "device": "zhang.phone",
        "person": "W-0173",
        "place": "gate-north",
        "method": "gps",
        "direction": direction,
        "at_ns": AT * 10**9,
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({**LOCATION, "tst": None}, "tst: is missing"),
        ({**LOCATION, "tst": 5}, "tst: 5 is no time"),
        ({**LOCATION, "lat": 0, "lon": 0}, "without a fix"),
        ({"_type": "transition", "event": "enter", "tst": AT}, "desc: is missing"),
        ({"_type": "transition", "event": "stay", "desc": "x", "tst": AT}, "neither enter nor leave"),
        ({"_type": "encrypted", "data": "x"}, "is encrypted"),
        ({"_type": "lwt", "tst": AT}, "is offline"),
        ({"_type": "telepathy"}, "'telepathy' is not known"),
        ({"lat": 1}, "no '_type'"),
        ([1], "no '_type'"),
        (b"x", "not JSON"),
    ],
)
def test_what_cannot_be_used_says_why(owntracks, document, message):
    events, troubles = hear(owntracks, "owntracks/zhang/phone", document)
    assert not any(event["kind"] in {"fix", "check_in"} for event in events)
    assert message in troubles[0]


@pytest.mark.parametrize("kind", ["waypoint", "waypoints", "card", "status", "steps", "cmd"])
def test_the_apps_own_business_says_nothing(owntracks, kind):
    assert hear(owntracks, "owntracks/zhang/phone", {"_type": kind}) == ([], [])


def test_users_and_phones_are_not_mixed_up(owntracks):
    devices = {
        hear(owntracks, f"owntracks/{told}", LOCATION)[0][0]["device"] for told in ("a.b/c", "a/b.c", "a/b", "张/手机", "a b/c")
    }
    assert len(devices) == 5
    named = make({"dialect": "owntracks", "names": {"zhang/phone": "phone-1"}}, {}, "d")
    assert hear(named, "owntracks/zhang/phone", LOCATION)[0][0]["device"] == "phone-1"
