"""Whether a dependency answers: in its own time, whatever became of ours."""

import asyncio

from ingest.operations.probes import Probe
from tests.standstill import stand_still


async def test_a_dependency_is_not_blamed_for_the_time_in_which_we_stood_still(monkeypatch):
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"yes")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)

    async def ask() -> None:
        asyncio.get_running_loop().call_soon(stand_still, monkeypatch, 3600)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b"yes"
        writer.close()

    async with server:
        assert (await Probe("it", ask, check="it", deadline_s=120).ask()).ok


async def test_one_that_never_answers_costs_its_deadline_once_however_many_ask():
    async def ask() -> None:
        await asyncio.Event().wait()

    probe = Probe("it", ask, check="look at it", deadline_s=0.2)
    answers = await asyncio.gather(*(probe.ask() for _ in range(20)))
    assert {(one.ok, one.error, one.check) for one in answers} == {(False, "no answer within 0.2 s", "look at it")}
