"""What becomes of a request whatever the server does with it: real sockets on loopback, a server that says what it is told to."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import pairwise

import h11
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.series import http_wire
from ingest.series.http_wire import Answer
from ingest.series.influx import InfluxStore
from ingest.series.posting import Poster
from plumbline.series import Point, SeriesUnavailableError
from tests.certificates import Signer
from tests.servers import wait_until
from tests.standstill import stand_still

DONE = b"HTTP/1.1 204 No Content\r\nX-Who: me\r\n\r\n"
PLENTY = bytes(20_000_000)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request_in(reader: asyncio.StreamReader) -> bytes:
    """Read a request; its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return await reader.readexactly(size)


class Scripted:
    """A server whose connections talk as told, one after the other; the last says how all that follow do."""

    def __init__(self, *talks: Talk) -> None:
        self._talks = list(talks)
        self.count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = self._talks[min(self.count, len(self._talks) - 1)]
        self.count += 1
        with contextlib.suppress(OSError, EOFError):
            await talk(reader, writer)
        writer.close()


@contextlib.asynccontextmanager
async def talking(*talks: Talk, timeout_s: float = 20.0) -> AsyncIterator[tuple[Poster, Scripted]]:
    scripted = Scripted(*talks)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(httpx.URL(f"http://127.0.0.1:{port}"), tls=None, headers=[], timeout_s=timeout_s)
    try:
        yield poster, scripted
    finally:
        await poster.aclose()
        server.close()


def says(*pieces: bytes, times: int = 1) -> Talk:
    """Read a request and say these pieces, each in a segment of its own; so many times. Then hang up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await request_in(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    return talk


async def falls_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_in(reader)
    await reader.read()


async def test_requests_go_over_one_connection_one_after_the_other():
    async with talking(says(DONE, times=3)) as (poster, scripted):
        answers = [await poster.post("/write", [("X", "y")], b"body") for _ in range(3)]
    assert answers == [Answer(204, "No Content", {"x-who": "me"}, b"")] * 3
    assert scripted.count == 1


FORMS = {
    "a length": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong",
    "chunks": b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwr\r\n3;x=y\r\nong\r\n0\r\nT: t\r\n\r\n",
    "the end": b"HTTP/1.0 400 Bad Request\r\n\r\nwrong",
    "a word before": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong",
}


@pytest.mark.parametrize("form", FORMS)
@given(cuts=st.sets(st.integers(0, 150), max_size=6))
@settings(max_examples=15, deadline=None)
def test_an_answer_is_the_same_in_every_form_and_wherever_it_is_cut(form, cuts):
    whole = FORMS[form]
    pieces = [whole[a:b] for a, b in pairwise(sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))}))]

    async def run() -> Answer:
        async with talking(says(*pieces)) as (poster, _):
            return await poster.post("/write", [], b"x")

    answer = asyncio.run(run())
    assert (answer.status, answer.reason, answer.text, answer.is_success) == (400, "Bad Request", "wrong", False)


@given(
    st.binary(max_size=200)
    | st.sampled_from(list(FORMS.values())).flatmap(
        lambda whole: st.builds(bytes.join, st.binary(max_size=3), st.just([whole[:20], whole[20:]]))
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_bytes_come_are_an_answer_or_an_error(said):
    async def run() -> Answer | OSError:
        async with talking(says(said)) as (poster, _):
            try:
                return await poster.post("/write", [], b"x")
            except OSError as error:
                return error

    assert isinstance(asyncio.run(run()), Answer | OSError)


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    async with talking(says(DONE)) as (poster, scripted):
        await poster.post("/write", [], b"1")
        await poster.post("/write", [], b"2")
    assert scripted.count == 2


async def test_a_connection_that_the_server_closes_at_the_next_request_is_made_anew():
    async def hangs_up(reader, writer):
        await says(DONE)(reader, writer)
        await request_in(reader)
        writer.transport.abort()

    async with talking(hangs_up, says(DONE)) as (poster, scripted):
        await poster.post("/write", [], b"1")
        assert (await poster.post("/write", [], b"2")).status == 204
    assert scripted.count == 2


async def test_a_new_connection_that_breaks_is_an_error():
    async with talking(lambda reader, _: request_in(reader)) as (poster, scripted):
        with pytest.raises(OSError, match="closed"):
            await poster.post("/write", [], b"1")
    assert scripted.count == 1


async def test_a_server_that_refuses_a_body_before_it_has_read_it_is_heard():
    async def too_large(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await reader.read(1)

    async with talking(too_large, says(DONE)) as (poster, scripted):
        answer = await poster.post("/write", [], PLENTY)
        assert (answer.status, answer.content) == (413, b"big")
        assert (await poster.post("/write", [], b"x")).status == 204
    assert scripted.count == 2


async def test_a_large_body_arrives_whole():
    async def counts(reader, writer):
        size = len(await request_in(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%8d" % size)

    async with talking(counts) as (poster, _):
        assert int((await poster.post("/write", [], PLENTY)).text) == len(PLENTY)


@pytest.fixture
def impatient(monkeypatch):
    """Connections that wait for next to nothing; they are made with all patience."""
    monkeypatch.setattr("ingest.series.posting.Wire", lambda _timeout_s: http_wire.Wire(0.05))


@pytest.mark.parametrize(("talk", "body", "said"), [(falls_silent, b"x", "no answer"), (lambda _r, w: w.drain(), PLENTY, None)])
async def test_a_server_that_falls_silent_is_given_up(talk, body, said, impatient):
    async with talking(talk) as (poster, _):
        with pytest.raises(OSError, match=said):
            await poster.post("/write", [], body)


async def test_an_answer_that_came_while_we_stood_still_is_heard(monkeypatch):
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_in(reader)
        writer.write(DONE)
        stand_still(monkeypatch, 3600)

    async with talking(answers, timeout_s=600) as (poster, scripted):
        assert (await poster.post("/write", [], b"body")).status == 204
    assert scripted.count == 1


async def test_a_server_that_takes_nothing_is_given_up(impatient):
    stop = asyncio.Event()

    async def reads_nothing(_reader, _writer):
        await stop.wait()

    async with talking(reads_nothing) as (poster, _):
        with pytest.raises(TimeoutError, match="takes nothing"):
            await poster.post("/write", [], PLENTY)
        stop.set()


async def test_an_answer_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(http_wire, "_LARGEST_ANSWER", 100_000)

    async def talks_on(reader, writer):
        await request_in(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + bytes(0x400) + b"\r\n")
            await writer.drain()

    async def heads_on(reader, writer):
        await request_in(reader)
        while True:
            writer.write(b"HTTP/1.1 200 " + b"x" * 10_000)
            await writer.drain()

    for talk in (talks_on, heads_on):
        async with talking(talk) as (poster, _):
            with pytest.raises(OSError, match=r"more than|no answer of HTTP"):
                await poster.post("/write", [], b"x")


async def test_words_that_nobody_asked_for_are_not_taken_for_the_next_answer():
    told = asyncio.Event()

    async def eager(reader, writer):
        await says(DONE)(reader, writer)
        await told.wait()
        writer.write(b"HTTP/1.1 500 Odd\r\n\r\n")
        await reader.read()

    async with talking(eager, says(DONE)) as (poster, scripted):
        assert (await poster.post("/write", [], b"1")).status == 204
        told.set()
        await asyncio.to_thread(wait_until, lambda: not poster._free[0].usable, "the words")
        assert (await poster.post("/write", [], b"2")).status == 204
    assert scripted.count == 2


async def test_an_answer_to_who_no_longer_waits_is_nobodys():
    there = asyncio.Event()

    async def never_answers(reader, writer):
        await request_in(reader)
        there.set()
        await reader.read()

    async with talking(never_answers, says(DONE)) as (poster, scripted):
        waiting = asyncio.ensure_future(poster.post("/write", [], b"1"))
        await there.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert (await poster.post("/write", [], b"2")).status == 204
    assert scripted.count == 2


async def test_a_body_that_was_not_sent_is_let_go_without_the_garbage_collector():
    body = bytes(3_000_000)

    def held(things: Iterable[object]) -> bool:
        return any(one is body for ring in things for one in gc.get_referents(ring))

    for talk in (falls_silent, says(b"nonsense\r\n\r\n"), lambda reader, _: request_in(reader)):
        async with talking(talk, timeout_s=0.05) as (poster, _):
            gc.collect()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                with contextlib.suppress(OSError):
                    await poster.post("/write", [], body)
                gc.collect()
                assert not held(gc.garbage)
            finally:
                gc.set_debug(0)
                gc.garbage.clear()


@pytest.mark.parametrize("host", ["a..b", "nobody.invalid"])
async def test_a_name_that_is_none_is_an_error(host):
    poster = Poster(httpx.URL(f"http://{host}:1"), tls=None, headers=[], timeout_s=20)
    with pytest.raises(OSError, match=r"."):
        await poster.post("/write", [], b"x")


async def test_lines_go_over_tls_to_who_is_trusted_only(tmp_path, monkeypatch):
    signer = Signer(tmp_path)
    certificate, key = signer.sign("influx", alternative="IP:127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    scripted = Scripted(says(DONE, times=2))
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    point = Point("m", {}, {"n": 1.0}, 1)
    async with InfluxStore(url, "db") as store:
        with pytest.raises(SeriesUnavailableError, match=r"(?i)certificate verify failed"):
            await store.write([point])
    monkeypatch.setenv("SSL_CERT_FILE", str(signer.ca))
    async with InfluxStore(url, "db") as store:
        assert await store.write([point]) == []
        assert await store.write([point]) == []
    server.close()


async def test_a_head_is_what_was_asked_for():
    heads: list[bytes] = []

    async def notes(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(DONE)

    scripted = Scripted(notes)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with InfluxStore(f"http://127.0.0.1:{port}/under/", "a b&c", user="u", token="t") as store:
        await store.write([Point("m", {}, {"n": 1.0}, 1)])
    server.close()
    [head] = heads
    request = h11.Connection(h11.SERVER)
    request.receive_data(head)
    told = request.next_event()
    assert isinstance(told, h11.Request)
    assert told.target == b"/under/write?db=a%20b%26c&precision=ns"
    assert dict(told.headers)[b"host"] == f"127.0.0.1:{port}".encode()
