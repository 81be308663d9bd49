"""The benchmark of tracking in small: it measures what it says, and its company is made anew as it was."""

import subprocess
import sys

import pytest

from plumbline.command import bench_tracking
from tests import tracking_site as site
from tracking_service.benchmark import latency, made_anew


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def test_every_scan_is_measured_and_notices_are_queued_with_what_moves(engine):
    found = await latency(engine, per_s=100, events=40, orders=2, stocked=3)
    assert len(found.seconds) == 40
    assert all(seconds > 0 for seconds in found.seconds)
    assert found.notices > 0


async def test_the_company_is_made_anew_as_it_was(engine):
    said: list[str] = []
    found = await made_anew(engine, orders=3, observations=400, say=said.append)
    assert (found.equal, found.entries) == (True, 403)
    assert found.rows > 400
    assert "live state" in said


async def test_only_the_parts_that_are_asked_for_are_measured(tmp_path):
    sizes = {"seconds": 0.2, "observations": 1_000, "orders": 2, "tracks": None}
    figures = await bench_tracking.measure(tmp_path, only=("rebuild", "sqlite"), **sizes)
    assert list(figures) == ["sqlite", "rebuild"]
    assert (figures["sqlite"]["new_lines"]["n"], figures["rebuild"]["equal"]) == (10, True)


def test_a_part_that_there_is_not_is_refused_with_those_that_there_are():
    command = (sys.executable, "-m", "plumbline", "bench", "tracking", "--only", "geofences,typo")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no part typo; there are postgresql, sqlite, rebuild, geofences" in " ".join(done.stderr.split())
