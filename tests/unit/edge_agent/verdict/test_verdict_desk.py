"""What a gateway knows of its site: taken from messages, kept on disk, through restarts, power cuts and hostile messages."""

import asyncio
import contextlib
import os
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.outbox import Outbox
from edge_agent.verdict.desk import Desk
from edge_agent.verdict.store import Store
from plumbline import manifest
from plumbline.errors import CodecError
from plumbline.manifest import Manifest
from tests import expected_site as site


@contextlib.asynccontextmanager
async def desk(folder):
    async with (
        Outbox(folder / "outbox.db", site=site.SITE, gateway="gw-1") as outbox,
        Desk(folder, site=site.SITE, outbox=outbox) as one,
    ):
        yield one, outbox


async def takes(one: Desk, payload: bytes) -> None:
    moved = asyncio.Event()
    one.when_moved(moved.set)
    one.hear(payload)
    await asyncio.wait_for(moved.wait(), 30)


async def scanned(one: Desk, outbox: Outbox, text: str, gs1=None) -> str:
    scan = site.scan(text, gs1)
    verdict = one.judge(scan)
    await outbox.append([scan])
    one.kept(scan, verdict)
    return verdict.kind


async def test_without_a_manifest_a_scan_is_kept_and_no_more_is_said(tmp_path):
    async with desk(tmp_path) as (one, outbox):
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "kept"
        await takes(one, site.payload())
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "already_received"


async def test_manifest_and_scans_survive_a_restart(tmp_path):
    async with desk(tmp_path) as (one, outbox):
        await takes(one, site.payload())
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "expected"
    async with desk(tmp_path) as (one, outbox):
        assert one.index is not None
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "already_received"
        assert await scanned(one, outbox, "PL1:PO-1/10/4") == "expected"


@pytest.mark.parametrize("left", [b"", b'{"id":"x","ident'])
async def test_what_a_power_cut_takes_of_the_journal_stands_in_the_outbox(tmp_path, left):
    async with desk(tmp_path) as (one, outbox):
        await takes(one, site.payload())
        await scanned(one, outbox, "PL1:PO-1/10/3")
    (tmp_path / "scanned.jsonl").write_bytes(left)
    async with desk(tmp_path) as (one, outbox):
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "already_received"
        assert await scanned(one, outbox, "PL1:PO-1/10/5") == "expected"
    async with desk(tmp_path) as (one, outbox):
        assert await scanned(one, outbox, "PL1:PO-1/10/5") == "already_received"


async def test_a_damaged_manifest_file_is_put_aside_and_the_next_message_replaces_it(tmp_path):
    async with desk(tmp_path) as (one, _):
        await takes(one, site.payload())
    content = bytearray((tmp_path / "manifest").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "manifest").write_bytes(bytes(content))
    async with desk(tmp_path) as (one, outbox):
        assert one.index is None
        assert (tmp_path / "manifest.damaged").read_bytes() == bytes(content)
        await takes(one, site.payload())
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "expected"


@given(st.binary(max_size=300))
def test_no_file_whatever_stands_in_it_keeps_the_gateway_from_starting(content):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "manifest").write_bytes(content)
        assert Store(Path(folder) / "manifest", site.SITE).load() is None


BIG = (
    b'{"site":"harbour","epoch":"e","version":2,"digest":"' + b"0" * 64 + b'","at":1,"counted":["' + b"x" * 60_000_000 + b'"]}'
)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "not_json"),
        (b"\xff\x00garbage", "not_json"),
        (b"[" * 100_000, "not_json|invalid"),
        (b"{}", "invalid"),
        (site.payload(version=9, site="airport"), "it is of site airport"),
        (site.payload(version=9)[:-7], "cut off"),
        (zlib.compress(BIG, 9), "too_large"),
        (os.urandom(5 * 1024 * 1024), "at most 4194304 are read"),
        (msgspec.json.encode(msgspec.structs.replace(site.made(), v=9)), "newer_version"),
    ],
)
async def test_a_hostile_or_wrong_manifest_is_refused_and_the_old_one_still_holds(tmp_path, payload, said):
    async with desk(tmp_path) as (one, outbox):
        await takes(one, site.payload())
        await takes(one, payload)
        assert any(word in (one.fault or "") for word in said.split("|")), one.fault
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "expected"
        await takes(one, site.payload(version=2))
        assert one.fault is None


def test_an_older_version_is_an_old_message_and_another_epoch_is_a_new_office(tmp_path):
    store = Store(tmp_path / "manifest", site.SITE)

    def taken(held, **named):
        return store.take(site.payload(**named), held)

    held = taken(None, version=5)
    assert taken(held, version=5) is None
    assert taken(held, version=4) is None
    assert taken(held, version=6) is not None
    renewed = taken(held, version=1, epoch="e2")
    assert renewed is not None
    assert taken(renewed, version=5, epoch="e1") is None, "a ghost of the office before, held by another broker"
    reloaded = store.load()
    assert reloaded is not None
    assert (reloaded.index.epoch, reloaded.replaced) == ("e2", {"e1": 5})
    assert taken(renewed, version=6, epoch="e1") is not None, "the office before was restored"
    assert taken(renewed, version=1, epoch="e3") is not None


async def test_a_scan_that_is_withdrawn_is_told_as_not_kept(tmp_path):
    heard = []
    async with desk(tmp_path) as (one, outbox):
        await takes(one, site.payload())
        one.when_told(lambda scan, verdict: heard.append((scan.text, verdict.kind)))
        lost = site.scan("PL1:PO-1/10/3")
        one.judge(lost)
        one.withdraw(lost)
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "expected"
    assert heard == [("PL1:PO-1/10/3", "not_kept"), ("PL1:PO-1/10/3", "expected")]


async def test_scans_that_the_office_has_counted_leave_the_journal(tmp_path):
    async with desk(tmp_path) as (one, outbox):
        await takes(one, site.payload())
        await scanned(one, outbox, "PL1:PO-1/10/3")
        await scanned(one, outbox, "hello")
        found = site.content(site.expected_line("10", "4", arrived="1", pieces=("label:10/3",)), units=())
        await takes(one, site.payload(found, version=2))
        await scanned(one, outbox, "PL1:PO-1/10/4")
    lines = (tmp_path / "scanned.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line)["identity"]["text"] for line in lines if line] == ["hello", "PL1:PO-1/10/4"]


async def test_a_full_disk_for_manifest_and_journal_is_said_and_scans_are_answered(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    async with desk(tmp_path) as (one, outbox):
        monkeypatch.setattr("edge_agent.durable.write", full)
        monkeypatch.setattr("edge_agent.verdict.journal.FileIO", full)
        await takes(one, site.payload())
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "expected"
        assert await scanned(one, outbox, "PL1:PO-1/10/3") == "already_received"


@given(st.builds(lambda n, e: site.made(version=n, epoch=e), st.integers(1, 2**53), st.sampled_from(["a", "b"])))
def test_a_manifest_reads_as_it_was_written(made: Manifest):
    assert manifest.decode(manifest.encode(made), site=site.SITE) == made


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_bytes_that_are_no_manifest_raise_nothing_but_a_codec_error(data):
    with contextlib.suppress(CodecError):
        manifest.decode(data, site=site.SITE)


async def test_the_journal_of_a_gateway_without_an_office_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("edge_agent.verdict.engine.MOST", 10)
    monkeypatch.setattr("edge_agent.verdict.desk.MOST", 10)
    async with desk(tmp_path) as (one, outbox):
        for n in range(100):
            await scanned(one, outbox, f"PL1:PO-1/10/{n}")
    lines = (tmp_path / "scanned.jsonl").read_bytes().splitlines()
    assert 10 <= len(lines) <= 25
    assert b"PL1:PO-1/10/99" in lines[-1]
