"""Rates are counted from the first commit on, memory from when it was warm."""

import itertools
import sys

import pytest

from plumbline.bench.ingest.watch import Course, Sample, follow, look
from plumbline.bench.processes import Program, Usage


def sample(at_s, events, cpu_s=0.0, rss_mb=100.0):
    return Sample(at_s, events, {"ingest": Usage(cpu_s, rss_mb)})


IDLE, READY = sample(0, 0), sample(9, 0, cpu_s=1.9)


def test_what_starting_took_is_in_no_rate():
    course = Course(1000, IDLE, READY, [sample(10, 100, 2.0), sample(10.5, 600, 2.1), sample(11, 1000, 2.2)])
    figures = course.figures()
    assert figures["measured_since"] == "first commit"
    assert figures["events_per_s"] == 900
    assert figures["cpu_us_per_event"]["ingest"] == pytest.approx(0.3 / 1000 * 1e6, abs=0.01)


def test_a_consumer_that_reads_ahead_is_counted_from_when_it_listened():
    course = Course(1000, IDLE, READY, [sample(10, 500, 2.9), sample(11, 950, 3.4), sample(12, 1000, 3.5)])
    figures = course.figures(since="ready", share=0.95)
    assert (figures["measured_since"], figures["events_per_s"]) == ("ready", 475)
    assert figures["cpu_us_per_event"]["ingest"] == pytest.approx(1.6 / 1000 * 1e6, abs=0.01)


def test_a_run_that_is_over_at_its_first_commit_is_counted_from_its_start():
    for ready, samples in ((READY, [sample(10, 1000)]), (sample(10, 1000), [sample(10, 1000)])):
        figures = Course(1000, IDLE, ready, samples).figures()
        assert (figures["measured_since"], figures["events_per_s"]) == ("start", 100)


def test_where_nothing_came_there_is_no_rate():
    assert Course(1000, IDLE, READY, []).figures() == {"events": 0, "wanted": 1000, "events_per_s": 0}


def test_a_course_can_be_looked_at_until_so_many_had_come():
    course = Course(1000, IDLE, READY, [sample(10, 100), sample(11, 700), sample(19, 1000)])
    assert course.until(800).figures()["events_per_s"] == 600


def test_memory_grows_from_when_it_was_warm():
    samples = [sample(n, n * 10_000, rss_mb=200.0 if n < 10 else 100.0 + n / 10) for n in range(1, 101)]
    memory = Course(1_000_000, IDLE, READY, samples).memory("ingest")
    assert (memory["warm"], memory["last"], memory["highest"]) == (101.0, 110.0, 200.0)
    assert memory["growth"] == pytest.approx(9.0)
    assert memory["growth_per_million_events"] == pytest.approx(10.0)


async def test_a_consumer_is_followed_until_everything_is_there():
    counts, seen = iter([0, 0, 3, 3, 7, 10]), []

    async def count():
        return next(counts)

    course = await follow(count, {}, 10, before=IDLE, stall_s=60, every_s=0, seen=seen.append)
    assert course.events == 10
    assert [one.events for one in course.samples] == [3, 7, 10]
    assert seen == [0, 3, 3, 7, 10]


async def test_a_consumer_of_which_nothing_more_comes_is_given_up():
    counts = itertools.chain([0, 4], itertools.repeat(4))

    async def count():
        return next(counts)

    assert (await follow(count, {}, 10, before=IDLE, stall_s=0.01, every_s=0)).events == 4


async def test_what_a_program_took_before_it_is_started_anew_is_none_of_the_run(tmp_path):
    script = "import time; sum(range(10_000_000)); print('up', flush=True); time.sleep(600)"
    program = Program("busy", (sys.executable, "-c", script), log=tmp_path / "log")

    async def up():
        return "up" in program.said()

    program._ready = up
    async with program:
        pass
    assert program.usage().cpu_s > 0
    before = look(0, {"ingest": program}, starting=[program])
    assert before.usage["ingest"].cpu_s == 0
    figures = Course(1000, before, sample(9, 0, 0.2), [sample(10, 1000, 0.25)]).figures()
    assert (figures["measured_since"], figures["cpu_us_per_event"]["ingest"]) == ("start", 250)
