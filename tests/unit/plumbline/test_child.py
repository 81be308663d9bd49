"""A child that ends by itself is started again, and none outlives the block."""

import asyncio

from plumbline import child
from tests.servers import wait_until


async def test_a_child_that_ends_is_started_again_until_the_block_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "delay_s", lambda _attempt, _chance: 0.0)
    told = tmp_path / "told"
    async with child.kept("/bin/sh", "-c", f"echo x >> {told}; exit 3", log=tmp_path / "log", name="short"):
        await asyncio.to_thread(wait_until, lambda: told.exists() and told.read_text().count("x") >= 3, "three starts")
    after = told.read_text()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "keep-short"]
    assert told.read_text() == after


async def test_a_child_that_cannot_be_started_again_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "delay_s", lambda _attempt, _chance: 0.0)
    monkeypatch.setattr(child.shutil, "which", lambda _name: None)  # no setpriv, which would run in its place
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho x >> {tmp_path}/told\nmv {program} {program}.away\n")
    program.chmod(0o755)
    told = tmp_path / "told"
    async with child.kept(str(program), log=tmp_path / "log", name="moved"):
        await asyncio.to_thread(wait_until, (tmp_path / "program.away").exists, "the first start")
        (tmp_path / "program.away").rename(program)
        await asyncio.to_thread(wait_until, lambda: told.read_text().count("x") >= 2, "the second start")
