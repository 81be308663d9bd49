"""Site files that change are in force at the next look but one; a mistake in one leaves those of before in force."""

import asyncio
import os

import pytest
import structlog

from ingest.registry.desks import Desks
from ingest.registry.reload import Watcher
from ingest.registry.sites import Registry
from plumbline.errors import SettingsError

SITE = """id = "{id}"
title_en = "Yard"
title_zh = "工地"
timezone = "{zone}"
lat = 31.2
lon = 121.4
"""
DEVICE = '[[devices]]\nid = "{id}"\ntitle_en = "x"\ntitle_zh = "x"\nkind = "machine"\n'


def write(folder, name="yard", more="", zone="Asia/Shanghai"):
    path = folder / f"{name}.toml"
    path.write_text(SITE.format(id=name, zone=zone) + more, encoding="utf-8")
    return path


async def settle(watcher):
    """As many looks as a change may take."""
    return [await watcher.look() for _ in range(3)].count(True)


async def test_what_changed_is_in_force_after_two_looks_and_told_by_name(tmp_path):
    write(tmp_path)
    watcher = Watcher([tmp_path])
    assert await settle(watcher) == 0
    write(tmp_path, more=DEVICE.format(id="crane-1"), zone="Europe/Berlin")
    write(tmp_path, "harbour")
    with structlog.testing.capture_logs() as logs:
        assert [await watcher.look() for _ in range(3)] == [False, True, False]
    assert [{key: value for key, value in line.items() if key not in {"event", "log_level"}} for line in logs] == [
        {"site": "harbour", "change": "added", "zones": 0, "devices": 0},
        {"site": "yard", "change": "changed", "devices_added": ["crane-1"], "keys_changed": ["timezone"]},
    ]
    assert sorted(watcher.registry) == ["harbour", "yard"]
    assert watcher.registry.version == 2
    (tmp_path / "harbour.toml").unlink()
    assert await settle(watcher) == 1
    assert sorted(watcher.registry) == ["yard"]


async def test_a_file_that_is_still_being_written_is_not_taken(tmp_path):
    path = write(tmp_path)
    watcher = Watcher([tmp_path])
    whole = path.read_text() + "".join(DEVICE.format(id=f"d{i}") for i in range(5))
    for end in range(len(path.read_text()), len(whole), len(DEVICE) // 2):
        path.write_text(whole[:end])
        assert not await watcher.look()
    assert watcher.mistake is None
    path.write_text(whole)
    assert await settle(watcher) == 1
    assert len(watcher.registry["yard"].devices) == 5


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text("id = "), "yard.toml: is not TOML"),
        (lambda path: path.write_text("x = " + "[" * 100_000), "yard.toml: is not TOML"),
        (lambda path: path.write_text("x = " + "1" * 5000), "yard.toml: is not TOML"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (lambda path: write(path.parent, zone="Mars/Base"), "timezone: 'Mars/Base' is not an IANA zone"),
        (lambda path: path.with_name("twin.toml").write_text(path.read_text()), "is the site of"),
        (lambda path: path.unlink(), "holds no site file any more"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
        (lambda path: (path.unlink(), path.symlink_to("nowhere")), "no such file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "neither a file nor a folder"),
        (lambda path: path.parent.rename(path.parent.with_name("moved")), "is not there"),
    ],
)
async def test_a_mistake_leaves_everything_as_it_was_and_is_told_once(tmp_path, spoil, words):
    folder = tmp_path / "sites"
    folder.mkdir()
    path = write(folder)
    good = path.read_text()
    watcher = Watcher([folder])
    before = dict(watcher.registry)
    spoil(path)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert await settle(watcher) == 0
    assert dict(watcher.registry) == before
    assert watcher.registry.version == 1
    assert words in watcher.mistake
    assert [words in line["mistake"] for line in logs] == [True]
    for left in [*folder.glob("*")] if folder.exists() else []:
        left.rmdir() if left.is_dir() else left.unlink()
    folder.mkdir(exist_ok=True)
    path.write_text(good)
    with structlog.testing.capture_logs() as logs:
        await settle(watcher)
    assert watcher.mistake is None
    assert [line["event"] for line in logs] == ["site files are right again"]


async def test_a_wish_is_answered_at_once_and_always(tmp_path):
    write(tmp_path)
    watcher = Watcher([tmp_path], every_s=3600)
    task = asyncio.create_task(watcher.run())
    with structlog.testing.capture_logs() as logs:
        write(tmp_path, "harbour")
        watcher.hurry()
        async with asyncio.timeout(120):
            while len(watcher.registry) < 2:  # noqa: ASYNC110 - the thread that reads tells nobody
                await asyncio.sleep(0)
            watcher.hurry()
            while len(logs) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["site file taken", "site files read again, nothing changed"]
    task.cancel()


async def test_single_files_are_followed_too_and_a_moved_file_tells_its_new_place(tmp_path):
    files = [write(tmp_path, "a"), write(tmp_path, "b")]
    watcher = Watcher(files)
    write(tmp_path, "c")
    write(tmp_path, "b", more=DEVICE.format(id="crane"))
    assert await settle(watcher) == 1
    assert {name: len(one.devices) for name, one in watcher.registry.items()} == {"a": 0, "b": 1}
    folder = Watcher([tmp_path])
    files[0].rename(tmp_path / "z.toml")
    await settle(folder)
    assert folder.registry["a"].file == str(tmp_path / "z.toml")


def test_a_mistake_at_the_start_is_raised(tmp_path):
    write(tmp_path, zone="nowhere")
    with pytest.raises(SettingsError, match="IANA"):
        Watcher([tmp_path])
    with pytest.raises(SettingsError, match="is not there"):
        Watcher([tmp_path / "none"])


async def test_desks_follow_the_files_and_that_of_a_removed_site_stays(tmp_path):
    write(tmp_path)
    write(tmp_path, "harbour")
    watcher = Watcher([tmp_path])
    desks = Desks(watcher.registry)
    first, other, unknown = desks.of("yard"), desks.of("harbour"), desks.of("moon")
    assert unknown.maker is None
    write(tmp_path, zone="Europe/Berlin")
    (tmp_path / "harbour.toml").unlink()
    write(tmp_path, "moon")
    await settle(watcher)
    assert desks.of("harbour") is other
    assert desks.of("moon").maker is not None
    assert desks.of("yard") is not first
    for number in range(5000):
        desks.of(f"unknown-{number}")
    assert desks.of("harbour") is other
    assert len(desks._desks) < 2000


def test_a_registry_counts_its_changes():
    registry = Registry({})
    registry.replace({})
    assert (registry.version, len(registry), list(registry)) == (2, 0, [])
