"""Ready-made requests to InfluxDB in files, for so many points that they would not fit into memory, and who posts them."""

import mmap
import socket
import threading
import time
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from plumbline.bench.ingest import limit
from plumbline.errors import PlumblineError

#: The first seconds, in which InfluxDB has not yet begun to move what it took to where it stays.
FIRST_S: Final = 2.0


class Requests(NamedTuple):
    """A file of requests, one behind the other; where each ends, and how many points are in it."""

    path: Path
    ends: "array[int]"
    points: Sequence[int]

    @classmethod
    def write(cls, path: Path, port: int, database: str, bodies: Iterable[bytes], *, packed: bool) -> "Requests":
        """Write the file: plain bodies of one line a point, sent as gzip where `packed`."""
        ends: array[int] = array("Q")
        points: list[int] = []
        with path.open("wb") as out:
            for body in bodies:
                points.append(body.count(b"\n") + 1)
                [sent] = limit.packed([body]) if packed else [body]
                out.write(limit.request(port, database, sent))
                ends.append(out.tell())
        return cls(path, ends, points)


class Posted(NamedTuple):
    """What was posted: the seconds from the beginning to each answer, in order, and the points in its request."""

    answers: Sequence[tuple[float, int]]

    @property
    def seconds(self) -> float:
        """How long all took."""
        return self.answers[-1][0]

    def rate(self, *, first_s: float = 0.0, last_s: float = 0.0) -> float:
        """Points/s of all, or of the first or last seconds only."""
        since, until = max(0.0, self.seconds - last_s) if last_s else 0.0, first_s or self.seconds
        points = sum(points for at, points in self.answers if since < at <= until)
        return points / (min(until, self.seconds) - since)


def post(port: int, shares: Sequence[Requests]) -> Posted:
    """Post each share over a connection of its own, all at once. Raises `PlumblineError` where InfluxDB refuses one."""
    answers: list[tuple[float, int]] = []
    errors: list[BaseException] = []

    def work(connection: socket.socket, share: Requests) -> None:
        try:
            with share.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                begin = 0
                for end, points in zip(share.ends, share.points, strict=True):
                    connection.sendall(content[begin:end])
                    limit.check_answer(connection)
                    answers.append((time.perf_counter() - began, points))
                    begin = end
        except (OSError, PlumblineError) as error:
            errors.append(error)

    connections = [socket.create_connection(("127.0.0.1", port)) for _ in shares]
    try:
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threads = [threading.Thread(target=work, args=pair) for pair in zip(connections, shares, strict=True)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for connection in connections:
            connection.close()
    if errors:
        raise PlumblineError(f"bench: the bare loop: {errors[0]}")
    return Posted(sorted(answers))
