"""The list on the wall: each thing once, and kept short."""

import pytest

from plumbline.text import Text
from tests import tracking_site as site
from tracking_service import activity
from tracking_service.intake import Intake


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


def entry(number: int, where: str = site.SITE) -> activity.Entry:
    return activity.Entry(f"{where}-{number}", where, number, "scan", Text(f"scan {number}", f"扫码 {number}"), "info")


async def test_only_what_was_not_told_before_is_told_and_once(engine):
    async with engine.begin() as connection:
        assert [one.at for one in await activity.add(connection, [entry(1), entry(2), entry(1)])] == [1, 2]
        assert [one.at for one in await activity.add(connection, [entry(2), entry(3)])] == [3]
        assert await activity.add(connection, []) == ()


async def test_a_tick_drops_the_oldest_of_each_site_whose_list_is_too_long(engine):
    async with engine.begin() as connection:
        await activity.add(connection, [entry(number) for number in range(activity.KEPT + 50)])
        await activity.add(connection, [entry(number, "yard") for number in range(10)])
        assert await activity.overfull(connection) == [site.SITE]
    await Intake(engine=engine, sites=site.SITES).tick()
    async with engine.connect() as connection:
        assert await activity.overfull(connection) == []
        assert [one.at for one in await activity.newest(connection, site.SITE)][:2] == [activity.KEPT + 49, activity.KEPT + 48]
        assert len(await activity.newest(connection, "yard")) == 10
