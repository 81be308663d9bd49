"""What the gateway knows of the time survives restarts and power cuts, and corrects what was stamped before."""

from functools import partial

import pytest

from edge_agent.channel import Channel
from edge_agent.outbox import Outbox
from edge_agent.timekeeper import HOLD_NS, Timekeeper, time_daemon
from plumbline import clock_set, topics
from plumbline.capture import Capture
from plumbline.clock import EventClock
from plumbline.codec import decode_event
from plumbline.complete import Completer
from plumbline.discipline import EARLIEST_NS
from plumbline.event import CLASSES, Fix, Scan

S = 10**9
NOW = 1_795_000_000 * S
BIG = {"max_events": 10_000, "max_bytes": 2**30}


class World:
    """The true time, and a gateway whose wall clock shows something else."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.true = NOW
        self.booted = NOW - 5 * S
        self.wall = 0
        self.synced = False
        self.boot = "boot-1"
        self.channel = Channel()

    def clock(self):
        return EventClock(
            wall_ns=lambda: self.true if self.synced else self.wall,
            mono_ns=lambda: self.true - self.booted,
            quality=lambda: "ntp" if self.synced else "free",
            boot=self.boot,
        )

    def outbox(self):
        return Outbox(self.folder / "outbox.db", site="s", gateway="g")

    async def keeper(self, outbox, clock, *, daemon=False, receives=False):
        keeper = Timekeeper(
            clock, outbox=outbox, data=self.folder, channel=self.channel, receives=receives, daemon=lambda: daemon
        )
        await keeper.begin()
        return keeper

    def told(self):
        payload = self.channel._posted.get(topics.clock("s", "g"))
        return None if payload is None else clock_set.decode(payload)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def scan(outbox, clock, device="gate"):
    completer = Completer(site="s", gateway="g", clock=clock)
    await outbox.append([completer.complete(Capture(device, partial(Scan, raw=b"x", text="x")))])


async def kept(outbox):
    chunks = [await outbox.replay(name, ((1, 10**6),), **BIG) for name in CLASSES]
    return [decode_event(row.body) for chunk in chunks for row in chunk.events]


async def test_scans_of_two_processes_before_the_sync_are_corrected_and_ingest_is_told(world):
    for _ in range(2):
        async with world.outbox() as outbox:
            clock = world.clock()
            keeper = await world.keeper(outbox, clock)
            await scan(outbox, clock)
            await keeper.step()
            world.true += S
    assert world.told() is None
    async with world.outbox() as outbox:
        clock = world.clock()
        keeper = await world.keeper(outbox, clock)
        world.synced = True
        world.true += 20 * S
        await keeper.step()
        await scan(outbox, clock)
        events = await kept(outbox)
        assert [event.at for event in events] == [NOW, NOW + S, NOW + 22 * S]
        assert [event.clock.quality for event in events] == ["ntp"] * 3
        assert [event.seq for event in events] == [1, 2, 3]
        (boot,) = world.told().boots
        assert (boot.boot, boot.quality, boot.offset_ns) == ("boot-1", "ntp", world.booted)


async def test_a_gateway_that_was_in_time_from_the_start_tells_nothing(world):
    world.synced = True
    async with world.outbox() as outbox:
        clock = world.clock()
        keeper = await world.keeper(outbox, clock)
        await scan(outbox, clock)
        await keeper.step()
        assert world.told() is None
        assert outbox.references.keys() == {"boot-1"}


async def test_a_boot_that_never_learns_the_time_begins_after_what_was_known_before(world):
    world.synced = True
    async with world.outbox() as outbox:
        clock = world.clock()
        keeper = await world.keeper(outbox, clock)
        await scan(outbox, clock)
        world.true += 30 * S
        keeper.save()
    world.boot, world.booted, world.synced = "boot-2", world.true + 100 * S, False
    world.true = world.booted + 5 * S
    async with world.outbox() as outbox:
        clock = world.clock()
        await world.keeper(outbox, clock)
        await scan(outbox, clock)
        first, second = await kept(outbox)
        assert second.at >= NOW + 30 * S > first.at
        assert (second.clock.quality, second.clock.unset) == ("free", True)


async def test_an_agent_that_starts_again_later_in_a_boot_goes_on_with_what_was_known(world):
    world.synced = True
    async with world.outbox() as outbox:
        clock = world.clock()
        await (await world.keeper(outbox, clock)).step()
    world.synced = False
    world.true += 7 * S
    async with world.outbox() as outbox:
        clock = world.clock()
        await world.keeper(outbox, clock)
        await scan(outbox, clock)
        (event,) = await kept(outbox)
        assert (event.at, event.clock.quality) == (world.true, "ntp")


async def test_a_torn_file_is_no_more_than_forgotten(world):
    (world.folder / "clock.json").write_bytes(b'{"passed_ns": 17')
    async with world.outbox() as outbox:
        clock = world.clock()
        await world.keeper(outbox, clock)
        assert clock.now().at >= EARLIEST_NS


async def test_events_wait_for_the_time_only_where_somebody_will_tell_it_and_not_for_long(world):
    async with world.outbox() as outbox:
        clock = world.clock()
        assert (await world.keeper(outbox, clock)).hold_s("business") == 0
        receiving = await world.keeper(outbox, clock, receives=True)
        keeper = await world.keeper(outbox, clock, daemon=True)
        for one in (receiving, keeper):
            assert [one.hold_s(name) for name in CLASSES] == [25.0, 295.0]
        world.wall = world.true
        assert [receiving.hold_s(name) for name in CLASSES] == [0.0, 0.0]
        world.true = world.booted + HOLD_NS["business"]
        assert [keeper.hold_s(name) for name in CLASSES] == [0.0, 270.0]
        world.synced = True
        await keeper.step()
        assert [keeper.hold_s(name) for name in CLASSES] == [0.0, 0.0]


async def test_fixes_of_a_live_receiver_set_the_clock_and_health_says_so(world):
    world.wall = 1000 * S
    async with world.outbox() as outbox:
        clock = world.clock()
        keeper = await world.keeper(outbox, clock)
        completer = Completer(site="s", gateway="g", clock=clock)
        assert keeper.health()[0]["clock_unset"] == 1
        await scan(outbox, clock)
        for _ in range(4):
            world.true += S
            fix = Capture("crane", partial(Fix, lat=1.0, lon=2.0), world.true - S // 2, heard_ns=clock.mono())
            await outbox.append([completer.complete(fix)])
        await keeper.step()
        events = await kept(outbox)
        assert (events[0].at, events[0].clock.quality) == (NOW - S // 2, "gps")
        values, text = keeper.health()
        assert text == "gps"
        assert values["clock_disciplined"] == 1
        assert values["clock_gps_offset_s"] == pytest.approx((1000 * S - world.true) / S + 0.5)
        (boot,) = world.told().boots
        assert boot.quality == "gps"


def test_a_time_daemon_is_known_by_what_it_leaves(tmp_path):
    assert not time_daemon(tmp_path)
    (tmp_path / "chrony").mkdir()
    assert time_daemon(tmp_path)
