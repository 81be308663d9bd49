"""Ready-made requests in files: as many points as there are lines, whole requests, rates of the beginning and the end."""

import contextlib
import gzip
import socket
import threading

import pytest

from plumbline.bench.ingest.load import Load
from plumbline.bench.ingest.requests import Posted, Requests, post
from plumbline.errors import PlumblineError


@pytest.mark.parametrize("packed", [False, True])
def test_each_request_of_a_file_is_whole_and_all_hold_the_load(tmp_path, packed):
    load = Load(events=12_345)
    requests = Requests.write(tmp_path / "share", 1, "db", load.bodies(range(load.gateways)), packed=packed)
    content, begin, lines = requests.path.read_bytes(), 0, []
    for end, points in zip(requests.ends, requests.points, strict=True):
        head, _, body = content[begin:end].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /write?db=db&precision=ns HTTP/1.1")
        assert f"Content-Length: {len(body)}".encode() in head
        told = (gzip.decompress(body) if packed else body).split(b"\n")
        assert len(told) == points
        lines += told
        begin = end
    assert begin == len(content)
    assert sum(requests.points) == len(set(lines)) == 12_345


def test_the_first_seconds_and_the_last_are_told_apart_from_all():
    answers = [(float(at), 1000) for at in range(1, 5)] + [(float(at), 100) for at in range(5, 21)]
    posted = Posted(answers)
    assert posted.seconds == 20
    assert posted.rate() == (4000 + 1600) / 20
    assert posted.rate(first_s=2) == 1000
    assert posted.rate(last_s=10) == 100


def test_seconds_that_the_run_did_not_last_are_not_counted():
    posted = Posted([(0.5, 100), (1.0, 100)])
    assert posted.rate(first_s=2) == posted.rate(last_s=10) == posted.rate() == 200


def test_a_request_that_is_refused_is_an_error_with_its_answer(tmp_path):
    requests = Requests.write(tmp_path / "share", 1, "db", [b"m f=1 1"] * 3, packed=False)
    with refusing() as port, pytest.raises(PlumblineError, match="404 Not Found"):
        post(port, [requests])


@contextlib.contextmanager
def refusing():
    """A server that answers 404 to whatever it hears first."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()
