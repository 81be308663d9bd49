"""The outbox: nothing lost, no holes, order kept, whatever is interleaved and whatever dies."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from edge_agent.outbox import Outbox, OutboxError, OutboxRefusedError, salvage, thinning
from plumbline import ranges
from plumbline.codec import decode_event
from plumbline.delivery import Watermark
from plumbline.event import CLASSES
from tests.unit.edge_agent.outbox_events import event

BIG = {"max_events": 10_000, "max_bytes": 2**30}


def outbox_at(path, **options):
    return Outbox(Path(path) / "outbox.db", **({"site": "s", "gateway": "g"} | options))


def watermark(outbox, upto, beyond=(), event_class="business", **other):
    fields = {"site": "s", "gateway": "g", "epoch": outbox.epoch, "event_class": event_class, "upto": upto, "beyond": beyond}
    return Watermark(**(fields | other))


async def pending(outbox, event_class="business", after=0, **limits):
    return [(row.seq, decode_event(row.body).id) for row in (await outbox.pending(event_class, after, **(BIG | limits))).events]


async def test_each_class_is_numbered_from_one_without_holes(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(1), event(2, "telemetry"), event(3)])
        await outbox.append([event(4, "telemetry")])
        for event_class in CLASSES:
            chunk = await outbox.pending(event_class, 0, **BIG)
            assert [(row.seq, decode_event(row.body).seq) for row in chunk.events] == [(1, 1), (2, 2)]
            assert {decode_event(row.body).epoch for row in chunk.events} == {outbox.epoch}


async def test_many_devices_at_once_share_transactions_and_keep_their_own_order(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        transactions = []
        original = outbox._file.transaction
        outbox._file.transaction = lambda **full: transactions.append(full) or original(**full)

        async def device(name):
            for n in range(20):
                await outbox.append([event(name * 1000 + n)])

        await asyncio.gather(*(device(name) for name in range(1, 26)))
        stored = [decode_event(row.body) for row in (await outbox.pending("business", 0, **BIG)).events]
        assert [row.seq for row in stored] == list(range(1, 501))
        for name in range(1, 26):
            assert [row.at for row in stored if row.at // 1000 == name] == [name * 1000 + n for n in range(20)]
        assert len(transactions) < 400


async def test_what_is_committed_is_no_longer_pending_and_can_be_replayed(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        events = [event(n) for n in range(1, 11)]
        await outbox.append(events)
        assert await outbox.commit_watermark(watermark(outbox, 4, ((7, 8),)))
        assert [seq for seq, _ in await pending(outbox)] == [5, 6, 9, 10]
        assert [seq for seq, _ in await pending(outbox, after=5)] == [6, 9, 10]
        assert (outbox.stream("business").pending, outbox.stream("business").upto) == (4, 4)
        again = await outbox.replay("business", ((2, 3), (8, 99)), **BIG)
        assert [(row.seq, decode_event(row.body).id) for row in again.events] == [
            (seq, events[seq - 1].id) for seq in (2, 3, 8, 9, 10)
        ]


@pytest.mark.parametrize("wrong", [{"epoch": "20200101T000000Z-00000000"}, {"gateway": "other"}, {"site": "other"}])
async def test_a_watermark_of_another_stream_changes_nothing(tmp_path, wrong):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(1)])
        assert not await outbox.commit_watermark(watermark(outbox, 1, **wrong))
        assert outbox.stream("business").pending == 1


async def test_a_lower_watermark_takes_nothing_back(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(n) for n in range(1, 6)])
        await outbox.commit_watermark(watermark(outbox, 5))
        await outbox.commit_watermark(watermark(outbox, 0, ((3, 3),)))
        assert outbox.stream("business").pending == 0


async def test_reading_stops_at_the_limits_but_yields_at_least_one(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(n) for n in range(1, 11)])
        assert len(await pending(outbox, max_events=3)) == 3
        assert len(await pending(outbox, max_bytes=1)) == 1
        size = len((await outbox.pending("business", 0, max_events=1, max_bytes=1)).events[0].body)
        assert len(await pending(outbox, max_bytes=size * 4)) == 4


async def test_history_keeps_the_newest_of_what_is_committed_within_its_bound(tmp_path):
    async with outbox_at(tmp_path, history_bytes=2000) as outbox:
        await outbox.append([event(n) for n in range(1, 101)])
        await outbox.commit_watermark(watermark(outbox, 90))
        kept = [row.seq for row in (await outbox.replay("business", ((1, 90),), **BIG)).events]
        assert kept == list(range(kept[0], 91))
        assert 1 <= len(kept) < 20
        assert outbox.stream("business").history_bytes <= 2000
        assert [seq for seq, _ in await pending(outbox)] == list(range(91, 101))


async def test_numbers_go_on_after_everything_was_forgotten(tmp_path):
    for first in (1, 4, 7):
        async with outbox_at(tmp_path, history_bytes=0) as outbox:
            await outbox.append([event(n) for n in range(3)])
            assert [seq for seq, _ in await pending(outbox)] == [first, first + 1, first + 2]
            await outbox.commit_watermark(watermark(outbox, first + 2))
            assert outbox.stream("business").history_bytes == 0


async def test_an_event_that_cannot_be_written_is_refused_alone_and_leaves_no_hole(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        bad = [event(1), structs.replace(event(2), text="\ud800")]
        answers = await asyncio.gather(
            outbox.append([event(1)]), outbox.append(bad), outbox.append([event(3)]), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [type(None), OutboxRefusedError, type(None)]
        with pytest.raises(OutboxRefusedError, match="at most 65472"):
            await outbox.append([structs.replace(event(2), raw=b"x" * 70_000)])
        assert [seq for seq, _ in await pending(outbox)] == [1, 2]


async def test_an_outbox_of_another_gateway_is_refused(tmp_path):
    async with outbox_at(tmp_path):
        pass
    with pytest.raises(OutboxRefusedError, match="belongs to s/g, this is s/h"):
        async with outbox_at(tmp_path, gateway="h"):
            pass


async def test_an_outbox_of_a_newer_agent_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "outbox.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxRefusedError, match="newer agent"):
        async with outbox_at(tmp_path):
            pass
    assert [path.name for path in tmp_path.iterdir() if "damaged" in path.name] == []


async def test_a_full_disk_is_said_and_survived(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(1)])
        outbox._reserve.plenty = lambda: False
        pages = outbox._file._connection.execute("PRAGMA page_count").fetchone()[0]
        outbox._file._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(OutboxError, match="disk is full; free some space"):
            await outbox.append([event(n) for n in range(500)])
        outbox._file._connection.execute("PRAGMA max_page_count = 100000")
        outbox._reserve.plenty = lambda: True
        await outbox.append([event(2)])
        assert [seq for seq, _ in await pending(outbox)] == [1, 2]


async def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutboxError, match="cannot be opened; check that the folder exists"):
        async with outbox_at(tmp_path / "missing"):
            pass


async def test_a_file_that_is_no_database_is_put_aside(tmp_path):
    (tmp_path / "outbox.db").write_bytes(b"not a database at all " * 1000)
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(1)])
        assert len(await pending(outbox)) == 1
    assert [path for path in tmp_path.iterdir() if ".damaged-" in path.name]


def damage(path):
    """Overwrite a page in the middle of the table's rows."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 4096 // 2
    data[middle * 4096 : (middle + 1) * 4096] = b"\xaa" * 4096
    path.write_bytes(bytes(data))


async def test_what_can_be_read_of_a_damaged_file_moves_to_a_new_epoch_in_order(tmp_path):
    events = [event(n) for n in range(1, 501)]
    async with outbox_at(tmp_path) as outbox:
        old = outbox.epoch
        await outbox.append(events)
        await outbox.commit_watermark(watermark(outbox, 20))
    damage(tmp_path / "outbox.db")
    with sqlite3.connect(tmp_path / "outbox.db") as connection:
        connection.execute("UPDATE identity SET closed = 0")  # as a killed agent leaves it: the next start checks
    async with outbox_at(tmp_path) as outbox:
        assert outbox.epoch != old
        saved = await pending(outbox)
    ids = [one.id for one in events]
    places = [ids.index(one) for _, one in saved]
    assert [seq for seq, _ in saved] == list(range(1, len(saved) + 1))
    assert places == sorted(places)
    assert min(places) >= 20
    assert len(saved) > 400


async def test_damage_found_while_running_renews_the_file_and_goes_on(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        old = outbox.epoch
        await outbox.append([event(n) for n in range(1, 501)])
        outbox._file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(tmp_path / "outbox.db")
        outbox._file._connection.execute("PRAGMA shrink_memory")
        with pytest.raises(OutboxError, match="damaged"):
            await pending(outbox)
        assert outbox.epoch != old
        last = event(501)
        await outbox.append([last])
        assert (await pending(outbox))[-1][1] == last.id


def crash_while_saving(monkeypatch, at):
    """Make the rescue of a damaged file fail after `at` pages, as if the agent had died there."""
    pages = []

    def add(into, event_class, events):
        pages.append(events)
        if len(pages) > at:
            raise OutboxError("the power went")
        return original(into, event_class, events)

    original = salvage._add
    monkeypatch.setattr(salvage, "_add", add)


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_rescue_that_is_interrupted_is_done_again(tmp_path, monkeypatch, at):
    events = [event(n) for n in range(1, 1201)]
    async with outbox_at(tmp_path) as outbox:
        await outbox.append(events)
    damage(tmp_path / "outbox.db")
    with sqlite3.connect(tmp_path / "outbox.db") as connection:
        connection.execute("UPDATE identity SET closed = 0")
    with monkeypatch.context() as patch:
        crash_while_saving(patch, at)
        with pytest.raises(OutboxError, match="the power went"):
            await outbox_at(tmp_path).__aenter__()
    async with outbox_at(tmp_path) as outbox:
        saved = {one for _, one in await pending(outbox)}
        assert len(saved) > 1000
        assert saved <= {one.id for one in events}
    assert len([path for path in tmp_path.iterdir() if ".damaged-" in path.name and path.suffix != "-wal"]) >= 1
    assert not [path for path in tmp_path.iterdir() if ".salvage-" in path.name]


async def test_putting_aside_that_is_interrupted_loses_nothing_of_the_log(tmp_path):
    path = tmp_path / "outbox.db"
    events = [event(n) for n in range(1, 11)]
    async with outbox_at(tmp_path) as outbox:
        await outbox.append(events)
        kept = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", "-wal")}
    for suffix, content in kept.items():
        path.with_name(path.name + suffix).write_bytes(content)
    path.with_name("outbox.db-wal").rename(path.with_name("outbox.db.salvage-20260101T000000Z-wal"))
    async with outbox_at(tmp_path) as outbox:
        assert [one for _, one in await pending(outbox)] == [one.id for one in events]


async def test_a_file_that_is_an_older_copy_moves_what_ingest_lacks_to_a_new_epoch(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        old = outbox.epoch
        events = [event(n) for n in range(1, 11)]
        await outbox.append(events)
        await pending(outbox)
        await outbox.commit_watermark(watermark(outbox, 4))
        await outbox.commit_watermark(watermark(outbox, 12))
        assert outbox.epoch != old
        assert await pending(outbox) == [(n, one.id) for n, one in enumerate(events[4:], 1)]
        assert not await outbox.commit_watermark(watermark(outbox, 12, epoch=old))


async def test_a_file_that_cannot_be_replaced_at_once_is_replaced_by_the_next_request(tmp_path, monkeypatch):
    async with outbox_at(tmp_path) as outbox:
        events = [event(n) for n in range(1, 4)]
        await outbox.append(events)
        with monkeypatch.context() as patch:
            crash_while_saving(patch, 0)
            with pytest.raises(OutboxError, match="the power went"):
                await outbox.commit_watermark(watermark(outbox, 99))
            with pytest.raises(OutboxError, match="is being replaced"):
                await pending(outbox)
        await outbox.append([event(4)])
        assert [one for _, one in await pending(outbox)][:3] == [one.id for one in events]


async def test_a_closed_outbox_says_so(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        pass
    with pytest.raises(OutboxError, match="is closed"):
        await outbox.append([event(1)])


WRITER = """
import asyncio, sys
from pathlib import Path
from edge_agent.outbox import Outbox
from tests.unit.edge_agent.outbox_events import event

async def device(outbox, name):
    n = 0
    while True:
        n += 1
        one = event(n, "business" if name % 2 else "telemetry")
        await outbox.append([one])
        print(one.id, flush=True)

async def main():
    async with Outbox(Path(sys.argv[1]), site="s", gateway="g") as outbox:
        await asyncio.gather(*(device(outbox, name) for name in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 200, 1000])
def test_a_killed_agent_leaves_every_accepted_event_in_the_file(tmp_path, lines):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "outbox.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        accepted = [process.stdout.readline().strip() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        accepted += [line.strip() for line in process.stdout.read().split("\n")[:-1]]

    async def check():
        async with outbox_at(tmp_path) as outbox:
            kept = {name: await pending(outbox, name) for name in CLASSES}
            assert set(accepted) <= {one for rows in kept.values() for _, one in rows}
            for name in CLASSES:
                assert [seq for seq, _ in kept[name]] == list(range(1, outbox.stream(name).last + 1))

    assert len(accepted) >= lines
    asyncio.run(check())


def numbers_of(pairs):
    return [n for first, last in pairs for n in range(first, last + 1)]


async def test_above_its_bound_history_goes_first_then_old_telemetry_in_blocks_and_never_business(tmp_path):
    async with outbox_at(tmp_path, max_bytes=400_000) as outbox:
        await outbox.append([event(n) for n in range(300)])
        await outbox.commit_watermark(watermark(outbox, 100))
        for n in range(30):
            await outbox.append([event(n * 100 + i, "telemetry") for i in range(100)])
        business, telemetry = (outbox.stream(name) for name in CLASSES)
        assert business.history_bytes == 0
        assert [seq for seq, _ in await pending(outbox)] == list(range(101, 301))
        assert business.pending_bytes + telemetry.pending_bytes <= 400_000
        assert telemetry.thinned
        kept = [seq for seq, _ in await pending(outbox, "telemetry")]
        assert kept == [n for n in range(1, 3001) if not ranges.contains(telemetry.thinned, n)]
        assert kept[-64:] == list(range(2937, 3001)), "what is new stays"
        oldest, newest = (sum(n in range(*span) for n in kept) for span in ((1, 1001), (2001, 3001)))
        assert 0 < oldest < newest, "what is oldest is the most sparse, and none of it is blank"


async def test_what_was_thinned_is_remembered_until_ingest_knows_it_also_over_a_restart(tmp_path):
    async with outbox_at(tmp_path, max_bytes=100_000) as outbox:
        await outbox.append([event(n, "telemetry") for n in range(1000)])
        await outbox.append([event(n, "telemetry") for n in range(1000)])
        thinned = outbox.stream("telemetry").thinned
        assert thinned
    async with outbox_at(tmp_path, max_bytes=100_000) as outbox:
        assert outbox.stream("telemetry").thinned == thinned
        assert outbox.stream("telemetry").last == 2000
        await outbox.commit_watermark(watermark(outbox, 500, ((1500, 2000),), event_class="telemetry"))
        assert outbox.stream("telemetry").thinned == ranges.difference(thinned, ((1, 500), (1500, 2000)))
        await outbox.commit_watermark(watermark(outbox, 2000, event_class="telemetry"))
        assert outbox.stream("telemetry").thinned == ()
        assert outbox.stream("telemetry").pending == 0


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([event(1)])
        epoch = outbox.epoch
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as connection:
        connection.execute("DROP TABLE thinned")
        connection.execute("PRAGMA user_version = 1")
    async with outbox_at(tmp_path) as outbox:
        assert (outbox.epoch, outbox.stream("business").pending) == (epoch, 1)


async def test_on_a_full_disk_scans_are_kept_at_the_cost_of_old_telemetry(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        for n in range(20):
            await outbox.append([event(n * 100 + i, "telemetry") for i in range(100)])
        outbox._reserve.plenty = lambda: False
        connection = outbox._file._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        for n in range(300):
            await outbox.append([event(n)])
        assert outbox.stream("business").pending == 300
        assert outbox.stream("telemetry").thinned
        for n in range(50):
            await outbox.append([event(2000 + n * 100 + i, "telemetry") for i in range(100)])
        connection.execute("PRAGMA max_page_count = 1000000")
        outbox._reserve.plenty = lambda: True
        await outbox.append([event(301)])
        assert outbox.full is None
        telemetry = outbox.stream("telemetry")
        assert telemetry.pending + ranges.count(telemetry.thinned) == 7000, "every number is either kept or told of"


class OutboxMachine(RuleBasedStateMachine):
    """Any order of appending, watermarks, replay and opening again, against a model made of lists."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(thinning, "BLOCK", 4)  # few events show what many do
        self.model = {name: [] for name in CLASSES}
        self.held = dict.fromkeys(CLASSES, ())

    def run(self, coroutine):
        return self.runner.run(coroutine)

    async def _open(self):
        self.outbox = outbox_at(self.folder.name, history_bytes=self.history, max_bytes=self.most)
        await self.outbox.__aenter__()

    @initialize(history=st.sampled_from([0, 1500, 10**9]), most=st.sampled_from([6000, 10**9]))
    def start(self, history, most):
        self.history, self.most = history, most
        self.run(self._open())
        self.epoch = self.outbox.epoch

    def teardown(self):
        self.run(self.outbox.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()
        self.patch.undo()

    @rule(classes=st.lists(st.lists(st.sampled_from(CLASSES), max_size=20), min_size=1, max_size=4))
    def append(self, classes):
        groups = [[event(n, name) for n, name in enumerate(group)] for group in classes]

        async def together():
            await asyncio.gather(*(self.outbox.append(group) for group in groups))

        self.run(together())
        for one in (one for group in groups for one in group):
            self.model[one.event_class].append(one.id)

    @rule(name=st.sampled_from(CLASSES), data=st.data())
    def commit(self, name, data):
        last = len(self.model[name])
        upto = data.draw(st.integers(0, last))
        beyond = ranges.of(data.draw(st.sets(st.integers(1, max(last, 1)), max_size=5)) if last else ())
        self.run(self.outbox.commit_watermark(watermark(self.outbox, upto, beyond, name)))
        self.held[name] = ranges.union(self.held[name], ((1, upto),) if upto else (), beyond)

    @rule(name=st.sampled_from(CLASSES), first=st.integers(1, 60), length=st.integers(0, 60))
    def replay(self, name, first, length):
        chunk = self.run(self.outbox.replay(name, ((first, first + length),), **BIG))
        for row in chunk.events:
            assert decode_event(row.body).id == self.model[name][row.seq - 1]
        kept = {row.seq for row in chunk.events}
        owed = {n for n in range(first, first + length + 1) if n <= self.outbox.stream(name).durable}
        missing = owed - kept - set(numbers_of(self.outbox.stream(name).thinned))
        if self.history == self.most == 10**9:
            assert not missing
        elif self.most == 10**9:
            assert all(n <= ranges.watermark(self.held[name])[0] for n in missing)
        else:  # above its bound the outbox gives up what ingest holds
            assert all(ranges.contains(self.held[name], n) for n in missing)

    @rule(kill=st.booleans())
    def open_again(self, kill):
        if kill:  # a process that dies closes nothing: copy what is on the disk now
            with tempfile.TemporaryDirectory() as frozen:
                for suffix in ("", "-wal"):
                    source = Path(self.folder.name) / f"outbox.db{suffix}"
                    if source.exists():
                        (Path(frozen) / source.name).write_bytes(source.read_bytes())
                self.run(self.outbox.__aexit__(None, None, None))
                for path in Path(self.folder.name).iterdir():
                    path.unlink()
                for path in Path(frozen).iterdir():
                    (Path(self.folder.name) / path.name).write_bytes(path.read_bytes())
        else:
            self.run(self.outbox.__aexit__(None, None, None))
        self.run(self._open())
        assert self.outbox.epoch == self.epoch

    @precondition(lambda self: hasattr(self, "epoch"))
    @invariant()
    def nothing_is_lost(self):
        for name in CLASSES:
            stream = self.outbox.stream(name)
            assert name == "telemetry" or not stream.thinned, "business is never thinned"
            assert ranges.difference(stream.thinned, self.held[name]) == stream.thinned, "ingest knows what it holds"
            gone = ranges.union(self.held[name], stream.thinned)
            expected = [(seq, one) for seq, one in enumerate(self.model[name], 1) if not ranges.contains(gone, seq)]
            assert self.run(pending(self.outbox, name)) == expected
            assert (stream.last, stream.pending) == (len(self.model[name]), len(expected))
            assert stream.history_bytes >= 0
            assert (stream.pending_bytes > 0) == (len(expected) > 0)

    @precondition(lambda self: hasattr(self, "epoch"))
    @invariant()
    def only_business_and_the_newest_telemetry_may_exceed_the_bound(self):
        business, telemetry = (self.outbox.stream(name) for name in CLASSES)
        if business.pending_bytes + business.history_bytes + telemetry.pending_bytes + telemetry.history_bytes > self.most:
            assert telemetry.pending <= 3 * thinning.BLOCK


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase
