"""What a scanner is told of its scan: by its own commands, over a pseudo-terminal."""

import asyncio
import os
import tty
from contextlib import asynccontextmanager, suppress

import pytest

from edge_agent.outbox import OutboxError
from edge_agent.reader import Capture, Context
from edge_agent.readers import serial_scanner
from edge_agent.readers.serial_scanner.scanner import Answers
from edge_agent.scanner.framing import Fault, Frame
from edge_agent.verdict.verdict import KEPT, MEANING, Verdict
from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.text import Text

VERDICTS = {kind: Verdict(kind, title, Text("", "")) for kind, (_, title) in MEANING.items()}


class Wire:
    """The scanner's end of the line."""

    def __init__(self, **values: object) -> None:
        self.near, self.far = os.openpty()
        tty.setraw(self.far)
        given = settings.convert({"port": os.ttyname(self.far), **values}, serial_scanner.Settings, "test")
        self.reports: list[str] = []
        self.reader = serial_scanner.build("gate", given, Context(report=lambda _, what: self.reports.append(what)))
        self.heard = bytearray()
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.near, self._hear)

    def _hear(self) -> None:
        self.heard += os.read(self.near, 100)
        self._changed.set()

    async def until(self, said: bytes) -> None:
        while not self.heard.endswith(said):
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.near)
        os.close(self.near)
        os.close(self.far)


@asynccontextmanager
async def scanning(emit, **values):
    """A reader that runs, from the first label on that it answered."""
    wire = Wire(**values)

    readied: list[str] = []

    async def first(capture: Capture):
        text = capture.event.keywords["text"]
        if text.startswith("READY"):
            readied.append(text)
            return KEPT
        return await emit(capture)

    task = asyncio.create_task(wire.reader.run(first))
    n = 0
    while not wire.heard:
        os.write(wire.near, b"READY%d\r\n" % (n := n + 1))
        with suppress(TimeoutError):
            await asyncio.wait_for(wire._changed.wait(), 0.1)
    os.write(wire.near, b"READY\r\n")  # those before may have come in part only
    while "READY" not in readied or wire.heard.count(b"[A]") < len(readied):
        wire._changed.clear()
        await wire._changed.wait()
    try:
        yield wire, task
    finally:
        task.cancel()
        await asyncio.wait([task])
        wire.close()


@pytest.mark.parametrize(
    ("kind", "command"),
    [("expected", b"G"), ("already_received", b"W"), ("over", b"W"), ("certificate_missing", b"W"), ("ask", b"W")]
    + [(kind, b"B") for kind in ("wrong_batch", "wrong_site", "unknown")]
    + [("kept", b"A"), ("person", b"G")],
)
def test_each_verdict_has_its_command(kind, command):
    assert Answers(b"A", b"G", b"W", b"B").to(VERDICTS[kind]) == command
    assert Answers(accept=b"A").to(VERDICTS[kind]) == b"A"
    assert Answers(accept=b"A", good=b"G").to(None) == b"A"


async def test_the_scanner_hears_the_verdict_of_each_label_and_of_a_repetition_the_same_again():
    async def emit(capture: Capture):
        return VERDICTS[capture.event.keywords["text"]]

    async with scanning(emit, accept="[A]", good="[G]", warn="[W]", bad="[B]", repeat_window_s=3600) as (wire, _):
        for label, answer in ((b"expected", b"[G]"), (b"unknown", b"[B]"), (b"unknown", b"[B]"), (b"over", b"[W]")):
            wire.heard.clear()
            os.write(wire.near, label + b"\r\n")
            await wire.until(answer)
            assert wire.heard == answer


async def test_a_scan_that_could_not_be_kept_sounds_bad_and_is_new_when_it_is_scanned_again():
    kept: list[str] = []
    full = [True]

    async def emit(capture: Capture):
        if full[0]:
            raise OutboxError("the disk is full")
        kept.append(capture.event.keywords["text"])
        return VERDICTS["expected"]

    async with scanning(emit, accept="[A]", bad="[B]", repeat_window_s=3600) as (wire, task):
        wire.heard.clear()
        os.write(wire.near, b"LABEL\r\n")
        with pytest.raises(OutboxError):
            await task
        await wire.until(b"[B]")
        assert wire.heard == b"[B]"
        full[0] = False
        again = asyncio.create_task(wire.reader.run(emit))
        wire.heard.clear()
        while b"[A]" not in wire.heard:
            os.write(wire.near, b"LABEL\r\n")
            await asyncio.wait([again], timeout=0.1)
        again.cancel()
        await asyncio.wait([again])
    assert "LABEL" in kept


async def test_labels_behind_one_that_could_not_be_kept_are_told_of():
    async def emit(_: Capture):
        raise OutboxError("the disk is full")

    async def say(_: bytes) -> None:
        return

    wire = Wire()
    with pytest.raises(OutboxError):
        await wire.reader._take_all([Frame(b"A"), Fault("too long"), Frame(b"B")], emit, say)
    wire.close()
    assert wire.reports == ["1 more label of the same moment could not be kept; scan them again"]


def test_commands_are_ascii():
    given = settings.convert({"port": "/dev/x", "warn": "é"}, serial_scanner.Settings, "test")
    with pytest.raises(SettingsError, match="warn: 'é' is not ASCII"):
        serial_scanner.build("gate", given, Context())
