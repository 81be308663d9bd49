"""`plumbline up` refuses before it touches anything."""

import pytest

from plumbline import cli
from plumbline.lock import exclusive


def test_a_second_up_does_not_wipe_the_demo_of_the_first(tmp_path, capsys):
    kept = tmp_path / "demo" / "plumbline.db"
    kept.parent.mkdir()
    kept.write_text("of the first")
    with exclusive(tmp_path, "up"), pytest.raises(SystemExit) as stopped:
        cli.main(["up", "--demo", "--data", str(tmp_path)])
    assert stopped.value.code == 2
    assert f"{tmp_path}: another up (process " in capsys.readouterr().err
    assert kept.read_text() == "of the first"
