"""What the store makes of answers that InfluxDB gives seldom: a scripted server on loopback says them."""

import asyncio
import gc
import gzip
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.series.influx import InfluxStore
from plumbline.series import Measured, Point, SeriesUnavailableError


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    """Answers `answer(path, lines)`, a status and a body; remembers headers, how many lines each request had, what it took."""
    script = SimpleNamespace(answer=lambda _path, _lines: (204, b""), headers=[], taken=[], asked=[], retry_after="7")
    turn = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers["Content-Encoding"] == "gzip"
            lines = (gzip.decompress(body) if packed else body).decode().split("\n")
            status, answer = script.answer(self.path, lines)
            with turn:
                script.headers.append(dict(self.headers))
                script.asked.append(len(lines))
                script.taken += lines if status == 204 else []
            self.send_response(status)
            if status in {429, 503}:
                self.send_header("Retry-After", script.retry_after)
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


@pytest.mark.parametrize("status", [400, 422])
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


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("7", 7),
        ("0", 0),
        ("86400", 600),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
        ("9" * 400, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 600),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_that_a_server_asks_for_comes_with_the_error(server, status, said, wait_s):
    server.answer, server.retry_after = lambda _path, _lines: (status, b"slow down"), said
    async with InfluxStore(server.url, "db") as store:
        with pytest.raises(SeriesUnavailableError, match="slow down") as raised:
            await store.write(POINTS)
    assert raised.value.wait_s == wait_s
    assert not raised.value.ours


@pytest.mark.parametrize(
    ("status", "body", "ours"),
    [
        (401, b"{}", True),
        (403, b"{}", True),
        (404, b"{}", True),
        (405, b"{}", True),
        (408, b"{}", False),
        (500, b"{}", False),
        (400, b'{"error": "database is required"}', True),
        (400, b'{"error": "db name contained invalid character"}', True),
    ],
)
async def test_an_error_tells_whether_only_a_changed_setting_helps(server, status, body, ours):
    server.answer = lambda _path, _lines: (status, body)
    async with InfluxStore(server.url, "db") as store:
        with pytest.raises(SeriesUnavailableError) as raised:
            await store.write(POINTS)
    assert raised.value.ours is ours


def typed(line: str) -> str:
    return "string" if 't="' in line else "float"


def conflict(lines: list[str]) -> tuple[int, bytes]:
    """InfluxDB 1.x, to which `t` is a float: the others are stored."""
    wrong = sum(typed(line) == "string" for line in lines)
    reason = 'field type conflict: input field "t" on measurement "m" is type string, already exists as type float'
    return (400, json.dumps({"error": f"partial write: {reason} dropped={wrong}"}).encode()) if wrong else (204, b"")


async def test_any_number_of_points_of_a_wrong_type_costs_two_requests(server):
    server.answer = lambda _path, lines: conflict(lines)
    points = [Point("m", {"site": "s"}, {"t": "n/a" if n % 3 else 1.0}, n) for n in range(3000)]
    async with InfluxStore(server.url, "db", connections=1) as store:
        refused = await store.write(points)
    assert [entry.point.at for entry in refused] == [n for n in range(3000) if n % 3]
    assert server.asked == [3000, 1000]


async def test_points_older_than_the_server_keeps_are_named_by_their_number(server):
    def answer(_path, lines):
        old = sum(int(line.split()[-1]) < 40 for line in lines)
        text = f"partial write: points beyond retention policy dropped={old}"
        return (400, json.dumps({"error": text}).encode()) if old else (204, b"")

    server.answer = answer
    async with InfluxStore(server.url, "db") as store:
        refused = await store.write(POINTS[::-1])
    assert sorted(entry.point.at for entry in refused) == list(range(40))
    assert server.asked == [100, 60]


@pytest.mark.parametrize("cut", [1000, 12])
async def test_the_lines_that_influxdb_3_names_are_refused_with_their_own_reasons(server, cut):
    def answer(_path, lines):
        data = [
            {"original_line": line[:cut], "line_number": number, "error_message": f"no {number}"}
            for number, line in enumerate(lines, 1)
            if typed(line) == "string"
        ]
        error = {"error": "partial write of line protocol occurred", "data": data}
        return (400, json.dumps(error).encode()) if data else (204, b"")

    server.answer = answer
    points = [Point("m", {"site": "s"}, {"t": "n/a" if n in {3, 77} else 1.0}, n) for n in range(100)]
    async with InfluxStore(server.url, "db") as store:
        refused = await store.write(points)
    assert [(entry.point.at, entry.reason) for entry in refused] == [(3, "no 4"), (77, "no 78")]
    assert server.asked == [100, 98]


async def test_lines_that_a_server_quotes_as_unreadable_are_refused(server):
    def answer(_path, lines):
        quoted = "\n".join(f"unable to parse '{line}': it's odd" for line in lines if "n=7.0" in line or "n=8.0" in line)
        return (400, json.dumps({"error": quoted}).encode()) if quoted else (204, b"")

    server.answer = answer
    async with InfluxStore(server.url, "db") as store:
        refused = await store.write(POINTS)
    assert {entry.point.at: entry.reason for entry in refused} == dict.fromkeys((7, 8), "unable to parse: it's odd")
    assert server.asked == [100, 98]


async def test_a_server_that_takes_small_requests_only_gets_small_ones_from_then_on(server):
    server.answer = lambda _path, lines: (413, b"too large") if len(lines) > 30 else (204, b"")
    async with InfluxStore(server.url, "db") as store:
        assert await store.write(POINTS) == []
        assert sorted(server.taken) == sorted(f"m,site=s n={n}.0 {n}" for n in range(100))
        before = len(server.asked)
        await store.write(POINTS)
    assert max(server.asked[before:]) <= 30


async def test_a_point_too_large_for_any_request_is_refused(server):
    server.answer = lambda _path, lines: (413, b"") if any(len(line) > 100 for line in lines) else (204, b"")
    points = [*POINTS[:9], Point("m", {"site": "s"}, {"text": "x" * 100}, 9), *POINTS[10:20]]
    async with InfluxStore(server.url, "db") as store:
        (refused,) = await store.write(points)
    assert refused.point is points[9]
    assert "larger" in refused.reason


async def test_a_server_that_refuses_a_kind_of_points_and_says_no_more_is_asked_some_hundred_times_at_most(server):
    server.answer = lambda _path, lines: (400, b"no") if any(" t=" in line for line in lines) else (204, b"")
    points = [Point("m", {"site": "s"}, {"t" if n % 2 else "u": 1.0}, n) for n in range(4000)]
    async with InfluxStore(server.url, "db", connections=1) as store:
        refused = await store.write(points)
        assert {entry.point.at for entry in refused} == set(range(1, 4000, 2))
        assert all(entry.reason.startswith("no") for entry in refused)
        first = len(server.asked)
        assert len(await store.write(points)) == 2000
    assert first < 300
    assert len(server.asked) - first < 80
    assert {line for line in server.taken if " u=" in line} == {f"m,site=s u=1.0 {n}" for n in range(0, 4000, 2)}


@given(
    bad=st.sets(st.integers(0, 79), max_size=25),
    style=st.sampled_from(["dropped", "all or nothing", "each by line", "first by line"]),
    size=st.integers(1, 90),
    connections=st.integers(1, 3),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_way_a_server_refuses_points_the_others_are_stored_and_the_last_word_counts(
    server, bad, style, size, connections
):
    held: dict[str, str] = {}

    def is_bad(line):
        return int(re.search(r"n=(\d+)", line)[1]) in bad

    def answer(_path, lines):
        wrong = [number for number, line in enumerate(lines, 1) if is_bad(line)]
        if style != "all or nothing" or not wrong:
            for line in lines:
                key = line.split(" ")[0] + line.split(" ")[-1]
                held.update({} if is_bad(line) else {key: line})
        if not wrong:
            return 204, b""
        data = [{"line_number": number, "error_message": "odd"} for number in wrong]
        return 400, json.dumps(
            {
                "dropped": {"error": f"partial write: odd dropped={len(wrong)}"},
                "all or nothing": {"message": "odd"},
                "each by line": {"error": "partial write of line protocol occurred", "data": data},
                "first by line": {"error": "parsing failed", "data": data[0]},
            }[style]
        ).encode()

    server.answer = answer
    points = [Point("m", {"device": f"d{n % 4}"}, {"n": float(n), "x" if n % 3 else "y": 1.0}, n % 13) for n in range(80)]
    async with InfluxStore(server.url, "db", lines_per_request=size, connections=connections) as store:
        refused = await store.write(points)
    assert {entry.point.fields["n"] for entry in refused} == bad
    want = {f"m,device={point.tags['device']}{point.at}": point.fields["n"] for point in points if point.fields["n"] not in bad}
    assert {key: float(re.search(r"n=([\d.]+)", line)[1]) for key, line in held.items()} == want


async def test_calls_that_overlap_store_the_points_of_each_series_in_their_order(server):
    async with InfluxStore(server.url, "db", lines_per_request=10) as store:
        calls = [
            store.write([Point("m", {"device": f"d{n}"}, {"n": float(call)}, 0) for n in range(17)] * 2) for call in range(9)
        ]
        assert await asyncio.gather(*calls) == [[]] * 9
    for n in range(17):
        said = [float(line.split("n=")[1].split()[0]) for line in server.taken if f"device=d{n} " in line]
        assert said == sorted(said)
        assert len(said) == 18


async def test_two_connections_are_used_at_once_and_share_the_series(server):
    both, waiting = Event(), Lock()

    def answer(_path, _lines):
        if waiting.acquire(blocking=False):
            assert both.wait(20)
        else:
            both.set()
        return 204, b""

    server.answer = answer
    async with InfluxStore(server.url, "db") as store:
        await store.write([Point("m", {"device": f"d{n}"}, {"n": 1.0}, 0) for n in range(100)])
    assert server.asked == [50, 50]


async def test_a_call_that_fails_fails_those_behind_it_and_not_those_that_come_later(server):
    go = Event()

    def answer(_path, _lines):
        assert go.wait(20)
        return (503, b"away") if not server.asked else (204, b"")

    server.answer = answer
    async with InfluxStore(server.url, "db") as store:
        calls = [asyncio.ensure_future(store.write(POINTS[n : n + 1])) for n in range(3)]
        await asyncio.sleep(0)  # they are put in order now
        go.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [SeriesUnavailableError] * 3
        assert server.asked == [1]
        assert {outcome.wait_s for outcome in outcomes} == {7}
        assert await store.write(POINTS[3:4]) == []
    assert server.taken == ["m,site=s n=3.0 3"]


async def test_a_call_that_is_cancelled_is_sent_to_its_end_before_the_store_closes(server):
    go, there = Event(), Event()

    def answer(_path, _lines):
        there.set()
        assert go.wait(20)
        return 204, b""

    server.answer = answer
    async with InfluxStore(server.url, "db") as store:
        call = asyncio.ensure_future(store.write(POINTS))
        assert await asyncio.to_thread(there.wait, 20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go.set()
    assert len(server.taken) == 100


@pytest.mark.parametrize("packed", [True, False, None])
async def test_lines_are_packed_as_told_and_by_default_not_on_loopback(server, packed):
    async with InfluxStore(server.url, "db", packed=packed) as store:
        await store.write([Measured("m", {"site": "s"}, {"n": 1.5}, 7)])
    assert server.headers[0].get("Content-Encoding") == ("gzip" if packed else None)
    assert server.taken == ["m,site=s n=1.5 7"]


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b"[]", b""])
async def test_something_that_is_not_influxdb_is_named_so(server, body):
    server.answer = lambda _path, _lines: (200, body)
    async with InfluxStore(server.url, "db") as store:
        with pytest.raises(SeriesUnavailableError, match="not JSON"):
            await store.heat("s", 0, 1)


async def test_what_was_sent_is_let_go_without_the_garbage_collector(server):
    async with InfluxStore(server.url, "db") as store:
        await store.write(POINTS)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await store.write(POINTS)
            gc.collect()
            held = [len(one) for ring in gc.garbage for one in gc.get_referents(ring) if isinstance(one, bytes)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert max(held, default=0) < 1000
    assert len(server.taken) == 2 * len(POINTS)
