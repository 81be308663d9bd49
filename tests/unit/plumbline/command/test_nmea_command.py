"""`plumbline nmea`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.readers import nmea as reader
from plumbline.cli import main

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
