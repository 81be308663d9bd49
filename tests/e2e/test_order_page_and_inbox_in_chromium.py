"""The order's page and the clerk's inbox in a real browser, over the service as it runs: live, by keyboard, on a phone, offline."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from plumbline.event import Inspection
from tests import tracking_site as site
from tracking_service.service import TrackingService

expect.set_options(timeout=60_000)
DAY = 24 * 3600 * 10**9
LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


def iso(at: int) -> str:
    return datetime.fromtimestamp(at // 10**9, UTC).isoformat()


def order(now: int) -> dict:
    """Beams that arrive, then an erection that is signed off; the network says what is critical."""
    beams = site.order()["milestones"][0] | {"due": iso(now + 10 * DAY), "task": "beams"}
    accepted = {
        "key": "accepted",
        "title": {"en": "Erection accepted", "zh": "安装验收"},
        "policy": {"signed_off": {"role": "supervisor"}},
        "due": iso(now + 20 * DAY),
        "task": "erect",
    }
    lines = [line | {"needed_by": iso(now + 5 * DAY), "promised": iso(now + 6 * DAY)} for line in site.order()["lines"]]
    return site.order(
        start=iso(now - 10 * DAY),
        due=iso(now + 30 * DAY),
        lines=lines,
        milestones=[beams, accepted],
        tasks=[
            {"key": "tower", "title": {"en": "Tower", "zh": "塔楼"}},
            {
                "key": "beams",
                "title": {"en": "Beams delivered", "zh": "钢梁进场"},
                "parent": "tower",
                "start": iso(now - 10 * DAY),
                "finish": iso(now + 10 * DAY),
            },
            {
                "key": "erect",
                "title": {"en": "Erect beams", "zh": "安装钢梁"},
                "parent": "tower",
                "duration_days": 8,
                "after": [{"task": "beams"}],
            },
        ],
    )


class Served:
    """The service over its database, and the pages that look at it."""

    def __init__(self, engine, service: TrackingService, browser: Browser) -> None:
        self.engine = engine
        self.service = service
        self.browser = browser
        self.faults: list[str] = []
        self.foreign: list[str] = []

    async def post(self, *events) -> None:
        await site.post(self.engine, *events)
        self.service.wake()

    async def page(self, address: str, size: dict = LAPTOP) -> Page:
        page = await (await self.browser.new_context(viewport=size, locale="en-GB")).new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("request", lambda request: None if "127.0.0.1" in request.url else self.foreign.append(request.url))
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.goto(f"http://127.0.0.1:{self.service.port}/{address}")
        return page


@pytest.fixture
async def served(tmp_path) -> AsyncIterator[Served]:
    engine = await site.database(f"sqlite+aiosqlite:///{tmp_path}/plumbline.db")
    await site.put_gateway(engine)
    service = TrackingService(engine=engine, series=site.MemorySeries(), sites=site.SITES, port=0)
    task = asyncio.create_task(service.run())
    ready = asyncio.create_task(service.ready())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            yield Served(engine, service, browser)
        finally:
            await browser.close()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await engine.dispose()


async def take(served: Served, document: dict) -> None:
    context = await served.browser.new_context()
    answer = await context.request.post(f"http://127.0.0.1:{served.service.port}/api/orders", data=document)
    assert answer.ok, await answer.text()
    await context.close()


async def fits(page: Page) -> bool:
    return await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.timeout(240)
async def test_an_order_opens_from_the_wall_to_its_evidence_moves_live_and_is_signed_off(served):
    now = time.time_ns()
    await take(served, order(now))
    await served.post(site.beam(1), site.beam(2))
    page = await served.page("?lang=en&map=canvas")
    await page.get_by_role("link", name="PO-1").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tower steel")
    # how it stands
    health = page.get_by_role("region", name="Health")
    await expect(health).to_contain_text("of 100 points")
    await expect(health).to_contain_text("Schedule")
    beams = page.get_by_role("listitem").filter(has_text="Beams on site").first
    await expect(beams).to_contain_text("50 % by plan")
    await expect(beams).to_contain_text("Done when 100 % of Beam has arrived")
    await expect(page.get_by_role("region", name="Material")).to_contain_text("promised")
    await expect(page.get_by_role("region", name="Deliveries")).to_contain_text("DN-77")
    # what it rests on, by keyboard
    await page.get_by_role("button", name="Show the evidence of Beams on site").press("Enter")
    evidence = page.get_by_role("region", name="Evidence")
    await expect(evidence.get_by_role("listitem")).to_have_count(2)
    await expect(page.get_by_role("region", name="History")).to_contain_text("seen on site")
    # what the site sees now arrives by itself
    await served.post(site.beam(3))
    await expect(evidence.get_by_role("listitem")).to_have_count(3)
    await expect(beams).to_contain_text("75")
    # the plan
    plan = page.get_by_role("region", name="Plan")
    await expect(plan.locator(".bars svg rect.looks")).to_have_count(3)
    await expect(plan.locator(".bars svg path.due")).not_to_have_count(0)
    await expect(plan.locator(".bars svg rect.critical")).not_to_have_count(0)
    await plan.get_by_role("button", name="Erect beams").click()
    await expect(plan).to_contain_text("Comes after")
    await plan.get_by_role("button", name="Fold or unfold Tower").click()
    await expect(plan.get_by_role("button", name="Erect beams")).to_have_count(0)
    # a signature that is waited for
    await page.get_by_role("button", name="Sign off (supervisor)").click()
    await page.get_by_label("Your name").fill("Li Wei")
    await page.get_by_role("button", name="Sign", exact=True).click()
    accepted = page.get_by_role("listitem").filter(has_text="Erection accepted").first
    await expect(accepted).to_contain_text("Li Wei signed as supervisor")
    await expect(accepted).to_contain_text("Done")
    await accepted.get_by_role("button", name="Withdraw").click()
    await expect(page.get_by_role("button", name="Sign off (supervisor)")).to_be_visible()
    await expect(accepted).not_to_contain_text("Li Wei signed")
    # in Chinese, on a phone, and of an order that is not there
    await page.get_by_role("button", name="Switch to Chinese").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("塔楼钢材")
    phone = await served.page("?lang=zh#/orders/PO-1", PHONE)
    await expect(phone.get_by_role("region", name="计划").locator(".bars svg rect.looks")).not_to_have_count(0)
    assert await fits(page)
    assert await fits(phone)
    assert not served.faults
    assert not served.foreign
    none = await served.page("?lang=en#/orders/PO%2F9")
    await expect(none.locator("main")).to_contain_text("There is no order PO/9")


@pytest.mark.timeout(240)
async def test_a_clerk_links_what_waits_teaches_its_code_and_takes_it_back(served):
    await take(served, order(time.time_ns()))
    first = site.scan("SUP-4711")
    await served.post(first, site.scan("SUP-4711", device="crane-1"), site.scan("<img src=x onerror=alert(1)>"))
    page = await served.page("?lang=en#/inbox")
    waiting = page.locator("article.scan")
    await expect(waiting).to_have_count(3)
    # what a hostile label says stays a text
    await expect(waiting.first).to_contain_text("<img src=x onerror=alert(1)>")
    await waiting.first.get_by_role("button", name="Belongs nowhere").click()
    await expect(waiting).to_have_count(2)
    # a code that nothing is known of is found by hand, and taught: its other scan goes with it
    await page.get_by_label("Your name").fill("Ann")
    await page.get_by_label("Your name").press("Enter")
    opened = page.locator("article.scan.open")
    await opened.get_by_label("Search all lines").fill("beam")
    await expect(opened.get_by_role("checkbox")).to_be_checked()
    await opened.get_by_label("Quantity in pcs").fill("0")
    await opened.get_by_label("Search all lines").press("Enter")
    await expect(opened.get_by_role("alert")).to_contain_text("above 0")
    await opened.get_by_label("Quantity in pcs").fill("2")
    await opened.get_by_label("Search all lines").press("Enter")
    await expect(waiting).to_have_count(0)
    order_page = await served.page("?lang=en#/orders/PO-1")
    beam = order_page.get_by_role("region", name="Material").get_by_role("listitem").filter(has_text="Beam")
    await expect(beam).to_contain_text(re.compile(r"4\s*of 4 pcs"))
    # and back
    done = page.get_by_role("list", name="Just done")
    await expect(done).to_contain_text("2 pcs Beam (PO-1)")
    await done.get_by_role("button", name="Undo").first.click()
    await expect(waiting).to_have_count(2)
    await expect(beam).to_contain_text(re.compile(r"0\s*of 4 pcs"))
    await done.get_by_role("button", name="Undo").click()
    await expect(waiting).to_have_count(3)
    phone = await served.page("?lang=zh#/inbox", PHONE)
    await expect(phone.locator("article.scan")).to_have_count(3)
    assert await fits(page)
    assert await fits(phone)
    assert not served.faults
    assert not served.foreign


@pytest.mark.timeout(240)
async def test_an_inspection_that_two_orders_may_mean_is_assigned_by_a_clerk_and_taken_back(served):
    plan = [{"check": "weld", "title": {"en": "Weld seam", "zh": "焊缝"}}]
    asked = [{"key": "w", "title": {"en": "Welded", "zh": "已焊"}, "policy": {"inspection_passed": {"checks": ["weld"]}}}]
    for number in ("PO-1", "PO-2"):
        await take(served, site.order(number=number, inspections=plan, milestones=asked, deliveries=[]))
    await served.post(Inspection(check="weld", result="passed", **site.header()))
    page = await served.page("?lang=en#/inbox")
    opened = page.locator("article.scan.open")
    await expect(opened).to_contain_text("2 orders have the inspection 'weld'")
    await (
        opened.get_by_role("list", name="Points").get_by_role("listitem").filter(has_text="PO-2").get_by_role("button").click()
    )
    await expect(page.locator("article.scan")).to_have_count(0)
    done = page.get_by_role("list", name="Just done")
    await expect(done).to_contain_text("weld (PO-2)")
    order_page = await served.page("?lang=en#/orders/PO-2")
    await expect(order_page.get_by_role("main")).to_contain_text("Weld seam passed at")
    await done.get_by_role("button", name="Undo").click()
    await expect(opened).to_contain_text("2 orders have the inspection 'weld'")
    await opened.get_by_label("Order").fill("PO-1")
    await opened.get_by_label("Point", exact=True).fill("paint")
    await opened.get_by_label("Point", exact=True).press("Enter")
    await expect(opened.get_by_role("alert")).to_contain_text("has no inspection 'paint'")
    phone = await served.page("?lang=zh#/inbox", PHONE)
    await expect(phone.locator("article.scan")).to_have_count(1)
    assert await fits(page)
    assert await fits(phone)


@pytest.mark.timeout(240)
async def test_what_is_likely_is_linked_by_enter_alone_and_what_comes_later_appears_by_itself(served):
    await take(served, order(time.time_ns()))
    page = await served.page("?lang=en#/inbox")
    await expect(page.locator("main")).to_contain_text("Nothing is waiting")
    text = f"01{site.GTIN}10LOT8"
    await served.post(site.scan(text, [("01", site.GTIN), ("10", "LOT8")]))
    opened = page.locator("article.scan.open")
    await expect(opened.get_by_role("radio").first).to_be_focused()
    await expect(opened.get_by_role("radio").first).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(page.locator("article.scan")).to_have_count(0)
    await expect(page.get_by_role("list", name="Just done")).to_contain_text("Bolts (PO-1)")
    assert not served.faults


@pytest.mark.timeout(240)
async def test_thousands_of_lines_and_endless_names_fit_the_screen_of_a_phone_and_leave_the_wall_to_the_others(served):
    line = site.order()["lines"][0]
    lines = [{"line": str(n), "title": line["title"], "quantity": 2, "unit": "pcs"} for n in range(1, 1501)]
    endless = {
        "customer": "W" * 200,
        "lines": lines,
        "milestones": [],
        "title": {"en": "برج الميناء 🏗️ " * 12, "zh": "塔" * 200},
    }
    await take(served, site.order() | endless | {"number": "PO-0"})
    await take(served, order(time.time_ns()))
    phone = await served.page("?lang=en#/orders/PO-0", PHONE)
    material = phone.get_by_role("region", name="Material")
    await expect(material.get_by_role("listitem")).to_have_count(80)
    await expect(phone.get_by_role("region", name="Health")).to_contain_text("too few cases to say")
    assert await fits(phone)
    await material.get_by_role("button", name="1420 more").click()
    await expect(material.get_by_role("listitem")).to_have_count(480)

    wall = await served.page("?lang=en&map=canvas", PHONE)
    await expect(wall.locator("header h1").first).to_be_in_viewport(ratio=1)
    await expect(wall.locator("header").first).to_contain_text("UTC+8")
    await expect(wall.get_by_role("button", name="Show Dust on the heatmap")).to_be_in_viewport(ratio=1)
    assert await fits(wall)
    assert not served.faults


@pytest.mark.timeout(240)
async def test_the_pages_are_light_for_who_chose_light_and_an_open_sheet_keeps_the_keyboard(served):
    await take(served, order(time.time_ns()))
    page = await served.page("?lang=en&map=canvas")
    ground = "getComputedStyle(document.body).backgroundColor"
    await page.emulate_media(color_scheme="light")
    opener = page.get_by_role("button", name="Show the evidence of").first
    await opener.click()
    sheet = page.get_by_role("dialog")
    await expect(sheet.get_by_role("button", name="Close")).to_be_focused()
    for _ in range(4):
        await page.keyboard.press("Tab")
        assert not await page.evaluate("document.querySelector('.wall').contains(document.activeElement)")
    assert await page.evaluate(ground) == "rgb(10, 15, 21)"
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await expect(opener).to_be_focused()

    await page.get_by_role("link", name="PO-1").click()
    await expect(page.get_by_role("region", name="Health")).to_be_visible()
    assert await page.evaluate(ground) == "rgb(242, 245, 248)"
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(ground) == "rgb(10, 15, 21)"
    await page.emulate_media(media="print")
    assert await page.evaluate(ground) == "rgb(242, 245, 248)"
    await expect(page.get_by_role("navigation")).to_be_hidden()
    assert not served.faults
