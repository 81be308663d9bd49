"""The agent's logs: bounded on disk and in repetitions, whatever a device or a disk does."""

import json
import sys
import threading

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import log_file
from edge_agent.config import LogSettings
from edge_agent.log_file import LogFile
from edge_agent.logs import configure
from plumbline.repeats import ALLOWANCE, Repeats


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def passed(repeats, **entry):
    try:
        return repeats(None, "warning", dict(entry))
    except structlog.DropEvent:
        return None


def report(n, device="meter-3"):
    return {"event": "reader.report", "device": device, "what": f"slave 3: no answer for {n} s"}


def test_a_fault_each_second_is_one_line_and_then_a_count():
    clock = Clock()
    repeats = Repeats(300.0, clock)
    lines = []
    for second in range(3600):
        clock.now_s = float(second)
        lines += [passed(repeats, **report(second))]
        if second % 10 == 0:
            lines += list(repeats.due())
    clock.now_s = 4000.0
    lines = [line for line in [*lines, *repeats.due()] if line is not None]
    assert len(lines) <= 30
    told = [line for line in lines if "times" not in line]
    assert len(told) + sum(line.get("times", 0) + line.get("repeated", 0) for line in lines) == 3600


def test_the_link_going_and_coming_is_told_each_time():
    repeats = Repeats(300.0, Clock())
    offline, online = {"event": "uplink.offline", "error": "refused"}, {"event": "uplink.online", "broker": "b"}
    told = [passed(repeats, **line) is not None for line in (online, offline, offline, online, offline, offline, online)]
    assert told == [True, True, False, True, True, False, True]


def test_lines_of_two_devices_do_not_hide_each_other():
    repeats = Repeats(300.0, Clock())
    assert passed(repeats, **report(1))
    assert passed(repeats, **report(1, "meter-4"))
    assert passed(repeats, **report(2)) is None


def test_a_device_that_never_says_the_same_twice_has_an_allowance():
    repeats = Repeats(300.0, Clock())
    lines = [passed(repeats, event="reader.report", device="d", what="x" * n) for n in range(200)]
    assert sum(line is not None for line in lines) == ALLOWANCE
    assert passed(repeats, event="reader.report", device="other", what="x")


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=50), st.floats(0, 400)), max_size=100))
def test_every_line_is_told_or_counted_and_the_first_of_each_kind_is_told(steps):
    clock = Clock()
    repeats = Repeats(300.0, clock)
    told = counted = 0
    for device, what, wait_s in steps:
        clock.now_s += wait_s
        line = passed(repeats, event="e", device=device, what=what)
        told += line is not None
        counted += (line or {}).get("repeated", 0)
        counted += sum(summary["times"] for summary in repeats.due())
    clock.now_s += 301
    assert told + counted + sum(summary["times"] for summary in repeats.due()) == len(steps)


def test_files_roll_and_stay_within_their_bound(tmp_path):
    file = LogFile(tmp_path / "log" / "agent.jsonl", limit=10_000, count=3)
    for n in range(2000):
        file.write({"event": "x", "n": n})
    file.close(60)
    files = sorted((tmp_path / "log").iterdir())
    assert [one.name for one in files] == ["agent.jsonl", "agent.jsonl.1", "agent.jsonl.2"]
    assert all(one.stat().st_size <= 10_000 for one in files)
    numbers = [json.loads(line)["n"] for one in reversed(files) for line in one.read_text().splitlines()]
    assert numbers == list(range(2000 - len(numbers), 2000))


def test_a_torn_last_line_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "agent.jsonl"
    path.write_text('{"event": "a"}\n{"eve')
    file = LogFile(path, limit=10_000, count=2)
    file.write({"event": "b"})
    file.close(60)
    assert json.loads(path.read_text().splitlines()[-1]) == {"event": "b"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_on_a_full_disk_lines_are_lost_and_counted_and_nobody_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "_RETRY_S", 0.0)
    path = tmp_path / "agent.jsonl"
    path.symlink_to("/dev/full")
    file = LogFile(path, limit=10_000, count=1)
    monkeypatch.setattr(file, "_ends_a_line", lambda: True)
    for n in range(log_file._WAITING * 2):
        file.write({"n": n})
    while not file._queue.empty():
        threading.Event().wait(0.01)
    path.unlink()
    file.write({"event": "room again"})
    file.close(60)
    first, last = map(json.loads, path.read_text().splitlines())
    assert first["event"] == "log.gap"
    assert first["lost"] > 0
    assert last == {"event": "room again"}


def test_a_line_that_is_too_long_keeps_its_head(tmp_path):
    file = LogFile(tmp_path / "a", limit=100_000, count=1)
    file.write({"event": "e", "level": "error", "what": "x" * 50_000})
    file.close(60)
    assert json.loads((tmp_path / "a").read_text()) == {"event": "e", "level": "error", "cut_bytes": 50_044}


def test_no_password_reaches_the_log_and_the_trace_of_a_mistake_does(tmp_path, capsys):
    logs = configure(LogSettings(), tmp_path)
    log = structlog.get_logger()
    log.warning("uplink.offline", error="mqtt://gate:secret@h: refused")
    try:
        raise ZeroDivisionError("oops")
    except ZeroDivisionError:
        log.exception("reader.crashed")
    logs.close()
    first, second = map(json.loads, (tmp_path / "log" / "agent.jsonl").read_text().splitlines())
    assert first["error"] == "mqtt://gate:…@h: refused"
    assert "ZeroDivisionError: oops" in second["exception"]
    assert "secret" not in capsys.readouterr().err
