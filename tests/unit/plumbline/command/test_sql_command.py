"""The commands that look into a database say in one line why they cannot."""

import sqlite3

import pytest

from plumbline import cli

COMMANDS = [["ledger"], ["deadletters", "list"], ["deadletters", "show", "1"], ["deadletters", "replay", "--all"]]


def refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    shown = capsys.readouterr().err
    assert (stopped.value.code, shown.count("\n")) == (2, 1)
    return shown


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path, capsys, command):
    file = tmp_path / "none.db"
    assert f"{file}: there is no such database" in refusal(capsys, *command, "--database", f"sqlite:///{file}")
    assert not file.exists()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_of_somebody_else_is_told_from_ours(tmp_path, capsys, command):
    file = tmp_path / "other.db"
    sqlite3.connect(file).execute("CREATE TABLE other (id INTEGER)").connection.close()
    shown = refusal(capsys, *command, "--database", f"sqlite:///{file}")
    assert "no such table" in shown
    assert "plumbline db upgrade" in shown


def test_a_server_that_does_not_answer_is_named_without_its_password(capsys):
    shown = refusal(capsys, "db", "upgrade", "--database", "postgresql://me:secret@127.0.0.1:1/site")
    assert "127.0.0.1:1/site: " in shown
    assert "secret" not in shown


def test_without_a_name_it_is_the_database_of_up(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLUMBLINE_DATABASE", raising=False)
    assert "var/plumbline/plumbline.db: there is no such database" in refusal(capsys, "ledger")
