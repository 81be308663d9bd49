"""The tracking service as a whole: inbox rows in, a live wall and mail out, over real sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from aiosmtpd.controller import Controller

from tests import tracking_site as site
from tests.servers import free_port
from tracking_service.service import TrackingService


class Mailbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextlib.asynccontextmanager
async def running(service: TrackingService) -> AsyncIterator[None]:
    task = asyncio.create_task(service.run())
    ready = asyncio.create_task(service.ready())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def blocks(response: httpx.Response) -> AsyncIterator[tuple[str, object]]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def test_a_scan_moves_the_wall_and_sends_mail_in_each_persons_language(database_url: str):
    engine = await site.database(database_url)
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    service = TrackingService(
        engine=engine,
        series=site.MemorySeries(),
        sites=site.SITES,
        smtp=f"smtp://127.0.0.1:{controller.port}?from=site@example.org",
        port=0,
    )
    try:
        async with running(service), httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=30) as client:
            answer = await client.post("/api/orders", json=site.order())
            assert answer.json() == {"number": "PO-1", "status": "added"}
            async with client.stream("GET", "/api/stream") as response:
                stream = blocks(response)
                name, snapshot = await anext(stream)
                assert name == "snapshot"
                assert snapshot["orders"][0]["percent"] == 0
                scans = [site.beam(piece) for piece in range(4)]
                await site.post(engine, *scans)
                service.wake()
                seen: dict[str, list] = {}
                async for name, data in stream:
                    seen.setdefault(name, []).append(data)
                    if name == "orders" and data[0]["milestones"][0]["state"] == "done":
                        break
                assert [told["event_id"] for told in seen["observed"]] == [scan.id for scan in scans]
                assert any(entry["kind"] == "milestone" for entry in seen["activity"])
            evidence = (await client.get("/api/milestones/PO-1~beams/evidence")).json()
            assert [row["event_id"] for row in evidence] == [scan.id for scan in scans]
            while len(mailbox.mails) < 4:  # two people, the milestone done and the other one past 25 %
                await asyncio.sleep(0.02)
        texts = {(to[0], content.decode("utf-8", "replace")) for to, content in mailbox.mails}
        assert {to for to, _ in texts} == {"li@example.org", "ann@example.org"}
    finally:
        controller.stop()
        await engine.dispose()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
