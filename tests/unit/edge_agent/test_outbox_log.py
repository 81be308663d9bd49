"""The outbox's write-ahead log with bad blocks in its middle."""

import pytest

from edge_agent.outbox import Outbox, wal
from plumbline.codec import decode_event
from tests.unit.edge_agent.outbox_events import event

PAGE = 4096 + 24


def outbox_at(folder):
    return Outbox(folder / "outbox.db", site="s", gateway="g")


async def killed(folder, scans):
    """What an agent leaves in `folder` that was killed after so many scans; returns their ids."""
    live = folder / "live"
    live.mkdir()
    events = [event(n) for n in range(1, scans + 1)]
    async with outbox_at(live) as outbox:
        for one in events:
            await outbox.append([one])
        for name in ("outbox.db", "outbox.db-wal"):
            (folder / name).write_bytes((live / name).read_bytes())
    return {one.id for one in events}


async def kept(folder):
    async with outbox_at(folder) as outbox:
        chunk = await outbox.pending("business", 0, max_events=10_000, max_bytes=2**30)
    return {decode_event(row.body).id for row in chunk.events}


def spoil(path, at, size):
    data = bytearray(path.read_bytes())
    data[at : at + size] = b"\xa5" * size
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("frames", [(60,), (60, 61), (50, 90)])
async def test_scans_behind_a_bad_block_of_the_log_are_kept(tmp_path, frames):
    scans = await killed(tmp_path, 80)
    for frame in frames:
        spoil(tmp_path / "outbox.db-wal", 32 + frame * PAGE + 100, 2000)
    saved = await kept(tmp_path)
    assert saved <= scans
    assert len(saved) >= len(scans) - 25  # what stood in the bad blocks alone is gone
    assert [path for path in tmp_path.iterdir() if ".damaged-" in path.name]
    assert await kept(tmp_path) == saved


async def test_a_log_whose_head_is_broken_is_read_without_it(tmp_path):
    scans = await killed(tmp_path, 80)
    spoil(tmp_path / "outbox.db-wal", 0, 32)
    assert len(await kept(tmp_path)) >= len(scans) - 1


async def test_a_sound_log_and_a_torn_end_are_left_to_sqlite(tmp_path):
    scans = await killed(tmp_path, 40)
    log = tmp_path / "outbox.db-wal"
    assert not wal.has_hole(log)
    data = log.read_bytes()
    log.write_bytes(data[: len(data) - PAGE // 2])
    assert not wal.has_hole(log)
    assert len(await kept(tmp_path)) >= len(scans) - 1
    assert not [path for path in tmp_path.iterdir() if ".damaged-" in path.name]


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"\xff" * 32, b"\x00" * 20_000, b"\x37\x7f\x06\x82" * 5000])
def test_what_is_no_log_has_no_hole(tmp_path, content):
    (tmp_path / "outbox.db").write_bytes(b"")
    (tmp_path / "outbox.db-wal").write_bytes(content)
    assert not wal.has_hole(tmp_path / "outbox.db-wal")
    assert not wal.has_hole(tmp_path / "absent-wal")
