"""Events that were stamped before the gateway knew the time are corrected where they lie, once, whoever dies meanwhile."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from msgspec import structs

from edge_agent.outbox import Outbox, correction
from plumbline.clock import Reference
from plumbline.codec import decode_event
from plumbline.delivery import Watermark
from plumbline.event import CLASSES, ClockReading
from tests.unit.edge_agent.outbox_events import event

BIG = {"max_events": 10_000, "max_bytes": 2**30}
OFFSET = 1_790_000_000 * 10**9
FIRST = Reference("ntp", OFFSET, 10**12)


def outbox_at(path):
    return Outbox(path / "outbox.db", site="s", gateway="g")


def made(n, event_class="business", boot="now", quality="free", mono=None):
    clock = ClockReading(quality=quality, boot=boot, mono=n if mono is None else mono, unset=quality == "free")
    return structs.replace(event(n, event_class), clock=clock)


async def kept(outbox):
    chunks = [await outbox.replay(name, ((1, 10**6),), **BIG) for name in CLASSES]
    return [decode_event(row.body) for chunk in chunks for row in chunk.events]


async def test_events_of_the_boot_are_corrected_and_nothing_else(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([made(1, boot="old"), made(2), made(3, quality="gps"), made(4, mono=FIRST.mono_ns), made(5)])
        before = {one.id: one for one in await kept(outbox)}
        await outbox.note_reference("now", FIRST)
        await outbox.correct()
        after = await kept(outbox)
        assert [one.at for one in after] == [1, OFFSET + 2, 3, 4, OFFSET + 5]
        assert [one.clock.original for one in after] == [None, 2, None, None, 5]
        assert [one.clock.quality for one in after] == ["free", "ntp", "gps", "free", "ntp"]
        assert not after[1].clock.unset
        for one in after:
            old = before[one.id]
            assert structs.replace(one, at=old.at, clock=old.clock) == old


async def test_both_classes_and_history_are_corrected_and_the_sizes_follow(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([made(n, name) for name in CLASSES for n in range(1, 6)])
        await outbox.commit_watermark(
            Watermark(site="s", gateway="g", epoch=outbox.epoch, event_class="business", upto=3, beyond=())
        )
        await outbox.note_reference("now", FIRST)
        await outbox.correct()
        assert [one.at for one in await kept(outbox)] == [OFFSET + n for n in range(1, 6)] * 2
        sizes = {name: (outbox.stream(name).pending_bytes, outbox.stream(name).history_bytes) for name in CLASSES}
    async with outbox_at(tmp_path) as outbox:
        assert sizes == {name: (outbox.stream(name).pending_bytes, outbox.stream(name).history_bytes) for name in CLASSES}
        assert outbox.stream("business").upto == 3


async def test_what_was_stamped_before_the_reference_and_comes_later_is_corrected_as_it_comes(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.note_reference("now", FIRST)
        await outbox.append([made(7), made(8, boot="old"), made(9, mono=FIRST.mono_ns + 1)])
        assert [one.at for one in await kept(outbox)] == [OFFSET + 7, 8, 9]


async def test_the_first_reference_of_a_boot_stays_also_over_a_restart(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([made(1)])
        await outbox.note_reference("now", FIRST)
        await outbox.note_reference("now", FIRST._replace(offset_ns=5))
    async with outbox_at(tmp_path) as outbox:
        assert outbox.references == {"now": FIRST}
        await outbox.note_reference("now", FIRST._replace(offset_ns=5))
        await outbox.correct()
        assert [one.at for one in await kept(outbox)] == [OFFSET + 1]


async def test_the_references_of_long_gone_boots_are_forgotten(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        for n in range(40):
            await outbox.note_reference(f"boot-{n}", FIRST)
        assert list(outbox.references) == [f"boot-{n}" for n in range(24, 40)]


async def test_a_slice_that_fails_is_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(correction, "SLICE", 3)
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([made(n) for n in range(1, 11)])
        await outbox.note_reference("now", FIRST)
        work, fails = correction.corrected, iter([False] * 4 + [True])

        def breaks(*arguments):
            if next(fails, False):
                raise sqlite3.OperationalError("disk I/O error")
            return work(*arguments)

        monkeypatch.setattr(correction, "corrected", breaks)
        with pytest.raises(Exception, match="disk I/O error"):
            await outbox.correct()
        await outbox.correct()
        assert [one.at for one in await kept(outbox)] == [OFFSET + n for n in range(1, 11)]
        assert [one.clock.original for one in await kept(outbox)] == list(range(1, 11))


async def test_references_survive_the_rescue_of_a_damaged_file(tmp_path):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([made(1)])
        await outbox.note_reference("now", FIRST)
        epoch = outbox.epoch
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM identity")
    async with outbox_at(tmp_path) as outbox:
        assert outbox.epoch != epoch
        assert outbox.references == {"now": FIRST}
        assert [one.at for one in await kept(outbox)] == [OFFSET + 1]


KILLED = """
import asyncio, sys
from pathlib import Path
from edge_agent.outbox import Outbox, correction
from plumbline.clock import Reference
correction.SLICE = 7

async def main():
    async with Outbox(Path(sys.argv[1]) / "outbox.db", site="s", gateway="g") as outbox:
        await outbox.note_reference("now", Reference("ntp", {offset}, 10**12))
        work, count = correction.corrected, 0
        def counted(*arguments):
            nonlocal count
            count += 1
            if count == int(sys.argv[2]):
                print("here", flush=True)
                sys.stdin.read()
            return work(*arguments)
        correction.corrected = counted
        await outbox.correct()

asyncio.run(main())
"""


@pytest.mark.parametrize("at", [1, 30, 99])
async def test_an_agent_that_is_killed_in_the_middle_goes_on_at_the_next_start(tmp_path, at):
    async with outbox_at(tmp_path) as outbox:
        await outbox.append([made(n, name) for n in range(1, 51) for name in CLASSES])
        epoch, ids = outbox.epoch, [(one.id, one.seq) for one in await kept(outbox)]
    agent = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
        [sys.executable, "-c", KILLED.format(offset=OFFSET), str(tmp_path), str(at)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with agent:
        assert agent.stdout.readline() == b"here\n"
        os.kill(agent.pid, signal.SIGKILL)
    async with outbox_at(tmp_path) as outbox:
        await outbox.correct()
        assert outbox.epoch == epoch
        assert [(one.id, one.seq) for one in await kept(outbox)] == ids
        assert [one.at for one in await kept(outbox)] == [OFFSET + n for n in range(1, 51)] * 2
        assert [one.clock.original for one in await kept(outbox)] == [*range(1, 51)] * 2
