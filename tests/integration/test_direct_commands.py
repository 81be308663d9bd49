"""Direct devices and the command: what would be taken, and a worker that is killed while they speak."""

import asyncio
import os
import subprocess
from pathlib import Path

from plumbline.database import open_engine
from tests.direct_devices import Books, device, eventually
from tests.servers import Mosquitto, plumbline, running

SITE_FILE = 'id = "yard"\ntitle_en = "Yard"\ntitle_zh = "工地"\ntimezone = "Asia/Shanghai"\nlat = 31.2\nlon = 121.4\n'
TURNSTILE = """
[[direct]]
site = "yard"
name = "turnstiles"
topic = "turnstiles/+/pass"
unknown_devices = "take"
measurement = "equipment"
check_in = { person = "card", fixed_place = "gate", fixed_direction = "in" }
metrics.count = { unit = "1", title_en = "Count", title_zh = "数", path = "n" }
"""
PASSES = 2000


class Place:
    """A broker, a database, an embedded store, and `plumbline ingest` over them."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        (folder / "sites").mkdir()
        (folder / "sites" / "yard.toml").write_text(SITE_FILE)
        self.direct = folder / "direct.toml"
        self.direct.write_text(TURNSTILE)
        self.url = f"sqlite:///{folder}/plumbline.db"
        self.environment = os.environ | {
            "PLUMBLINE_BROKER": broker.url,
            "PLUMBLINE_DATABASE": self.url,
            "PLUMBLINE_SERIES": f"embedded:{folder}/series.duckdb",
            "PLUMBLINE_SITES": str(folder / "sites"),
            "PLUMBLINE_DIRECT": str(self.direct),
        }
        self.log = folder / "ingest.log"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            plumbline(*arguments), env=self.environment, capture_output=True, text=True, timeout=200, check=False
        )

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            return subprocess.Popen(plumbline("ingest", "run", "--worker", "w"), env=self.environment, stdout=out, stderr=out)


def test_the_check_says_what_would_be_taken_and_what_is_wrong(tmp_path: Path):
    place = Place(tmp_path, Mosquitto(tmp_path / "broker"))
    done = place.run("ingest", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "direct[0]: declared of site yard, in the ledger as turnstiles" in done.stdout
    assert "takes turnstiles/+/pass" in done.stdout
    place.direct.write_text(TURNSTILE.replace("yard", "yrad"))
    done = place.run("ingest", "check")
    assert done.returncode == 2
    assert "direct[0]: site: there is no site file for 'yrad' (known: yard)" in done.stderr


async def test_a_worker_that_is_killed_while_devices_speak_loses_nothing_and_counts_nothing_twice(tmp_path: Path):
    broker = Mosquitto(tmp_path / "broker")
    with running(broker):
        place = Place(tmp_path, broker)
        first = await asyncio.to_thread(place.run, "db", "upgrade", "--database", place.url)
        assert first.returncode == 0, first.stderr
        worker = place.start()
        engine = open_engine(place.url)
        books = Books(engine)
        try:
            await eventually(lambda: heard(place), f"ingest to hear the devices: {place.log}")

            async def speak(first, behind):
                async with device(broker) as turnstile:
                    for i in range(first, behind):
                        await turnstile.publish("turnstiles/t1/pass", b'{"card": "W-%04d", "n": %d}' % (i, i))

            for start in range(0, PASSES, PASSES // 4):
                speaking = asyncio.create_task(speak(start, start + PASSES // 4))
                await eventually(lambda least=start + 20: came(books, least), f"{start + 20} passes: {place.log}")
                worker.kill()
                await asyncio.to_thread(worker.wait)
                worker = place.start()
                await speaking
            await eventually(lambda: came(books, PASSES, "telemetry"), f"all readings: {place.log}")
            await eventually(lambda: came(books, PASSES), f"all passes: {place.log}")
        finally:
            worker.terminate()
            code = await asyncio.to_thread(worker.wait)
        assert code == 0
        persons = [event["person"] for event in await books.events()]
        assert sorted(persons) == [f"W-{i:04d}" for i in range(PASSES)]
        assert await books.received("business") == await books.received("telemetry") == PASSES
        assert (await books.tally())["messages"] == PASSES
        assert all(row["beyond"] == "[]" and row["duplicate"] == 0 for row in await books.streams())
        assert all(gap["kept"] for gap in await books.gaps())
        await engine.dispose()


async def heard(place):
    return b"direct devices are heard" in place.log.read_bytes()


async def came(books, least, event_class="business"):
    return await books.received(event_class) >= least
