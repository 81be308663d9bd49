"""Who is on site: badge and phone together, everybody once."""

from hypothesis import given
from hypothesis import strategies as st

from plumbline.site import Device, SiteFile, Zone
from tracking_service.geofence.onsite import FRESH_NS, SHIFT_NS, Badge, Tracked, by_zone, machines, people

MINUTE = 60_000_000_000
NOW = 1_700_000_000 * 1_000_000_000
SQUARE = ((0.0, 0.0), (0.1, 0.0), (0.1, 0.1))


def zone(name: str) -> Zone:
    return Zone(id=name, title_en=name.title(), title_zh=name, kind="work", polygon=SQUARE)


SITE = SiteFile(
    id="s",
    title_en="S",
    title_zh="S",
    timezone="Asia/Shanghai",
    lat=0,
    lon=0,
    zones=(zone("gate"), zone("tower"), zone("floor")),
    devices=(
        Device(id="li", title_en="Li", title_zh="李工", kind="person", codes=("BADGE-1",)),
        Device(id="digger", title_en="Digger", title_zh="挖掘机", kind="machine"),
        Device(id="crane", title_en="Crane", title_zh="塔吊", kind="machine", zone="tower"),
        Device(id="pallet", title_en="Pallet", title_zh="托盘", kind="other"),
    ),
)


def badge(minutes_ago: float, direction="in", person="BADGE-1", place="gate") -> Badge:
    return Badge(person, place, direction, NOW - round(minutes_ago * MINUTE))


def phone(minutes_ago: float, *zones: str, since: float = 60, device="li", beside=True) -> Tracked:
    return Tracked(device, NOW - round(minutes_ago * MINUTE), {one: NOW - round(since * MINUTE) for one in zones}, beside)


def test_a_person_with_badge_and_phone_is_one_person_where_the_phone_is():
    (li,) = people(SITE, [badge(90)], [phone(1, "tower", "floor")], now=NOW)
    assert (li.id, li.title.zh, li.zones, li.by, li.state) == ("li", "李工", ["tower", "floor"], "gps", "here")
    assert li.since == NOW - 90 * MINUTE
    assert dict(by_zone(SITE, [li])) == {"gate": 0, "tower": 1, "floor": 1}


def test_who_has_no_phone_is_where_the_badge_was_read():
    (found,) = people(SITE, [badge(90, person="wang", place="canteen")], [], now=NOW)
    assert (found.id, found.zones, found.by) == ("wang", ["canteen"], "check_in")
    assert dict(by_zone(SITE, [found]))["canteen"] == 1


def test_a_check_out_holds_although_the_phone_was_inside_before():
    assert people(SITE, [badge(5, "out")], [phone(1, "gate", since=60)], now=NOW) == []


def test_who_comes_back_past_the_badge_reader_is_here_by_the_phone():
    (li,) = people(SITE, [badge(120, "out")], [phone(1, "gate", since=60)], now=NOW)
    assert (li.by, li.zones) == ("gps", ["gate"])


def test_a_phone_that_is_far_away_takes_its_owner_off_the_site():
    assert people(SITE, [badge(90)], [phone(1, beside=False)], now=NOW) == []


def test_a_phone_that_fell_silent_leaves_its_owner_where_the_badge_says():
    (li,) = people(SITE, [badge(90)], [phone(40, "tower")], now=NOW)
    assert (li.by, li.zones) == ("check_in", ["gate"])


def test_who_is_known_by_a_silent_phone_alone_is_unknown_and_not_counted_as_here():
    (li,) = people(SITE, [], [phone(40, "tower")], now=NOW)
    assert (li.state, li.seen_at) == ("unknown", NOW - 40 * MINUTE)


def test_who_forgot_to_check_out_is_home_after_a_shift():
    assert people(SITE, [badge(SHIFT_NS / MINUTE + 1)], [], now=NOW) == []


def test_machines_are_where_their_trackers_are_or_where_the_site_file_puts_them():
    found = machines(SITE, [phone(1, "gate", device="digger"), phone(1, "gate", device="pallet")], now=NOW)
    assert [(one.id, one.zones, one.by) for one in found] == [("crane", ["tower"], "site_file"), ("digger", ["gate"], "gps")]


badges = st.lists(
    st.builds(badge, st.floats(0, 2000), st.sampled_from(["in", "out"]), st.sampled_from(["BADGE-1", "li", "wang"])), max_size=8
)
phones = st.lists(st.builds(phone, st.floats(0, 2000), st.sampled_from(["gate", "tower"])), max_size=1)


@given(badges, phones)
def test_nobody_is_there_twice_and_nobody_is_here_on_old_positions(told, carried):
    found = people(SITE, told, carried, now=NOW)
    assert len({one.id for one in found}) == len(found)
    assert all(one.by != "gps" or one.state == "unknown" or one.seen_at > NOW - FRESH_NS for one in found)
