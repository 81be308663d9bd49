"""Programs of a benchmark: started until they are ready, watched, stopped; what they said is told where they fail."""

import os
import sys

import pytest

from plumbline.bench.processes import Program, pinned
from plumbline.errors import PlumblineError


def python(tmp_path, script, **more):
    return Program("the script", (sys.executable, "-u", "-c", script), log=tmp_path / "log", **more)


def says(program, word):
    async def ready():
        return word in program.said()

    return ready


async def test_a_program_that_ends_at_once_is_an_error_with_what_it_said(tmp_path):
    program = python(tmp_path, "print('no such port'); raise SystemExit(3)", ready=never)
    with pytest.raises(PlumblineError, match="the script ended at once: no such port"):
        await program.start()


async def never():
    return False


async def test_a_program_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(PlumblineError, match="nowhere"):
        async with Program("nowhere", ("/nowhere/at/all",), log=tmp_path / "log", ready=never):
            pass


async def test_a_program_can_be_killed_and_started_again_and_says_only_what_is_new(tmp_path):
    program = python(tmp_path, "import os, time; print('up', os.getpid()); time.sleep(600)")
    program._ready = says(program, "up")
    async with program:
        first = program.said()
        await program.kill()
        assert not program.running
        await program.start()
        assert program.running
        assert program.said() != first
    assert not program.running


async def test_use_is_read_while_it_runs_and_remembered_after_its_end(tmp_path):
    program = python(tmp_path, "sum(range(20_000_000)); print('done'); import time; time.sleep(600)")
    program._ready = says(program, "done")
    async with program:
        used = program.usage()
    assert used.cpu_s > 0
    assert used.rss_mb > 1
    assert program.usage().rss_mb > 1


async def test_a_program_of_one_core_has_one_and_we_keep_ours(tmp_path):
    before = os.sched_getaffinity(0)
    core = min(before)
    program = python(tmp_path, "import os; print('cores', os.sched_getaffinity(0))", core=core)
    async with program:
        assert await program.exited() == 0
    assert program.said().strip() == f"cores {{{core}}}"
    assert os.sched_getaffinity(0) == before


def test_no_core_means_any_core():
    before = os.sched_getaffinity(0)
    with pinned(None):
        assert os.sched_getaffinity(0) == before
