"""What the store makes of answers that InfluxDB gives seldom: a scripted server on loopback says them."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest

from ingest.series.influx import InfluxStore
from plumbline.series import Point, SeriesUnavailableError


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    """Answers `answer(path, lines)`, a status and a body; remembers headers."""
    script = SimpleNamespace(answer=lambda _path, _lines: (204, b""), headers=[], taken=[])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lines = gzip.decompress(body).decode().split("\n") if self.headers["Content-Encoding"] == "gzip" else []
            status, answer = script.answer(self.path, lines)
            script.headers.append(dict(self.headers))
            script.taken += lines if status == 204 else []
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{http.server_port}"
    yield script
    http.shutdown()
    thread.join()
    http.server_close()


POINTS = [Point("m", {"site": "s"}, {"n": float(n)}, n) for n in range(100)]


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "user and token"), (403, "right"), (404, "database"), (408, "log"), (429, "wait 7 s"), (500, "log"), (503, "log")],
)
async def test_an_answer_that_is_not_about_points_decides_nothing_about_them(server, status, said):
    server.answer = lambda _path, _lines: (status, b'{"error": "because"}')
    async with InfluxStore(server.url, "db") as store:
        with pytest.raises(SeriesUnavailableError, match=f"(?s){status}.*because.*{said}|{status}.*{said}.*because"):
            await store.write(POINTS)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_server_that_takes_all_or_nothing_still_gets_every_good_point(server, status):
    bad = {3.0, 50.0, 51.0, 99.0}

    def answer(path, lines):
        wrong = [line for line in lines if float(line.split("n=")[1].split()[0]) in bad]
        return (status, b'{"code": "invalid", "message": "type conflict"}') if wrong else (204, b"")

    server.answer = answer
    async with InfluxStore(server.url, "db", lines_per_request=30) as store:
        refused = await store.write(POINTS)
    assert [entry.point.fields["n"] for entry in refused] == sorted(bad)
    assert {entry.reason for entry in refused} == {"type conflict"}
    assert len(server.taken) == 96


async def test_a_batch_that_is_dropped_whole_is_not_halved(server):
    asked = []

    def answer(path, lines):
        asked.append(len(lines))
        return 400, json.dumps({"error": f"partial write: points beyond retention policy dropped={len(lines)}"}).encode()

    server.answer = answer
    async with InfluxStore(server.url, "db") as store:
        refused = await store.write(POINTS)
    assert asked == [100]
    assert {entry.reason for entry in refused} == {"points beyond retention policy"}
    assert len(refused) == 100


async def test_user_and_token_go_as_http_basic(server):
    async with InfluxStore(server.url, "db", user="plumb", token="geheim:ü") as store:
        await store.write(POINTS)
    assert server.headers[0]["Authorization"] == "Basic " + b64encode("plumb:geheim:ü".encode()).decode()


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b"[]", b""])
async def test_something_that_is_not_influxdb_is_named_so(server, body):
    server.answer = lambda _path, _lines: (200, body)
    async with InfluxStore(server.url, "db") as store:
        with pytest.raises(SeriesUnavailableError, match="not JSON"):
            await store.heat("s", 0, 1)
