"""Behind which time nothing is known of a gateway."""

import pytest

from tracking_service.gateways import BEHIND_NS, Gateway, silences

NOW = 10**18


def gateway(**values) -> Gateway:
    known = {"site": "s", "id": "gw", "online": True, "since": NOW, "last_seen": NOW, "data_until": NOW, "backlog": None}
    return Gateway(**known | values)


@pytest.mark.parametrize(
    ("values", "state", "since"),
    [
        ({}, "online", None),
        ({"data_until": None}, "online", None),
        ({"data_until": NOW - BEHIND_NS}, "online", None),
        ({"data_until": NOW - BEHIND_NS - 1}, "catching_up", NOW - BEHIND_NS - 1),
        ({"online": False, "data_until": NOW - 5}, "offline", NOW - 5),
        ({"online": False, "data_until": None}, "offline", NOW),
    ],
)
def test_a_silent_gateway_is_silent_since_its_newest_event(values, state, since):
    found = gateway(**values)
    assert found.state == state
    assert [quiet.since for quiet in silences([found])] == ([since] if since is not None else [])
