"""The edge agent on a gateway that stands still: devices, brokers and pictures go on meanwhile, or wait with it."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from edge_agent.channel import Channel
from edge_agent.config import RemoteSettings
from edge_agent.decode.ladder import Budget
from edge_agent.fleet import RemoteConfig, Versions
from edge_agent.reader import Capture, Context
from edge_agent.readers import line
from edge_agent.readers.camera import album
from edge_agent.readers.camera.messages import Aim, Pulse, Source, Watch
from edge_agent.readers.camera.worker.feed import LiveFeed
from edge_agent.readers.camera.worker.source import OpenSource, SourceError
from edge_agent.uplink.canary import CanaryWatch
from plumbline import settings
from plumbline.fleet import DesiredConfig
from plumbline.mqtt import Connection
from tests import cameras
from tests.cameras import png

SCALE = {
    "measurement": "scale",
    "silence_s": 3.0,
    "metrics": {"weight_kg": {"unit": "kg", "title_en": "Weight", "title_zh": "重量"}},
    "line": {"patterns": ["{weight_kg} kg"]},
}


def stand_still(seconds: float) -> None:
    """As a suspended gateway: the loop does nothing, everybody else goes on."""
    time.sleep(seconds)


class Kept:
    """What a reader emitted and reported."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.reports: list[str] = []

    async def emit(self, capture: Capture) -> None:
        self.values += capture.event.keywords["values"].values()

    def report(self, device: str, what: str) -> None:
        self.reports.append(f"{device}: {what}")


@contextlib.contextmanager
def device(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A device behind TCP, in a thread of its own: it does not stand still with the loop. Its address."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer:
                    talk(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


async def eventually(what: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not what():  # noqa: ASYNC110 - devices in threads have no event of this loop
            await asyncio.sleep(0.01)


async def test_a_line_that_came_in_two_halves_around_a_standstill_is_one() -> None:
    """Its rest was there all the time: the device was neither silent nor did it send a line without an end."""
    half, asleep, whole = threading.Event(), threading.Event(), threading.Event()
    connections: list[int] = []

    def talk(peer: socket.socket) -> None:
        connections.append(1)
        peer.sendall(b"1.5 kg\r\n98")
        half.set()
        asleep.wait(120)
        time.sleep(3)
        peer.sendall(b"76.5 kg\r\n")
        whole.wait(120)

    kept = Kept()
    with device(talk) as address:
        table = settings.convert({"address": address, **SCALE}, line.Settings, "test")
        task = asyncio.create_task(line.build("scale", table, Context(report=kept.report)).run(kept.emit))
        await eventually(lambda: task.done() or (half.is_set() and kept.values))
        asleep.set()
        stand_still(6)
        await eventually(lambda: task.done() or len(kept.values) > 1)
        whole.set()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert (kept.values, kept.reports, len(connections)) == ([1.5, 9876.5], [], 1)


async def test_a_configuration_on_probation_is_kept_where_the_gateway_stood_still(tmp_path: Path) -> None:
    """It had no chance to reach a server: that proves nothing against the configuration."""
    path = tmp_path / "gateway.toml"
    path.write_text("old = 1\n")
    versions = Versions(path)
    versions.begin()
    wanted = DesiredConfig(site="s", gateway="g", version=1, by="me", at=1)
    versions.place("new = 1\n", wanted, well=(), probation_s=1)
    restarted = Versions(path)
    restarted.begin()
    channel, ended, reports = Channel(), asyncio.Event(), []
    own = RemoteSettings(probation_s=1)
    remote = RemoteConfig(
        site="s", gateway="g", versions=restarted, settings=own, channel=channel, readers=dict, restart=ended.set
    )
    running = asyncio.create_task(remote.run())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.1, stand_still, 3)
    asyncio.get_running_loop().call_later(3.6, channel.connected, lambda _, said: reports.append(said))
    await eventually(lambda: ended.is_set() or restarted.record.version == 1)
    running.cancel()
    await asyncio.wait([running])
    assert (restarted.record.version, restarted.record.state, path.read_text()) == (1, "applied", "new = 1\n")


class Loopback:
    """A connection whose canaries come back from another machine, which goes on while we stand still."""

    address = "mqtt://somewhere"

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire

    async def publish(self, _topic: str, payload: bytes) -> None:
        self.wire.send(payload)


async def test_a_canary_that_came_back_while_the_gateway_stood_still_proves_the_subscription() -> None:
    """Else the broker counts as one that has lost us, and the gateway moves to a lesser one."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        watch = CanaryWatch(cast("Connection", Loopback(ours)), site="s", gateway="g", every_s=0.0, patience_s=0.5)

        def answer() -> None:
            canary = theirs.recv(1000)
            time.sleep(1)
            theirs.send(canary)

        threading.Thread(target=answer, daemon=True).start()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: watch.heard(ours.recv(1000)))
        loop.call_later(0.1, stand_still, 2)
        await watch.prove()
        loop.remove_reader(ours)


async def test_a_picture_whose_upload_stood_still_with_the_gateway_is_read_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a picture did not grow meanwhile: that does not make it a finished one, which would be rejected."""
    (tmp_path / "photos").mkdir()
    whole, target = png("WHOLE"), tmp_path / "photos" / "a.png"
    seen, looks = asyncio.Event(), count()
    loop, unread = asyncio.get_running_loop(), album.Album.unread

    def looked(self: album.Album) -> object:
        found = unread(self)
        if target.name in found and next(looks):
            loop.call_soon_threadsafe(seen.set)
        return found

    monkeypatch.setattr(album.Album, "unread", looked)
    target.with_name("0.png").write_bytes(png("FIRST"))
    kept = cameras.Kept()
    async with cameras.running(cameras.make(kept, tmp_path, folder="photos", settle_s=2.0, poll_s=0.5), kept):
        await kept.until(lambda: bool(kept.texts))
        target.write_bytes(whole[:200])
        await seen.wait()
        stand_still(4)
        loop.call_later(0.5, target.write_bytes, whole)
        await kept.until(lambda: len(kept.texts) > 1 or bool(kept.reports))
    assert (kept.texts, kept.reports) == (["FIRST", "WHOLE"], [])


def test_a_picture_is_looked_at_though_the_machine_stood_still_meanwhile() -> None:
    """It is read once: what was not looked at would be lost."""
    budget = Budget(200)
    stand_still(0.5)
    assert not budget.over
    begin = time.thread_time()
    while not budget.over:
        assert time.thread_time() - begin < 5


def test_a_camera_is_not_silent_because_the_machine_stood_still() -> None:
    """No frame came since before; the next one is being fetched."""

    class Slow:
        number, pace = 0, threading.Event()

        def fetch(self) -> float:
            self.pace.wait(120)
            self.pace.clear()
            self.number += 1
            return time.monotonic()

        def pixels(self) -> object:
            return np.full((8, 8), 9, np.uint8)

        def silent(self) -> Exception:
            return SourceError("sends no more frames", "it")

    source = Slow()
    watch = Watch(Source(0, live=True, silence_s=4.0), Aim(), 1, 0.1, 0.1, 60, 60, first_frame=0, photos=None, photos_bytes=0)
    feed = LiveFeed(cast("OpenSource", source), watch)
    feed.next()
    stand_still(6)
    assert isinstance(feed.next(), Pulse)
    with pytest.raises(SourceError):
        deque((feed.next() for _ in range(10)), maxlen=0)
