"""The benchmark of tracking in small: it measures what it says, and its company is made anew as it was."""

import pytest

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
