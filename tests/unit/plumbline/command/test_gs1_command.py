"""`plumbline gs1`."""

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from plumbline.cli import main
from plumbline.command import gs1 as command

GTIN = "09521234543213"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["gs1", *arguments])
    return int(exit_.value.code or 0)


def test_a_text_is_answered_with_its_identifiers(capsys) -> None:
    assert run("--json", f"^01{GTIN}10A") == 0
    assert json.loads(capsys.readouterr().out) == {
        "input": f"^01{GTIN}10A",
        "ok": True,
        "ais": [["01", GTIN], ["10", "A"]],
        "error": None,
    }


def test_a_refused_text_has_a_reason_and_exit_code_1(capsys) -> None:
    assert run("--json", "(01)1") == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["ais"]) == (False, None)
    assert "AI (01)" in answer["error"]


def test_without_json_titles_are_shown(capsys) -> None:
    assert run(f"]C101{GTIN}10A\x1d99\x07") == 1
    assert run(f"]C101{GTIN}10A\x1d99B", "4006381333931", "]Q1hello") == 0
    out = capsys.readouterr().out
    assert "<GS>99\\x07\n  refused: AI (99)" in out
    assert "BATCH/LOT" in out
    assert "GTIN    04006381333931" in out
    assert "no GS1 data" in out


def test_requisites_are_demanded_on_request() -> None:
    assert run("(10)A") == 0
    assert run("(10)A", "--requisites") == 1


@pytest.mark.parametrize("arguments", [[], ["X", "--stdin"], ["X", "--fnc1", "ab"]])
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments) == 2


def test_each_line_of_the_standard_input_has_its_answer_in_order(monkeypatch, capsys) -> None:
    lines = [
        f"]C101{GTIN}10A\x1d99B".encode(),
        json.dumps(f"]C101{GTIN}10A\x1d99B").encode(),
        b"",
        b"(10)\xff",
        b"]C1" + b"9" * 300_000,
        b'"(10)A',
        b"(10)A\r",
    ]
    monkeypatch.setattr(command.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\n".join(lines))))
    assert run("--stdin", "--json") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["ok"] for answer in answers] == [True, True, False, False, False, False, True]
    assert answers[0] == answers[1]


def test_answers_are_streamed() -> None:
    """A program that waits for the answer before it sends the next case gets it."""
    code = "from plumbline.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "gs1", "--stdin", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for lot in ("A", "B"):
            process.stdin.write(f"(10){lot}\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["ais"] == [["10", lot]]
        process.stdin.close()
        assert process.wait() == 0
