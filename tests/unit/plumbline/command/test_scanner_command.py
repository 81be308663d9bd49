"""`plumbline scanner`: the card in a file, and learning from a port, from a recording, from raw bytes."""

import json
import os
import subprocess
import sys
import tty
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.scanner_card.probes import PROBES
from plumbline import profile
from plumbline.cli import main
from tests.scanner_model import type_text


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["scanner", *map(str, arguments)])
    return int(ended.value.code or 0)


def sent(change=lambda said: said, suffix: str = "\r\n") -> bytes:
    return "".join(change(f"{probe.identifier}{probe.text}") + suffix for probe in PROBES.values()).encode()


def test_the_card_is_written_where_it_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("reportlab", reason="the extra 'labels' is not installed")
    assert run("card", "--out", tmp_path / "card.pdf", "--lang", "zh") == 0
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF-")
    assert "print it at 100 %" in capsys.readouterr().out
    assert run("card", "--out", tmp_path / "no" / "card.pdf") == 2
    assert "choose another file" in capsys.readouterr().err


def test_a_profile_is_learnt_from_a_ports_bytes_and_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "captured.txt").write_bytes(sent(lambda said: f"\x02{said}".replace("\x1d", "~"), "\x7f\r"))
    target = tmp_path / "gate-gun" / "profile.toml"
    assert run("learn", "--from", tmp_path / "captured.txt", "--write", target, "--baudrate", 115200) == 0
    learnt = profile.load(target)
    assert learnt.serial is not None
    assert learnt.serial.baudrate == 115200
    assert learnt.framing == profile.Framing(prefix="\x02", suffix="\x7f\r", symbology_identifier=True, group_separator="~")
    assert 'profile = "gate-gun"' in capsys.readouterr().out


def test_a_profile_that_is_there_keeps_its_titles(tmp_path: Path):
    target = tmp_path / "gun" / "profile.toml"
    target.parent.mkdir()
    target.write_text('id = "gun"\nkind = "scanner"\ntitle_en = "Gate gun"\ntitle_zh = "大门扫描枪"\n[keyboard]\n[framing]\n')
    (tmp_path / "captured.txt").write_bytes(sent())
    assert run("learn", "--from", tmp_path / "captured.txt", "--write", target) == 0
    assert (profile.load(target).title_en, profile.load(target).title_zh) == ("Gate gun", "大门扫描枪")


def test_a_wedge_is_learnt_from_a_recording_of_its_keys(tmp_path: Path):
    shots = [{"keys": type_text(f"{probe.text}\r", "fr")} for probe in PROBES.values()]
    recorded = "\n".join(["# plumbline scanner recording 1", *map(json.dumps, shots)])
    (tmp_path / "keys").write_text(recorded)
    target = tmp_path / "store-gun" / "profile.toml"
    again = tmp_path / "again"
    assert run("learn", "--from", tmp_path / "keys", "--write", target, "--record", again) == 0
    learnt = profile.load(target)
    assert learnt.keyboard == profile.Keyboard(layout="fr")
    assert learnt.serial is None
    assert run("learn", "--from", again) == 0


def test_what_is_lost_or_missing_is_said_and_no_profile_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "gun" / "profile.toml"
    (tmp_path / "captured.txt").write_bytes(sent(str.upper))
    assert run("learn", "--from", tmp_path / "captured.txt", "--write", target) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "LOST" in said
    assert "set the scanner as told" in said
    (tmp_path / "captured.txt").write_bytes(sent()[:20])
    assert run("learn", "--from", tmp_path / "captured.txt", "--write", target) == 1
    assert "Still needed: code 2, 3" in " ".join(capsys.readouterr().out.split())
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give one of --port, --device and --from"),
        (["--port", "a", "--device", "b"], "give one of"),
        (["--from", "/nonexistent"], "cannot be read"),
        (["--port", "/dev/serial/by-id/none"], "cannot be opened"),
        (["--device", "/dev/input/by-id/none"], "cannot be opened"),
        (["--from", "x", "--write", "gun.toml"], "a profile's file is called profile.toml"),
    ],
)
def test_a_wrong_call_says_what_to_do(arguments, said, capsys: pytest.CaptureFixture[str]):
    assert run("learn", *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_recording_with_a_broken_line_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "keys").write_text('# plumbline scanner recording 1\n{"keys": [[1, 2]]}\n{"keys": 3}\n')
    assert run("learn", "--from", tmp_path / "keys") == 2
    assert "line 3" in capsys.readouterr().err


def test_a_clerk_is_guided_through_the_card_on_a_real_port(tmp_path: Path):
    master, slave = os.openpty()
    tty.setraw(slave)
    target = tmp_path / "gun" / "profile.toml"
    program = "import sys; from plumbline.cli import main; main(sys.argv[1:])"
    call = ["scanner", "learn", "--port", os.ttyname(slave), "--write", str(target)]
    process = subprocess.Popen([sys.executable, "-c", program, *call], stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        os.write(master, b"something else\r\n")
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        os.write(master, sent())
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    assert process.stdout is not None
    said = process.stdout.read()
    os.close(master)
    os.close(slave)
    assert process.returncode == 0, said
    assert "14 of 14; needed: none" in " ".join(said.split())
    assert profile.load(target).framing == profile.Framing(symbology_identifier=True, group_separator="\x1d")
