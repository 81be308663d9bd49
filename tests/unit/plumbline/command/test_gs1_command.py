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
        "repaired": False,
        "candidates": None,
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


LOST = f"01{GTIN}10ABC17251231"


def test_ambiguous_text_shows_its_candidates_with_titles(capsys) -> None:
    assert run(LOST) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  ambiguous: 3 readings break no rule, since separators (FNC1) may be lost; most plausible first"
    assert lines[2] == "  1. separators put back behind (10); (17) is a date"
    assert [line.split() for line in lines[3:6]] == [
        ["(01)", GTIN, "GTIN"],
        ["(10)", "ABC", "BATCH/LOT"],
        ["(17)", "251231", "USE", "BY", "or", "EXPIRY"],
    ]


def test_ambiguous_text_has_candidates_in_json(capsys) -> None:
    assert run("--json", LOST) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["ais"], answer["repaired"]) == (False, None, False)
    assert answer["candidates"][0]["ais"] == [["01", GTIN], ["10", "ABC"], ["17", "251231"]]
    assert answer["candidates"][0]["reason"]


def test_what_says_that_it_is_gs1_is_read_as_it_stands_with_what_else_it_may_be(capsys) -> None:
    assert run("--json", f"]C1{LOST}", f"^{LOST}") == 0
    for line in capsys.readouterr().out.splitlines():
        answer = json.loads(line)
        assert answer["ais"] == [["01", GTIN], ["10", "ABC17251231"]]
        assert len(answer["candidates"]) == 2
    assert run(f"]C1{LOST}") == 0
    assert "a scanner that loses them would read the same" in capsys.readouterr().out


@pytest.mark.parametrize("separators", ["lost", "unknown"])
def test_a_scanner_that_is_not_known_to_send_separators_makes_it_ambiguous(capsys, separators: str) -> None:
    assert run("--separators", separators, f"]C1{LOST}") == 1
    assert "ambiguous: 3 readings" in capsys.readouterr().out


def test_a_scanner_that_keeps_separators_makes_it_plain(capsys) -> None:
    assert run("--separators", "kept", f"]C1{LOST}", LOST) == 0
    assert "separator" not in capsys.readouterr().out


def test_replaced_separators_are_repaired(capsys) -> None:
    assert run(f"01{GTIN}10ABC{{GS}}17251231") == 0
    assert "repaired: '{GS}' stands for the separator" in capsys.readouterr().out
    assert run("--json", f"01{GTIN}10ABC|17251231") == 0
    assert json.loads(capsys.readouterr().out)["repaired"] is True


def test_expected_values_choose(capsys, tmp_path) -> None:
    path = tmp_path / "expected.toml"
    path.write_text('batches = ["ABC"]')
    for text in (LOST, f"]C1{LOST}"):
        assert run("--json", "--expected", str(path), text) == 0
        answer = json.loads(capsys.readouterr().out)
        assert (answer["repaired"], answer["ais"][1]) == (True, ["10", "ABC"])
    path.write_text("batches = [")
    assert run("--expected", str(path), LOST) == 2


def test_a_value_that_is_too_long_is_refused_with_what_it_may_be(capsys) -> None:
    assert run(f"]C101{GTIN}10ABCDEFGHIJKLMNOPQRST21X") == 1
    out = capsys.readouterr().out
    assert "refused: AI (10): the value has 23 characters, 20 at most are allowed" in out
    assert "(21)    X" in out


def test_an_own_code_is_no_gs1_data(capsys) -> None:
    assert run("10-4") == 0
    assert "no GS1 data; put ^ in front to read it as (10)-4" in capsys.readouterr().out


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
