"""The real gpsd, fed by a pseudo-terminal with logs of real receivers; and our own reading of the same sentences."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.nmea import read_log
from edge_agent.nmea.sentence import checksum_of
from edge_agent.reader import Context, ReaderError
from edge_agent.readers import gpsd
from plumbline import settings
from plumbline.event import Fix
from tests.kept import Kept, Terminal
from tests.servers import Server, answers, free_port

PROGRAM = shutil.which("gpsd", path=os.environ.get("PATH", "") + ":/usr/sbin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="gpsd is not installed; apt-get install gpsd")


class Receiver(Terminal):
    """A receiver that stays on its pseudo-terminal while gpsd comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self._slave = os.open(self.path, os.O_RDWR | os.O_NOCTTY)

    def unplug(self) -> None:
        os.close(self._slave)
        super().unplug()


def sentence(body: str) -> bytes:
    return b"$%s*%02X\r\n" % (body.encode(), checksum_of(body.encode()))


def cycle(second: int) -> bytes:
    """One second of a receiver, 1.1 m further north each; a time of its own for each call, so that nothing repeats."""
    time, lat = f"{6 + second // 3600:02}{second // 60 % 60:02}{second % 60:02}.00", f"3114.{8800 + second % 1000:04}"
    bodies = [
        f"GPGGA,{time},{lat},N,12128.4200,E,1,09,0.9,12.3,M,8.3,M,,",
        "GPGSA,A,3,01,02,03,04,05,06,07,08,09,,,,1.7,0.9,1.4",
        f"GPRMC,{time},A,{lat},N,12128.4200,E,1.9,87.5,101126,,,A",
    ]
    return b"".join(map(sentence, bodies))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.unplug()


@pytest.fixture
def server(receiver: Receiver, tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    one = Server([PROGRAM or "", "-N", "-n", "-S", str(port), receiver.path], tmp_path / "gpsd.log", lambda: answers(port))
    one.address = f"127.0.0.1:{port}"  # type: ignore[attr-defined]
    one.start()
    yield one
    one.stop()


def by_time(kept: Kept) -> dict[int, Fix]:
    return {at_ns: fix for capture, fix in zip(kept.captures, kept.fixes(), strict=True) if (at_ns := capture.at_ns)}


async def fed(kept: Kept, receiver: Receiver, seconds: Iterator[int], count: int) -> None:
    """Send second after second, as a receiver does, until `count` fixes came."""
    await kept.until_fed(lambda: len(by_time(kept)) >= count, lambda: receiver.send(cycle(next(seconds))), every_s=0.3)


def reader_of(address: str, **keys):
    return gpsd.build("truck", settings.convert({"address": address, "interval_s": 0} | keys, gpsd.Settings, "test"), Context())


async def test_gpsds_fixes_are_our_own_reading_of_the_same_sentences(receiver: Receiver, server: Server) -> None:
    kept, seconds = Kept(), iter(range(10_000))
    task = asyncio.create_task(reader_of(server.address).run(kept.emit), name="reader")
    await fed(kept, receiver, seconds, 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    sent = next(seconds)
    own = {epoch.time_ns: epoch for epoch in read_log([b"".join(map(cycle, range(sent)))])}
    for at_ns, fix in by_time(kept).items():
        epoch = own[at_ns]
        assert (fix.lat, fix.lon) == (pytest.approx(epoch.lat, abs=1e-7), pytest.approx(epoch.lon, abs=1e-7))
        assert fix.mode == epoch.mode
        assert fix.accuracy_m is None or 1 < fix.accuracy_m < 30
    last = by_time(kept)[max(by_time(kept))]
    assert (last.alt_m, last.speed_mps) == (pytest.approx(12.3), pytest.approx(0.977, abs=0.01))


async def test_a_gpsd_that_was_restarted_is_read_again(receiver: Receiver, server: Server) -> None:
    kept, seconds = Kept(), iter(range(10_000))
    reader = reader_of(server.address)
    for count in (2, 4):
        task = asyncio.create_task(reader.run(kept.emit), name="reader")
        await fed(kept, receiver, seconds, count)
        server.kill()
        with pytest.raises(ReaderError, match="the connection to"):
            await task
        with pytest.raises(ReaderError, match="cannot connect to"):
            await reader.run(kept.emit)
        server.start()


async def test_a_check_of_the_real_gpsd_names_its_version(receiver: Receiver, server: Server) -> None:
    with pytest.raises(ReaderError, match=r"gpsd reports no(thing| position)"):
        await reader_of(server.address, device="/dev/nope").check(10)
    check = asyncio.create_task(reader_of(server.address).check(60), name="check")
    kept = Kept()
    for second in range(10_000):
        if check.done():
            break
        receiver.send(cycle(second))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(check), 0.3)
    assert not kept.captures
    assert "gpsd 3." in check.result()
    assert "a 3D fix" in check.result()


async def test_gpsds_fixes_of_a_real_receivers_log_are_our_own(
    receiver: Receiver, server: Server, corpus: Path, say: Callable[[str], None]
) -> None:
    log = (corpus / "gps/nmea/sirfstarv-nmea.log").read_bytes()
    lines = [line for line in log.splitlines(keepends=True) if line[:1] != b"#"]
    own = {epoch.time_ns: epoch for epoch in read_log([log]) if epoch.mode > 1}
    kept = Kept()
    task = asyncio.create_task(reader_of(server.address).run(kept.emit), name="reader")
    while len(by_time(kept)) < len(own) // 2:  # gpsd passes over what comes before it knows the speed: again from the start
        for line in lines:
            await asyncio.to_thread(os.write, receiver.master, line)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    found = {at_ns: fix for at_ns, fix in by_time(kept).items() if at_ns in own}
    apart = [max(abs(fix.lat - own[at_ns].lat), abs(fix.lon - own[at_ns].lon)) for at_ns, fix in found.items()]
    say(
        f"gpsd (real): {len(found)} fixes of a log of {len(own)} compared with our own reading, {max(apart):.7f} degrees apart at most"
    )
    assert len(found) >= len(by_time(kept)) - 2  # gpsd dates the first instants by the day before it heard RMC
    assert max(apart) <= 2e-5
