"""`plumbline nmea`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.nmea import benchmark
from edge_agent.readers import nmea as reader
from plumbline.cli import main
from plumbline.errors import PlumblineError

LOG = Path(reader.__file__).parent / "testcases/no-fix/input.nmea"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["nmea", *arguments])
    return int(exit_.value.code or 0)


def test_each_epoch_is_a_json_line_and_those_without_a_fix_have_mode_1(capsys) -> None:
    assert run("--json", str(LOG)) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["mode"] for row in rows] == [1, 1, 1, 3]
    assert rows[-1] == {
        "time": "2026-11-10T06:30:12.000Z",
        "mode": 3,
        "lat": 31.248,
        "lon": 121.473666667,
        "alt_msl": 12.3,
        "speed": 1.0,
        "track": 87.5,
        "hdop": 0.9,
        "sats_used": 9,
    }
    assert "time" not in rows[0]


def test_without_json_it_is_a_table(capsys) -> None:
    assert run(str(LOG)) == 0
    assert "2026-11-10T06:30:12.000Z    3        31.248" in capsys.readouterr().out


def test_the_standard_input_is_read() -> None:
    command = [sys.executable, "-c", "from plumbline.cli import main; main()", "nmea", "-", "--json"]
    done = subprocess.run(command, input=LOG.read_bytes(), capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4


def test_a_missing_log_is_one_line_and_exit_code_2(capsys) -> None:
    assert run("nope.log") == 2
    assert (
        capsys.readouterr().err
        == "plumbline: nope.log: cannot be read (No such file or directory); name a readable file, or '-'\n"
    )


def test_the_benchmark_counts_positions_found_and_invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_ENOUGH_S", 0.0)
    (tmp_path / "a.log").write_bytes(b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n")
    rows = [
        {"time": "1994-03-23T12:35:19.000Z", "mode": 2, "lat": 48.1173, "lon": 11.5166667},
        {"time": "1994-03-23T12:35:20.000Z", "mode": 1},
    ]
    (tmp_path / "a.fixes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    figures = benchmark.measure(tmp_path)
    assert (figures["sentences"], figures["positions_found"], figures["no_fix_read_as_fix"]) == (1, 1, 0)


def test_the_benchmark_of_a_folder_without_logs_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match=r"holds no \*\.log"):
        benchmark.measure(tmp_path)
