"""The gateway's page in a real browser, as on a phone: a scan turns it green, red or yellow, in the phone's language."""

import os
import re

import pytest
from playwright.async_api import async_playwright, expect

from tests import expected_site as site
from tests.integration.test_gateway_page import EXPECTED, WRONG, gateway, publish
from tests.integration.tiny_ingest import until
from tests.servers import Mosquitto, running

expect.set_options(timeout=60_000)
PHONE = {"width": 390, "height": 844}


@pytest.mark.timeout(240)
async def test_a_phone_shows_each_answer_offline_too_and_says_when_it_hears_no_more(tmp_path):
    with running(Mosquitto(tmp_path / "broker")) as broker:
        await publish(broker.url, site.payload())
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            try:
                await phone(browser, tmp_path, broker)
            finally:
                await browser.close()


async def phone(browser, tmp_path, broker) -> None:
    faults: list[str] = []
    foreign: list[str] = []
    page = await (await browser.new_context(viewport=PHONE, locale="en-GB")).new_page()
    chinese = await (await browser.new_context(viewport=PHONE, locale="zh-CN")).new_page()
    for each in (page, chinese):
        each.on("pageerror", lambda error: faults.append(str(error)))
        each.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        each.on("request", lambda request: None if "127.0.0.1" in request.url else foreign.append(request.url))
    card = page.locator("#card")
    async with gateway(tmp_path, broker.url) as one:
        await until(lambda: one.agent.desk.index, "the manifest")
        url = f"http://127.0.0.1:{one.agent.page.port}/"
        await page.goto(url)
        await chinese.goto(f"{url}?device=gate")
        await expect(page.locator("#gateway")).to_have_text("gw-gate")
        await page.click("#sounds")
        await expect(page.locator("#sounds")).to_have_class("on")
        await one.answers(EXPECTED)
        await expect(card.locator("h1")).to_have_text("Expected")
        await expect(card).to_have_class(re.compile(r"\bgood\b"))
        await expect(card).to_contain_text("8 boxes Bolts (PO-1/30): 8 of 8 here")
        await expect(chinese.locator("#card h1")).to_have_text("计划内到货")
        broker.kill()
        await expect(page.locator("#chips")).to_contain_text("Office not reached")
        await one.answers(WRONG)
        await expect(card.locator("h1")).to_have_text("Wrong batch")
        await expect(card).to_have_class(re.compile(r"\bbad\b"))
        await expect(card.locator("#card-todo")).to_have_text("Do not accept it; ask the office.")
        await page.fill("#code", "095060001343000007")
        await page.click("#send")
        await expect(card.locator("h1")).to_have_text("Already received")
        await expect(page.locator("#code")).to_have_value("")
        await expect(chinese.locator("#card h1")).to_have_text("批号不符")  # it shows the gate scanner alone
        await page.click("#language")
        await expect(card.locator("h1")).to_have_text("已收过货")
        # what a hostile label says stays a text
        os.write(one.near, b"]Q1<img src=x onerror=alert(1)>\r\n")
        await expect(card).to_contain_text("<img src=x onerror=alert(1)>")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out of the phone"
        # nor does what stands in the address break the page
        await chinese.goto(f"{url}?device=%&lang=constructor")
        await expect(chinese.locator("#card h1")).to_have_text("Scan a label")
        await expect(chinese.locator("#site")).to_contain_text("only %")
        assert not faults
    await expect(page.locator("#lost")).to_be_visible(timeout=120_000)
    await expect(card).to_have_class(re.compile(r"\bold\b"))
    assert not foreign
