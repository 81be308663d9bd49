"""Whatever clocks, receivers, restarts and reboots do: order is kept, corrections are true, and only of the own boot."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.clock import HOLDOVER_NS, UNSET_NS, EventClock, Reference, corrected
from plumbline.discipline import AGREE_NS, EARLIEST_NS, ROLLOVER_NS, SPREAD_NS
from plumbline.event import Scan

S = 10**9
HOUR = 3600 * S
DAY = 24 * HOUR
NOW = EARLIEST_NS + 1000 * DAY
"""The true time at which these stories begin."""


class Gateway:
    """A gateway in a world where the true time is known; its wall clock shows anything."""

    def __init__(self, wall=0) -> None:
        self.true = NOW
        self.booted = NOW
        self.boots = 0
        self.wall_offset = wall - NOW
        self.synced = False
        self.known = 0, False
        self.log = []
        self.first = {}
        self.start()

    def start(self) -> None:
        """A new process of the agent."""
        self.clock = EventClock(
            wall_ns=lambda: max(0, self.true + self.wall_offset),
            mono_ns=lambda: self.true - self.booted,
            quality=lambda: "ntp" if self.synced else "free",
            boot=f"boot-{self.boots}",
        )
        self.clock.passed(self.known[0], known=self.known[1])
        if self.clock.boot in self.first:
            self.clock.resume(self.first[self.clock.boot])
        self.clock.remember(self.outbox())

    def boot(self, off_ns, wall) -> None:
        self.known = max(self.known[0], self.clock.floor()), self.known[1]
        self.true += off_ns
        self.booted, self.boots, self.wall_offset, self.synced = self.true, self.boots + 1, wall - self.true, False
        self.start()

    def sync(self) -> None:
        self.wall_offset, self.synced = 0, True

    def scan(self, device="gate") -> None:
        stamp = self.clock.stamp(device)
        event = Scan(
            id=f"00000000-0000-7000-8000-{len(self.log):012d}",
            site="s",
            gateway="g",
            device=device,
            at=stamp.at,
            clock=stamp.clock,
            epoch="e",
            seq=1,
            raw=b"",
            text="",
        )
        self.log.append((self.true, event))
        self.look()

    def tell(self, receiver="gps", wrong_ns=0, delay_ns=300_000_000) -> None:
        self.clock.observe(receiver, self.true - delay_ns + wrong_ns, self.true - self.booted)
        self.look()

    def receive(self, seconds, receiver="gps", **how) -> None:
        for _ in range(seconds):
            self.true += S
            self.tell(receiver, **how)

    def look(self) -> None:
        if self.clock.look() is not None:
            self.known = self.clock.now().at, True
        if self.clock.first is not None:
            self.first.setdefault(self.clock.boot, self.clock.first)

    def outbox(self):
        """Every event, as the outbox holds it by now."""
        return [event for _, event in self.truth()]

    def truth(self):
        for true, event in self.log:
            first = self.first.get(event.clock.boot)
            yield true, (first and corrected(event, event.clock.boot, first)) or event

    def assert_ordered(self) -> None:
        times = defaultdict(list)
        for event in self.outbox():
            times[event.device].append(event.at)
        for device, given_ in times.items():
            assert all(a < b for a, b in pairwise(given_)), device


def test_before_a_time_server_spoke_nothing_is_believed_and_afterwards_everything_is_right():
    gateway = Gateway(wall=0)
    for _ in range(3):
        gateway.true += S
        gateway.scan()
    assert [event.clock.quality for event in gateway.outbox()] == ["free"] * 3
    assert all(event.clock.unset and event.at >= EARLIEST_NS for event in gateway.outbox())
    gateway.sync()
    gateway.true += S
    gateway.scan()
    for true, event in gateway.truth():
        assert (event.at, event.clock.quality) == (true, "ntp")
    originals = [event.clock.original for event in gateway.outbox()]
    assert originals == [event.at for _, event in gateway.log[:3]] + [None]
    assert not any(event.clock.unset for event in gateway.outbox())


def test_a_gateway_without_a_time_server_stamps_by_its_receiver_within_the_delay_of_its_line():
    gateway = Gateway(wall=5 * S)
    gateway.scan()
    gateway.receive(4)
    gateway.scan()
    for true, event in gateway.truth():
        assert event.clock.quality == "gps"
        assert 0 <= true - event.at <= 300_000_000
    assert gateway.clock.gps_offset_ns == gateway.wall_offset + 300_000_000
    gateway.assert_ordered()


def test_a_single_word_of_a_receiver_is_not_enough():
    gateway = Gateway(wall=0)
    gateway.receive(2)
    assert gateway.clock.reference is None


@pytest.mark.parametrize("wrong", [-ROLLOVER_NS, -1001 * DAY, ROLLOVER_NS, 30 * 365 * DAY])
def test_a_receiver_that_is_years_wrong_poisons_nothing(wrong):
    gateway = Gateway(wall=0)
    gateway.receive(10, wrong_ns=wrong)
    gateway.scan()
    assert gateway.outbox()[0].clock.quality == "free"
    gateway.receive(10, "other")
    gateway.scan()
    for true, event in gateway.truth():
        assert event.clock.quality == "gps"
        assert abs(true - event.at) <= SPREAD_NS


def test_a_receiver_behind_the_last_known_good_time_is_not_believed_unless_the_wall_clock_agrees():
    gateway = Gateway(wall=NOW)
    gateway.known = NOW + 30 * DAY, True  # a time server was wrong once
    gateway.start()
    gateway.receive(5)
    assert gateway.clock.reference.quality == "gps"
    gateway.boot(60 * S, wall=0)
    gateway.known = NOW + 30 * DAY, True
    gateway.start()
    gateway.receive(5)
    assert gateway.clock.reference is None


def test_of_receivers_that_contradict_each_other_the_majority_counts_and_of_two_none():
    gateway = Gateway(wall=0)
    for _ in range(6):
        gateway.true += S
        gateway.tell("a")
        gateway.tell("b", wrong_ns=90 * DAY)
    assert gateway.clock.reference is None
    for _ in range(6):
        gateway.true += S
        for receiver, wrong in (("a", 0), ("b", 90 * DAY), ("c", S)):
            gateway.tell(receiver, wrong_ns=wrong)
    assert abs(gateway.clock.now().at - gateway.true) < AGREE_NS


def test_a_receiver_that_jumps_about_is_not_steady():
    gateway = Gateway(wall=0)
    for second in range(20):
        gateway.true += S
        gateway.tell(wrong_ns=(second % 3) * 10 * S)
    assert gateway.clock.reference is None


def test_nothing_is_corrected_across_boots():
    gateway = Gateway(wall=0)
    gateway.scan()
    gateway.boot(10 * S, wall=0)
    gateway.scan()
    gateway.sync()
    gateway.look()
    before, after = gateway.outbox()
    assert (before.clock.quality, before.clock.original) == ("free", None)
    assert (after.clock.quality, after.at) == ("ntp", gateway.true)
    other = Reference("ntp", 0, 2**62)
    assert corrected(before, "another boot", other) is None


def test_an_agent_that_starts_again_before_the_sync_leaves_events_that_are_corrected_all_the_same():
    gateway = Gateway(wall=0)
    gateway.scan()
    gateway.start()
    gateway.scan()
    gateway.true += S
    gateway.sync()
    gateway.start()
    gateway.scan()
    assert [event.at for event in gateway.outbox()] == [NOW, NOW + 1, NOW + S]
    gateway.synced = False
    gateway.wall_offset = -NOW
    gateway.start()  # the clock is lost, but the first reference of this boot is known
    gateway.scan()
    assert gateway.outbox()[-1].at == NOW + S + 1
    gateway.assert_ordered()


def test_a_reference_that_falls_silent_is_carried_on_by_the_monotonic_clock_and_then_vouched_for_no_more():
    gateway = Gateway(wall=0)
    gateway.sync()
    gateway.scan()
    gateway.synced, gateway.wall_offset = False, -5 * DAY  # set by hand: settimeofday(2) also ends the discipline
    for wait, quality in ((HOLDOVER_NS, "ntp"), (S, "free")):
        gateway.true += wait
        gateway.scan()
        assert (gateway.outbox()[-1].at, gateway.outbox()[-1].clock.quality) == (gateway.true, quality)


@pytest.mark.parametrize("jump", [-HOUR, HOUR, -S // 2, 40 * S])
def test_a_step_of_the_time_server_never_reorders_and_what_it_leaves_wrong_is_not_vouched_for(jump):
    gateway = Gateway(wall=NOW)
    gateway.sync()
    for step in (0, jump, 0, -jump, 0):
        gateway.wall_offset += step
        for _ in range(3):
            gateway.true += S
            gateway.scan()
            gateway.scan("other")
    gateway.assert_ordered()
    for _, event in gateway.log:
        if event.clock.quality == "free":
            assert abs(jump) > S


def test_a_wall_clock_before_a_time_that_has_passed_is_not_used_and_one_a_little_slow_is():
    gateway = Gateway(wall=NOW)
    gateway.known = NOW + UNSET_NS // 2, True
    gateway.start()
    gateway.scan()
    assert (gateway.outbox()[0].at, gateway.outbox()[0].clock.unset) == (NOW, False)
    gateway.boot(S, wall=NOW - DAY)
    gateway.scan("other")
    event = gateway.outbox()[-1]
    assert event.clock.unset
    assert event.at >= NOW + UNSET_NS // 2


steps = st.lists(
    st.one_of(
        st.tuples(st.just("scan"), st.sampled_from(["gate", "crane"])),
        st.tuples(st.just("pass"), st.integers(0, 2 * HOUR)),
        st.tuples(st.just("jump"), st.integers(-3 * HOUR, 3 * HOUR)),
        st.tuples(st.just("set"), st.sampled_from([0, NOW - 400 * DAY, NOW + 3 * HOUR])),
        st.tuples(st.just("sync"), st.booleans()),
        st.tuples(st.just("gps"), st.integers(0, SPREAD_NS - 1)),
        st.tuples(st.just("false gps"), st.sampled_from([-ROLLOVER_NS, ROLLOVER_NS])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("reboot"), st.integers(60 * S, DAY)),
    ),
    max_size=60,
)


def pass_by(gateway, value, _rtc):
    gateway.true += value


def jump(gateway, value, _rtc):
    gateway.wall_offset += 0 if gateway.synced else value


def set_wall(gateway, value, _rtc):
    if not gateway.synced:
        gateway.wall_offset = value - gateway.true


def sync(gateway, value, _rtc):
    if value:
        gateway.sync()
        gateway.true += 10 * S  # the timekeeper looks every second, and the kernel is asked every ten
        gateway.look()
    else:
        gateway.synced = False


ACTS = {
    "scan": lambda gateway, value, _: gateway.scan(value),
    "pass": pass_by,
    "jump": jump,
    "set": set_wall,
    "sync": sync,
    "gps": lambda gateway, value, _: gateway.receive(5, delay_ns=value),
    "false gps": lambda gateway, value, _: gateway.receive(5, "false", wrong_ns=value),
    "restart": lambda gateway, *_: gateway.start(),
    "reboot": lambda gateway, value, rtc: gateway.boot(value, wall=gateway.true + value if rtc else 0),
}


@given(st.booleans(), steps)
def test_whatever_happens_order_is_kept_and_corrections_are_true(rtc, story):
    gateway = Gateway(wall=NOW if rtc else 0)
    for what, value in story:
        gateway.true += S
        ACTS[what](gateway, value, rtc)
    latest = {}
    for (stamped_true, stamped), (true, event) in zip(gateway.log, gateway.truth(), strict=True):
        assert stamped_true == true
        assert event.id == stamped.id
        assert event.seq == stamped.seq
        if event is stamped:
            assert event.clock.original is None
        else:
            assert event.clock.original == stamped.at
            assert abs(event.at - true) <= SPREAD_NS + 1000
        assert event.clock.quality == "free" or abs(event.at - true) <= AGREE_NS
        # Between boots the order is that of what is known; within one it is kept whatever is known.
        key = event.device, event.clock.boot
        assert event.at > latest.get(key, -1)
        latest[key] = event.at


unset = st.lists(
    st.one_of(
        st.tuples(st.just("scan"), st.sampled_from(["gate", "crane"])),
        st.tuples(st.just("pass"), st.integers(0, 2 * HOUR)),
        st.tuples(st.just("sync"), st.booleans()),
        st.tuples(st.just("gps"), st.integers(0, SPREAD_NS - 1)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("reboot"), st.integers(60 * S, DAY)),
    ),
    max_size=60,
)


@given(unset)
def test_without_a_battery_order_is_kept_over_reboots_too(story):
    gateway = Gateway(wall=0)
    for what, value in story:
        gateway.true += S
        ACTS[what](gateway, value, False)
    gateway.assert_ordered()
