"""A gateway with a scanner, its manifest from a real Mosquitto, and its page: answers with and without the office."""

import asyncio
import contextlib
import json
import os
import socket
import time
import tty
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.outbox import OutboxError
from edge_agent.page.news import MOST_SCREENS
from plumbline import topics
from plumbline.address import Address
from plumbline.event import Scan
from plumbline.mqtt import Connection
from plumbline.serving import MOST_CONNECTIONS
from tests import expected_site as site
from tests.integration.tiny_ingest import TinyIngest, until
from tests.servers import Mosquitto, free_port, running

SETTINGS = """
site = "harbour"
gateway = "gw-gate"
[server]
brokers = ["{url}"]
[page]
listen = "127.0.0.1:0"
{page}
[health]
{health}
[[reader]]
type = "serial_scanner"
name = "gate"
port = "{port}"
symbology_identifier = true
accept = "[A]"
good = "[G]"
warn = "[W]"
bad = "[B]"
"""
EXPECTED = b"]C100095060001343000007\r\n"
WRONG = b"]C1010950600013435210LOT9\r\n"


class Gateway:
    """An agent with one scanner at the end of a pseudo-terminal."""

    def __init__(self, folder, url: str, page: str = "", health: str = "") -> None:
        self.near, self.far = os.openpty()
        tty.setraw(self.far)
        path = folder / "gateway.toml"
        path.write_text(SETTINGS.format(url=url, port=os.ttyname(self.far), page=page, health=health))
        self.agent = Agent(config.load(path), drain_s=0.1)
        self.heard = bytearray()

    @contextlib.asynccontextmanager
    async def running(self):
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.near, lambda: self.heard.extend(os.read(self.near, 100)))
        task = asyncio.create_task(self.agent.run(stop))
        try:
            await until(lambda: task.done() or (self.agent.page.port and self._opened()), "the page and the scanner's port")
            while not self.heard:  # again only after long: an answer that comes late would be taken for the next label's
                os.write(self.near, b"]Q1B-77\r\n")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(20):
                        await until(lambda: task.done() or self.heard, "an answer")
                if task.done():
                    await task
            self.heard.clear()
            yield self
        finally:
            stop.set()
            await task
            loop.remove_reader(self.near)
            os.close(self.near)
            os.close(self.far)

    def _opened(self) -> bool:
        """Whether the agent, which runs in this process, has the terminal open beside us."""
        name = os.ttyname(self.far)
        return sum(_target(one) == name for one in Path("/proc/self/fd").iterdir()) > 1

    async def answers(self, label: bytes) -> bytes:
        """What the scanner hears to a label."""
        self.heard.clear()
        os.write(self.near, label)
        await until(lambda: self.heard.endswith(b"]"), "an answer")
        return bytes(self.heard)

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.agent.page.port}", timeout=120, trust_env=False)


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - an open pipe's is no path
    except FileNotFoundError:  # closed meanwhile
        return ""


@contextlib.asynccontextmanager
async def gateway(folder, url: str, page: str = "", health: str = ""):
    async with Gateway(folder, url, page, health).running() as one:
        yield one


async def publish(url: str, payload: bytes) -> None:
    async with Connection(address=Address.parse(url), client_id="tracking-of-test") as connection:
        await connection.publish(topics.manifest(site.SITE), payload, retain=True)


async def news(response: httpx.Response) -> AsyncIterator[tuple[str, dict]]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@pytest.fixture
def broker(tmp_path):
    with running(Mosquitto(tmp_path / "broker")) as server:
        yield server


async def test_a_scan_is_answered_with_the_office_without_it_and_after_a_restart(tmp_path, broker):
    await publish(broker.url, site.payload())
    async with gateway(tmp_path, broker.url) as one:
        await until(lambda: one.agent.desk.index, "the manifest")
        assert await one.answers(EXPECTED) == b"[G]"
        broker.kill()
        await until(lambda: one.agent.channel.broker is None, "the broker to be missed")
        assert await one.answers(EXPECTED) == b"[W]"
        assert await one.answers(b"]C1010950600013435210LOT7\x1d21S1\r\n") == b"[G]"
        assert await one.answers(WRONG) == b"[B]"
        assert await one.answers(b"]Q1nobody's\r\n") == b"[B]"
    async with gateway(tmp_path, broker.url) as one:
        assert await one.answers(EXPECTED) == b"[W]"
        assert await one.answers(b"]C1010950600013435210LOT7\x1d21S1\r\n") == b"[W]"
        assert await one.answers(b"]C1010950600013435210LOT7\x1d21S2\r\n") == b"[G]"
    broker.start()
    async with TinyIngest(broker.url, "page-ingest") as ingest, gateway(tmp_path, broker.url):

        def told() -> list[tuple[str, str | None]]:
            seen = {event.id: event for event in ingest.copies if isinstance(event, Scan)}
            return [(event.text, event.verdict) for event in seen.values() if "B-77" not in event.text]

        await until(lambda: len(told()) == 8, "the scans of the outage")
    assert [verdict for _, verdict in told()] == [
        "expected", "already_received", "expected", "wrong_batch", "unknown", "already_received", "already_received", "expected",
    ]  # fmt: skip


async def test_health_says_what_scans_are_answered_by(tmp_path, broker):
    await publish(broker.url, site.payload(version=7))
    async with TinyIngest(broker.url, "health-ingest") as ingest, gateway(tmp_path, broker.url, health="every_s = 0.2"):
        await until(lambda: ingest.health and "7" in ingest.health[-1].texts["manifest"], "health with the manifest")
        assert ingest.health[-1].texts["manifest"] == "version 7, 5 lines"
        assert ingest.health[-1].texts["page"] == "open on 127.0.0.1:0"
        await publish(broker.url, b"nonsense")
        await until(lambda: "refused" in ingest.health[-1].texts["manifest"], "the refusal")


async def test_without_any_manifest_the_scanner_hears_accepted(tmp_path, broker):
    async with gateway(tmp_path, broker.url) as one, one.http() as http:
        assert await one.answers(EXPECTED) == b"[A]"
        shown = (await http.get("/api/state")).json()
        assert shown["state"]["manifest"] is None
        assert shown["scans"][0]["kind"] == "kept"


async def test_a_scan_that_the_disk_does_not_take_is_told_as_not_kept(tmp_path, broker, monkeypatch):
    await publish(broker.url, site.payload())
    async with gateway(tmp_path, broker.url) as one, one.http() as http:
        await until(lambda: one.agent.desk.index, "the manifest")
        append = one.agent.outbox.append

        async def full(events):
            if any(isinstance(event, Scan) for event in events):
                raise OutboxError("outbox.db: the disk is full")
            await append(events)

        monkeypatch.setattr(one.agent.outbox, "append", full)
        assert await one.answers(EXPECTED) == b"[B]"
        assert (await http.get("/api/state")).json()["scans"][0]["kind"] == "not_kept"
        answer = await http.post("/api/scan", json={"code": "(00)095060001343000007"})
        assert (answer.status_code, answer.json()["detail"]) == (507, "outbox.db: the disk is full")
        monkeypatch.undo()
        while b"[G]" not in one.heard:  # until the reader is started again; a label that was written twice is a second delivery
            os.write(one.near, EXPECTED)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await until(lambda: b"[G]" in one.heard, "good")


async def test_every_open_screen_is_pushed_each_answer_and_may_filter_by_device(tmp_path, broker):
    await publish(broker.url, site.payload())
    async with gateway(tmp_path, broker.url) as one, one.http() as http:
        await until(lambda: one.agent.desk.index, "the manifest")
        async with (
            http.stream("GET", "/api/stream") as all_,
            http.stream("GET", "/api/stream?device=gate") as gate,
            http.stream("GET", "/api/stream?device=yard") as yard,
        ):
            streams = [news(all_), news(gate), news(yard)]
            for stream in streams:
                name, hello = await anext(stream)
                assert (name, hello["state"]["gateway"]) == ("hello", "gw-gate")
            await one.answers(WRONG)

            async def next_scan(stream) -> dict:
                return await anext(data async for name, data in stream if name == "scan")

            for stream in streams[:2]:
                scan = await next_scan(stream)
                assert (scan["kind"], scan["signal"], scan["device"]) == ("wrong_batch", "bad", "gate")
                assert scan["title"] == {"en": "Wrong batch", "zh": "批号不符"}
                assert scan["code"] == "(01)09506000134352 (10)LOT9"
            await http.post("/api/scan", json={"code": "095060001343000007", "person": "Li Na"})
            scan = await next_scan(streams[0])
            assert (scan["kind"], scan["device"], scan["typed"], scan["code"]) == (
                "expected", "page", True, "(00)095060001343000007",
            )  # fmt: skip
            states = [data async for name, data in _until_state(streams[2])]
            assert states[-1]["manifest"]["lines"] == 5
            assert states[-1]["manifest"]["latest"] is True
        await until(lambda: not one.agent.page.news.screens, "the screens to be forgotten")


async def _until_state(stream):
    async for name, data in stream:
        assert name != "scan", "the yard's screen hears nothing of the gate"
        if name == "state":
            yield name, data
            return


async def test_nothing_of_the_page_comes_from_elsewhere_and_nothing_inline_runs(tmp_path, broker):
    async with gateway(tmp_path, broker.url) as one, one.http() as http:
        for path in ("/", "/page.js", "/page.css", "/icon.svg"):
            answer = await http.get(path)
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            text = answer.text.replace("http://www.w3.org/", "")
            assert "http://" not in text
            assert "https://" not in text
        assert "style=" not in (await http.get("/")).text
        assert (await http.get("/../gateway.toml")).status_code == 404


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"code":"PL1:PO-1/10/1"}', {"content-type": "text/plain"}, 415),
        (b'{"code":"PL1:PO-1/10/1"}', {"content-type": "application/json", "origin": "http://evil.example"}, 403),
        (b'{"code":""}', {"content-type": "application/json"}, 422),
        (b'{"code":"a\\u0007b"}', {"content-type": "application/json"}, 422),
        (b'{"code":"' + b"x" * 600 + b'"}', {"content-type": "application/json"}, 422),
        (b"x" * 100_000, {"content-type": "application/json"}, 413),
        (b"\xff", {"content-type": "application/json"}, 422),
    ],
)
async def test_what_is_not_a_typed_code_of_our_own_page_is_refused(tmp_path, broker, content, headers, status):
    async with gateway(tmp_path, broker.url) as one, one.http() as http:
        answer = await http.post("/api/scan", content=content, headers=headers)
        assert answer.status_code == status
        assert answer.json()["detail"]
        assert answer.json()["zh"] != answer.json()["detail"]


async def test_typing_can_be_switched_off(tmp_path, broker):
    async with gateway(tmp_path, broker.url, "typing = false") as one, one.http() as http:
        assert (await http.post("/api/scan", json={"code": "x"})).status_code == 403
        assert (await http.get("/api/state")).json()["state"]["typing"] is False


async def test_codes_are_typed_no_faster_than_people_type(tmp_path, broker, monkeypatch):
    async with gateway(tmp_path, broker.url) as one, one.http() as http:
        second = time.monotonic()
        monkeypatch.setattr("edge_agent.page.server.time", SimpleNamespace(monotonic=lambda: second, time=time.time))
        statuses = [(await http.post("/api/scan", json={"code": f"x{n}"})).status_code for n in range(12)]
        assert set(statuses) == {200, 429}
        assert statuses == sorted(statuses)
        second += 1
        assert (await http.post("/api/scan", json={"code": "x"})).status_code == 200


async def test_a_port_that_is_taken_costs_the_page_and_no_scan(tmp_path, broker):
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        one = Gateway(tmp_path, broker.url)
        path = tmp_path / "gateway.toml"
        path.write_text(path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{other.getsockname()[1]}"))
        one.agent = Agent(config.load(path), drain_s=0.1)
        stop = asyncio.Event()
        task = asyncio.create_task(one.agent.run(stop))
        await until(lambda: one.agent.page.fault, "the page's fault")
        assert "cannot listen on" in (one.agent.page.fault or "")
        asyncio.get_running_loop().add_reader(one.near, lambda: one.heard.extend(os.read(one.near, 100)))
        while not one.heard:
            os.write(one.near, b"]Q1B-77\r\n")
            await asyncio.wait([task], timeout=0.1)
        stop.set()
        await task
        asyncio.get_running_loop().remove_reader(one.near)
        os.close(one.near)
        os.close(one.far)


async def test_a_flood_of_connections_takes_no_more_than_its_share(tmp_path, broker):
    async with gateway(tmp_path, broker.url) as one:
        before = open_files()
        idle = [socket.create_connection(("127.0.0.1", one.agent.page.port)) for _ in range(150)]
        await one.answers(b"]Q1B-77\r\n")
        assert open_files() - before - len(idle) < MOST_CONNECTIONS + 20, "the agent holds no more than its share of them"
        for each in idle:
            each.close()
        async with one.http() as http:
            async with asyncio.timeout(120):
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        if (await http.get("/api/state")).status_code == 200:
                            break


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_more_screens_than_are_served_hear_so(tmp_path, broker):
    async with gateway(tmp_path, broker.url) as one, contextlib.AsyncExitStack() as stack:
        streams: list[AsyncIterator[tuple[str, dict]]] = []
        for _ in range(MOST_SCREENS):
            http = await stack.enter_async_context(one.http())
            response = await stack.enter_async_context(http.stream("GET", "/api/stream"))
            assert response.status_code == 200
            streams.append(news(response))
            await anext(streams[-1])
        async with one.http() as http:
            answer = await http.get("/api/stream")
            assert answer.status_code == 503
            assert "close one" in answer.json()["detail"]
