"""`plumbline env`: fresh passwords, for their owner's eyes alone, and never over an existing file."""

import stat
import subprocess

import pytest

from plumbline.command import env
from plumbline.errors import SettingsError
from tests.servers import plumbline


def table(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip("'") for key, value in pairs}


def content(**values: object) -> str:
    return env.content(**{"gateways": ["gate"], "sites": "./sites", "smtp": "", "bind": "127.0.0.1", **values})


def test_every_password_is_fresh_long_and_its_own():
    first, second = table(content()), table(content())
    passwords = [first[name] for name in env.PASSWORDS] + [second[name] for name in env.PASSWORDS]
    assert len(set(passwords)) == len(passwords)
    assert all(len(password) == 48 for password in passwords)


def test_each_gateway_gets_its_user():
    pairs = [pair.split(":") for pair in table(content(gateways=["gate", "yard"]))["MQTT_GATEWAYS"].split()]
    assert [name for name, _ in pairs] == ["gate", "yard"]
    assert pairs[0][1] != pairs[1][1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gateways": ["a b"]}, "is not a name"),
        ({"gateways": ["a", "a"]}, "taken already"),
        ({"gateways": ["ingest"]}, "taken already"),
        ({"smtp": "smtp://a:'$x'@h"}, "PLUMBLINE_SMTP"),
        ({"sites": "a\nPOSTGRES_PASSWORD=x"}, "PLUMBLINE_SITES"),
    ],
)
def test_what_the_file_cannot_carry_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        content(**values)


def test_the_command_writes_a_private_file_and_shows_no_password(tmp_path):
    out = tmp_path / ".env"
    done = subprocess.run(plumbline("env", "--out", str(out), "--gateway", "yard"), capture_output=True, text=True, check=True)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    values = table(out.read_text())
    assert values["MQTT_GATEWAYS"].startswith("yard:")
    assert "written, mode 0600" in done.stdout
    assert not any(values[name] in done.stdout + done.stderr for name in env.PASSWORDS)
    assert values["MQTT_GATEWAYS"].partition(":")[2] not in done.stdout


def test_an_existing_file_stays_as_it_is(tmp_path):
    out = tmp_path / ".env"
    out.write_text("mine")
    done = subprocess.run(plumbline("env", "--out", str(out)), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is there already and stays as it is" in done.stderr
    assert out.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match="cannot be written: No such file"):
        env._write(tmp_path / "none" / ".env", "")
