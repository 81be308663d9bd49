"""Which broker is tried next, on a clock of the test's own."""

from edge_agent.uplink.servers import Servers
from plumbline.address import Address

ADDRESSES = [Address.parse(f"mqtt://{name}") for name in ("one", "two", "three")]


def made(home_every_s=300.0):
    return Servers(ADDRESSES, home_every_s=home_every_s, chance=lambda: 0.5)


def ranks(servers, now):
    return [place.rank for place in servers.order(now)]


def test_the_order_of_preference_holds_until_one_fails():
    servers = made()
    assert ranks(servers, 0) == [0, 1, 2]
    servers.failed(servers.order(0)[0], 0)
    assert ranks(servers, 1) == [1, 2, 0]
    assert ranks(servers, 299) == [1, 2, 0]
    assert ranks(servers, 301) == [0, 1, 2]


def test_where_all_failed_the_preferred_one_is_tried_first_again():
    servers = made()
    for place in servers.order(0):
        servers.failed(place, 0)
    assert ranks(servers, 1) == [0, 1, 2]


def test_a_better_one_is_tried_after_its_rest_and_never_at_the_preferred_one():
    servers = made()
    one, two, _ = servers.order(0)
    servers.failed(one, 0)
    assert servers.better(two, 299) is None
    assert servers.better_in_s(two, 100) == 200
    assert servers.better(two, 301) is one
    assert servers.better_in_s(one, 0) is None


def test_one_that_fails_soon_after_we_came_home_rests_twice_as_long_up_to_an_hour():
    servers, now = made(), 0.0
    one = servers.order(0)[0]
    rests = []
    for _ in range(6):
        servers.failed(one, now)
        rests.append(one.rests_until - now)
        now = one.rests_until
        servers.works(one, now)
        assert ranks(servers, now)[0] == 0
        now += 60
    assert rests == [300, 600, 1200, 2400, 3600, 3600]


def test_one_that_held_for_long_is_trusted_again():
    servers = made()
    one = servers.order(0)[0]
    servers.works(one, 0)
    servers.failed(one, 10)
    assert one.rests_until == 610
    servers.held(one, 2000)
    servers.works(one, 700)
    servers.failed(one, 5000)
    assert one.rests_until == 5300
