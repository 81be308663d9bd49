"""Rates are counted from the first commit on, memory from when it was warm."""

import itertools

import pytest

from plumbline.bench.ingest.watch import Course, Sample, follow
from plumbline.bench.processes import Usage


def sample(at_s, events, cpu_s=0.0, rss_mb=100.0):
    return Sample(at_s, events, {"ingest": Usage(cpu_s, rss_mb)})


def test_what_starting_took_is_in_no_rate():
    course = Course(1000, sample(0, 0, 0.0), [sample(10, 100, 2.0), sample(10.5, 600, 2.1), sample(11, 1000, 2.2)])
    figures = course.figures()
    assert figures["measured_since"] == "first commit"
    assert figures["events_per_s"] == 900
    assert figures["cpu_us_per_event"]["ingest"] == pytest.approx(0.2 / 900 * 1e6, abs=0.01)


def test_a_run_that_is_over_at_its_first_commit_is_counted_from_its_start():
    figures = Course(1000, sample(0, 0), [sample(2, 1000)]).figures()
    assert (figures["measured_since"], figures["events_per_s"]) == ("start", 500)


def test_where_nothing_came_there_is_no_rate():
    assert Course(1000, sample(0, 0), []).figures() == {"events": 0, "wanted": 1000, "events_per_s": 0}


def test_a_course_can_be_looked_at_until_so_many_had_come():
    course = Course(1000, sample(0, 0), [sample(1, 100), sample(2, 700), sample(9, 1000)])
    assert course.until(800).figures()["events_per_s"] == 600


def test_memory_grows_from_when_it_was_warm():
    samples = [sample(n, n * 10_000, rss_mb=200.0 if n < 10 else 100.0 + n / 10) for n in range(1, 101)]
    memory = Course(1_000_000, sample(0, 0), samples).memory("ingest")
    assert memory == {"warm": 101.0, "last": 110.0, "highest": 200.0, "growth_per_million_events": pytest.approx(10.0)}


async def test_a_consumer_is_followed_until_everything_is_there():
    counts, seen = iter([0, 0, 3, 3, 7, 10]), []

    async def count():
        return next(counts)

    course = await follow(count, {}, 10, stall_s=60, every_s=0, seen=seen.append)
    assert course.events == 10
    assert [one.events for one in course.samples] == [3, 7, 10]
    assert seen == [0, 3, 3, 7, 10]


async def test_a_consumer_of_which_nothing_more_comes_is_given_up():
    counts = itertools.chain([0, 4], itertools.repeat(4))

    async def count():
        return next(counts)

    assert (await follow(count, {}, 10, stall_s=0.01, every_s=0)).events == 4
