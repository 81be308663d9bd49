"""`plumbline tracking import` with schedules and lists: shown, asked about, applied; nothing by halves."""

import json
import os
import pty
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from plumbline.cli import main
from plumbline.command.site_files import note
from tests import tracking_site as site

SITE_FILE = 'id = "harbour"\ntitle_en = "Harbour"\ntitle_zh = "港口"\ntimezone = "Asia/Shanghai"\nlat = 31.2\nlon = 121.5\n'
TASKS = "id,name,start,finish,predecessors\n1,Dig,2024-05-06,2024-05-08,\n2,Pour,2024-05-09,2024-05-10,1FS+1d\n"


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command in a folder with a site, an order and task lists."""
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "harbour.toml").write_text(SITE_FILE)
    (tmp_path / "order.json").write_text(json.dumps(site.order()))
    (tmp_path / "tasks.csv").write_text(TASKS)
    (tmp_path / "changed.csv").write_text(TASKS.replace("Dig,2024-05-06", "Dig deep,2024-05-07").replace("2,Pour", "3,Pour"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLUMBLINE_DATABASE", f"sqlite:///{tmp_path}/plumbline.db")
    monkeypatch.setenv("PLUMBLINE_SITES", str(tmp_path / "sites"))

    def run(*arguments: str, typed: bytes | None = None) -> Done:
        terminal = pty.openpty() if typed is not None else None
        with open(os.devnull) if terminal is None else os.fdopen(terminal[1]) as stdin:  # noqa: PTH123 - not a path of ours
            if terminal is not None:
                os.write(terminal[0], typed)
            monkeypatch.setattr("sys.stdin", stdin)
            with pytest.raises(SystemExit) as ended:
                main(["tracking", "import", *arguments])
        if terminal is not None:
            os.close(terminal[0])
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def test_an_order_and_its_schedule_are_imported_together_once(run):
    done = run("order.json", "tasks.csv", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["added", "PO-1", "order.json"]
    assert lines[1].split() == ["changed", "PO-1", "tasks.csv"]
    assert lines[2] == "  added  task 1 'Dig'  start: none → 2024-05-06 00:00; finish: none → 2024-05-08 23:59"
    assert lines[-1] == "  2 added"
    again = run("tasks.csv", "--order", "PO-1", "--yes")
    assert again.stdout.split() == ["unchanged", "PO-1", "tasks.csv"]


def test_the_difference_is_shown_and_nothing_applied_without_a_yes(run):
    run("order.json", "tasks.csv", "--yes")
    shown = run("changed.csv", "--order", "PO-1", "--dry-run")
    assert shown.returncode == 0
    for part in (
        "removed  task 2 'Pour'",
        "renamed, moved  task 1 'Dig deep'  title: Dig → Dig deep; start: 2024-05-06 00:00 → 2024-05-07 00:00",
        "added  task 3 'Pour'",
        "1 removed, 1 renamed, 1 moved, 1 added",
    ):
        assert part in shown.stdout
    refused = run("changed.csv", "--order", "PO-1")
    assert refused.returncode == 1
    assert "nothing was applied: look at the difference and say --yes" in refused.stderr
    assert run("tasks.csv", "--order", "PO-1").stdout.split()[0] == "unchanged"


@pytest.mark.parametrize(("answer", "status", "after"), [(b"y\n", 0, "unchanged"), (b"n\n", 1, "changed")])
def test_a_person_is_asked(run, answer, status, after):
    run("order.json", "tasks.csv", "--yes")
    done = run("changed.csv", "--order", "PO-1", typed=answer)
    assert done.returncode == status
    assert "Apply this?" in done.stdout
    assert run("changed.csv", "--order", "PO-1", "--dry-run").stdout.split()[0] == after


def test_a_company_document_comes_first_and_only_once(run, tmp_path):
    told = {"company": "acme", "title": {"en": "Acme", "zh": "某某"}, "people": [{"id": "wang", "name": "王工"}]}
    (tmp_path / "company.json").write_text(json.dumps(told), encoding="utf-8-sig")
    done = run("order.json", "company.json")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["added", "acme"], ["added", "PO-1"]]
    assert run("company.json").stdout.split()[0] == "unchanged"
    (tmp_path / "company.json").write_text(json.dumps(told | {"people": []}))
    assert run("company.json").stdout.split()[0] == "changed"


def test_one_refused_file_refuses_them_all(run, tmp_path):
    (tmp_path / "bad.csv").write_text("line,title,quantity\n10,Beam,many\n")
    done = run("order.json", "bad.csv", "--yes")
    assert done.returncode == 2
    assert "bad.csv: row 2, quantity: 'many' is no number" in done.stderr
    assert "there is no order 'PO-1'" in run("tasks.csv", "--order", "PO-1", "--yes").stderr


def test_a_mapping_file_and_options_say_how_a_list_is_read(run, tmp_path):
    run("order.json")
    (tmp_path / "list.csv").write_bytes("序号;品名;数目\n10;钢梁;6\n".encode("gb18030"))
    (tmp_path / "map.toml").write_text('kind = "materials"\n[columns]\nquantity = "数目"\n')
    options = ("--order", "PO-1", "--mapping", "map.toml", "--encoding", "gbk", "--remove", "--dry-run")
    refused = run("list.csv", *options)
    assert refused.returncode == 2
    assert "there is no line" in refused.stderr  # deliveries and a milestone name lines that it takes out
    done = run("list.csv", *options[:-2], "--dry-run")
    assert "changed  line 10 'Beam / 钢梁'  quantity: 4 → 6" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tasks.csv",), "tasks.csv: name the order that it is for with --order"),
        (("missing.xml", "--order", "PO-1"), "missing.xml: cannot be read (No such file or directory)"),
        (("order.json", "tasks.csv", "--mapping", "order.json"), "order.json: is no TOML"),
        (("broken.json",), "broken.json: the document: Invalid JSON"),
    ],
)
def test_what_cannot_be_done_is_said(run, tmp_path, arguments, said):
    (tmp_path / "broken.json").write_text("[")
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_the_site_files_a_schedule_has_no_time_zone(run, monkeypatch):
    monkeypatch.delenv("PLUMBLINE_SITES")
    run("order.json")
    done = run("tasks.csv", "--order", "PO-1", "--yes")
    assert "the time zone of its site 'harbour' is not known; name the folder of site files" in done.stderr


def test_beside_plumbline_up_the_site_files_are_those_it_was_given(run, monkeypatch, tmp_path):
    monkeypatch.delenv("PLUMBLINE_SITES")
    note(tmp_path, [tmp_path / "sites" / "harbour.toml"])
    run("order.json")
    assert run("tasks.csv", "--order", "PO-1", "--yes").returncode == 0
    (tmp_path / "sites" / "harbour.toml").rename(tmp_path / "elsewhere.toml")
    done = run("changed.csv", "--order", "PO-1", "--yes")
    assert done.returncode == 2
    assert "harbour.toml: 'plumbline up' was given this site file and it is gone; name the folder with --sites" in done.stderr
    (tmp_path / "sites.json").write_text("[1")
    assert "sites.json: cannot be read" in run("changed.csv", "--order", "PO-1", "--yes").stderr


def test_site_files_are_noted_before_there_is_any_data(tmp_path):
    note(tmp_path / "var" / "new", [tmp_path / "harbour.toml"])
    assert json.loads((tmp_path / "var" / "new" / "sites.json").read_text()) == [str(tmp_path / "harbour.toml")]
