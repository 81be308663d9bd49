"""The tracking service as a whole: inbox rows in, a live wall and mail out, over real sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests import tracking_site as site
from tracking_service.service import TrackingService


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
    mails = site.Mailbox()
    service = TrackingService(
        engine=engine,
        series=site.MemorySeries(),
        sites=site.SITES,
        smtp=f"smtp://127.0.0.1:{mails.port}?from=site@example.org",
        port=0,
    )
    try:
        async with running(service), httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=120) as client:
            answer = await client.post("/api/orders", json=site.order())
            assert answer.json() == {"number": "PO-1", "status": "added", "warnings": []}
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
            await mails.hold(4)  # two people; one milestone is done, the other one past 25 %
        subjects = sorted((mail.to, mail.subject) for mail in mails.taken)
        assert [to for to, _ in subjects] == ["ann@example.org"] * 2 + ["li@example.org"] * 2
        assert "[PO-1] All material: at least 25 % (33.33 %)" in [subject for _, subject in subjects]
        assert any(subject.startswith("[PO-1] 钢梁到场：已于 ") for to, subject in subjects if to == "li@example.org")
    finally:
        mails.stop()
        await engine.dispose()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
