"""The commands of ingest as processes: run, kill, stop, prove, inspect, replay."""

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
from pathlib import Path
from unittest import mock

import pytest

from plumbline import topics
from plumbline.address import Address
from plumbline.cli import main
from plumbline.mqtt import Connection
from tests.batches import batch, reading, scan
from tests.servers import Mosquitto, plumbline, running, wait_until

SITE_FILE = """id = "yard"
title_en = "Yard"
title_zh = "工地"
timezone = "Asia/Shanghai"
lat = 31.2
lon = 121.4
"""
DEVICE = """
[[devices]]
id = "scanner"
title_en = "Scanner"
title_zh = "扫描枪"
kind = "machine"
"""


class Place:
    """A broker, a database, an embedded store, and `plumbline` over them."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder / "broker")
        self.sites = folder / "sites"
        self.sites.mkdir()
        self.environment = os.environ | {
            "PLUMBLINE_BROKER": self.broker.url,
            "PLUMBLINE_DATABASE": f"sqlite:///{folder}/plumbline.db",
            "PLUMBLINE_SERIES": f"embedded:{folder}/series.duckdb",
            "PLUMBLINE_SITES": str(self.sites),
        }
        self.log = folder / "ingest.log"
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        mark = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self.worker = subprocess.Popen(
                plumbline("ingest", "run", "--worker", "w"), env=self.environment, stdout=out, stderr=out
            )
        wait_until(lambda: self.log.read_bytes()[mark:].count(b"receiving") >= 2, f"ingest to receive: {self.log}")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself, in this process: what it prints and its exit code."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            mock.patch.dict(os.environ, self.environment),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def ledger(self) -> list[dict]:
        return json.loads(self.run("ledger", "--json").stdout)

    def send(self, *messages: tuple[str, bytes], upto: int) -> None:
        """Send as an outbox does: all again until the watermark has passed them."""
        asyncio.run(asyncio.wait_for(self._send(messages, upto), 200))

    async def _send(self, messages, upto):
        async with Connection(address=Address.parse(self.broker.url), client_id="gateway", inbound=1000) as gateway:
            await gateway.subscribe(topics.committed("yard", "gw", "business"))
            stream = gateway.messages()
            while True:
                for topic, payload in messages:
                    await gateway.publish(topic, payload)
                try:
                    async with asyncio.timeout(0.5):
                        async for message in stream:
                            message.ack()
                            if json.loads(message.payload)["upto"] >= upto:
                                return
                except TimeoutError:
                    stream = gateway.messages()


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    (place.sites / "yard.toml").write_text(SITE_FILE)
    with running(place.broker):
        yield place
        if place.worker is not None and place.worker.poll() is None:
            place.worker.kill()
            place.worker.wait(120)


def test_a_killed_and_restarted_worker_misses_nothing_and_a_stopped_one_ends_cleanly(place):
    place.start()
    place.send(batch([scan(1), scan(2)]), upto=2)
    place.worker.kill()
    place.worker.wait(120)
    place.start()
    place.send(batch([scan(2), scan(3)]), batch([scan(4)]), upto=4)
    place.worker.terminate()
    assert place.worker.wait(120) == 0
    (stream,) = place.ledger()
    assert (stream["class"], stream["received"], stream["missing"], stream["watermark"]) == ("business", 4, 0, 4)
    assert stream["duplicate"] >= 1
    table = place.run("ledger")
    assert table.returncode == 0
    assert "2026-06-11" in table.stdout


def test_a_hole_makes_the_ledger_command_fail_where_it_is_asked_to_check(place):
    place.start()
    place.send(batch([scan(1)]), batch([scan(3)]), upto=1)
    wait_until(lambda: place.ledger()[0]["received"] == 2, "the third scan")
    done = place.run("ledger", "--json", "--check")
    assert done.returncode == 1
    (stream,) = json.loads(done.stdout)
    assert stream["missing_ranges"] == [[2, 2]]
    assert stream["verdict"].startswith("waits for 1 number (2), ")
    assert place.run("ledger", "--check", "--since", stream["days"][0]["day"]).returncode == 1
    assert place.run("ledger", "--check", "--day", "2001-01-01").returncode == 0
    assert place.run("ledger").returncode == 0
    assert "is no day; write it like" in place.run("ledger", "--since", "yesterday").stderr


def test_dead_letters_of_a_late_site_file_come_in_unasked_while_ingest_runs(place):
    (place.sites / "yard.toml").rename(place.sites / "yard.off")
    place.start()
    place.send(batch([scan(1)]), upto=1)
    (letter,) = json.loads(place.run("deadletters", "list", "--each", "--json").stdout)
    assert (letter["reason"], letter["seq"], letter["device"]) == ("unknown_site", 1, "scanner")
    (pile,) = json.loads(place.run("deadletters", "list", "--json").stdout)
    assert (pile["reason"], pile["site"], pile["device"], pile["letters"]) == ("unknown_site", "yard", "scanner", 1)
    shown = place.run("deadletters", "show", str(letter["id"]))
    assert '"text": "x1"' in shown.stdout
    assert "to do                add its file to the sites folder" in shown.stdout
    assert "unknown_site" in place.run("deadletters", "list").stdout
    (place.sites / "yard.off").rename(place.sites / "yard.toml")
    wait_until(lambda: place.ledger()[0]["dead"] == 0, "the replay")
    assert place.ledger()[0]["received"] == 1
    assert place.run("deadletters", "list").stdout == "no letter waits\n"


def test_unknown_devices_wait_until_they_are_added_and_replayed_and_a_mistake_changes_nothing(place):
    file = place.sites / "yard.toml"
    file.write_text('unknown_devices = "set_aside"\n' + SITE_FILE)
    place.start()
    place.send(batch([scan(1), scan(2)]), upto=2)
    assert place.ledger()[0]["dead"] == 2
    assert place.run("deadletters", "list", "--device", "nobody").stdout == "no letter waits\n"
    refused = place.run("deadletters", "replay", "--reason", "unknown_device", "--wait")
    assert refused.returncode == 1
    assert "0 of 2 letters taken\n2 refused again, unknown_device: add the device" in refused.stdout
    file.write_text(file.read_text() + DEVICE.replace("machine", "robot"))
    wait_until(lambda: b"site files not taken" in place.log.read_bytes(), "the mistake to be told")
    file.write_text(file.read_text().replace("robot", "scanner"))
    place.worker.send_signal(signal.SIGHUP)
    wait_until(lambda: b"plumbline deadletters replay --reason unknown_device" in place.log.read_bytes(), "the hint")
    taken = place.run("deadletters", "replay", "--reason", "unknown_device", "--wait")
    assert (taken.returncode, taken.stdout) == (0, "2 of 2 letters taken\n")
    assert (place.ledger()[0]["received"], place.ledger()[0]["dead"]) == (2, 0)


def test_a_letter_is_exported_mended_and_taken_and_what_came_stays_beside_it(place, tmp_path):
    place.start()
    topic, payload = batch([scan(1)])
    place.send((topic, payload.replace(b'"text":"x1"', b'"text":7')), upto=1)
    (letter,) = json.loads(place.run("deadletters", "list", "--each", "--json").stdout)
    number, file = str(letter["id"]), tmp_path / "letter.json"
    assert "◄── Expected `str`, got `int`" in place.run("deadletters", "show", number).stdout
    assert place.run("deadletters", "export", number, "--to", str(file)).returncode == 0
    assert "is there already" in place.run("deadletters", "export", number, "--to", str(file)).stderr
    came = file.read_bytes()
    for old, new, words in (
        (b'"seq":1', b'"seq":2', "its place in the ledger stays"),
        (b'"raw":"eDE="', b'"raw":"eDI="', "changes raw: what was captured is evidence"),
        (b'"text":7', b'"text":8', "is no event"),
    ):
        file.write_bytes(came.replace(b'"text":7', b'"text":"x1"').replace(old, new) if old != b'"text":7' else came)
        assert words in place.run("deadletters", "replay", number, "--corrected", str(file)).stderr
    file.write_bytes(came.replace(b'"text":7', b'"text":"x1"'))
    done = place.run("deadletters", "replay", number, "--corrected", str(file), "--wait")
    assert (done.returncode, done.stdout) == (0, "1 of 1 letters taken\n")
    told = json.loads(place.run("deadletters", "show", number, "--json").stdout)
    assert (told["original"], told["payload"]) == (came.decode(), file.read_text())
    assert "was replayed already" in place.run("deadletters", "replay", number, "--corrected", str(file)).stderr


def test_letters_are_dropped_only_with_a_word_and_stay_counted(place):
    (place.sites / "yard.toml").rename(place.sites / "yard.off")
    place.start()
    place.send(batch([scan(1), scan(2)]), upto=2)
    place.worker.terminate()
    assert place.worker.wait(120) == 0
    assert "2 letters would be gone for good; add --yes" in place.run("deadletters", "drop", "--site", "yard").stderr
    assert place.run("deadletters", "drop", "--site", "yard", "--since", "1h", "--yes").stdout == "2 letters removed\n"
    assert place.run("deadletters", "drop", "--all").stdout == "0 letters removed\n"
    assert place.ledger()[0]["dead"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deadletters", "replay"), "which letters"),
        (("deadletters", "drop"), "which letters"),
        (("deadletters", "show", "77"), "no dead letter 77"),
        (("deadletters", "replay", "77", "--corrected", "/nowhere"), "cannot be read"),
        (("deadletters", "replay", "--all", "--corrected", "/nowhere"), "mends one letter"),
        (("deadletters", "list", "--since", "soon"), "is no time; write 90m"),
        (("deadletters", "list", "--since", "999999w"), "is no time; write 90m"),
        (("ingest", "run", "--config", "/nowhere.toml"), "no such file"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(place, arguments, words):
    assert place.run("db", "upgrade").returncode == 0
    done = place.run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_upgrading_a_database_twice_changes_nothing(place):
    assert place.run("db", "upgrade").returncode == 0
    assert place.run("db", "upgrade").returncode == 0


def test_telemetry_reaches_the_ledger_too(place):
    place.start()
    place.send(batch([reading(1), reading(2)]), batch([scan(1)]), upto=1)
    wait_until(lambda: len(place.ledger()) == 2, "both classes")
    assert [stream["received"] for stream in place.ledger()] == [1, 2]
