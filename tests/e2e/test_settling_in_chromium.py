"""A clerk settles two sources that disagree on the inbox page, and takes that back, in a real browser."""

import asyncio
import contextlib
import time

import msgspec
import pytest
from playwright.async_api import async_playwright, expect

from plumbline.event import Fix
from plumbline.site import Device
from tests import tracking_site as site
from tracking_service.service import TrackingService

expect.set_options(timeout=60_000)
SECOND = 10**9
DIGGER = Device(id="digger", title_en="Digger", title_zh="挖掘机", kind="machine", codes=("TAG-7",))
PLACES = {site.SITE: msgspec.structs.replace(site.site, devices=(*site.site.devices, DIGGER))}


@pytest.mark.timeout(240)
async def test_a_clerk_says_that_the_machine_was_carried_and_takes_it_back(tmp_path):
    engine = await site.database(f"sqlite+aiosqlite:///{tmp_path}/plumbline.db")
    await site.put_gateway(engine)
    now = time.time_ns()
    lat, lon = site.site.grid.position(12_000, 0)
    away = [
        Fix(lat=lat, lon=lon, accuracy_m=5.0, **site.header(device="digger", at=now - n * 30 * SECOND)) for n in range(1, 8)
    ]
    await site.post(engine, *away, site.scan("TAG-7", at=now - 100 * SECOND))
    service = TrackingService(engine=engine, series=site.MemorySeries(), sites=PLACES, port=0)
    task = asyncio.create_task(service.run())
    ready = asyncio.create_task(service.ready())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            page = await (await browser.new_context(locale="en-GB")).new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            await page.goto(f"http://127.0.0.1:{service.port}/?lang=en#/inbox")
            told = page.get_by_role("region", name="Sources that disagree")
            await expect(told).to_contain_text("its GPS is 11.9 km away")
            await told.get_by_label("What is right").select_option("both")
            await told.get_by_label("Why (needed)").fill("went by lorry")
            await told.get_by_role("button", name="Settle", exact=True).click()
            await expect(told).to_contain_text("No sources disagree.")
            await told.get_by_role("button", name="Undo").click()
            await expect(told.get_by_label("What is right")).to_be_visible()
            assert not faults
        finally:
            await browser.close()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await engine.dispose()
