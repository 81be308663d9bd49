"""The systemd unit of a gateway: accepted by systemd, restarted for ever, locked up, and an ordinary user's."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "deploy" / "gateway"
TEXT = (FOLDER / "plumbline-edge.service").read_text()

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path):
    """The unit with a program that exists on this machine, in place of the installed one."""
    path = tmp_path / "plumbline-edge.service"
    path.write_text(TEXT.replace("/opt/plumbline/bin/plumbline", shutil.which("true") or "/bin/true"))
    return path


@needs_systemd
def test_systemd_finds_nothing_wrong_with_it(unit):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "plumbline-edge" in line]
    assert ours == []
    assert done.returncode == 0


@needs_systemd
def test_systemd_calls_its_exposure_low(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit.name],
        capture_output=True,
        text=True,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{unit.parent}:", "PATH": "/usr/bin:/bin"},
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"systemd-analyze cannot judge here: {done.stderr[-200:]}")
    assert float(found[1]) < 4, done.stdout


def test_it_runs_as_an_ordinary_user_and_is_never_given_up():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(TEXT)
    service = parser["Service"]
    assert service["User"] == "plumbline"
    assert set(service["SupplementaryGroups"].split()) == {"dialout", "input", "video"}
    assert (service["Type"], service["Restart"], service["CapabilityBoundingSet"]) == ("notify", "always", "")
    assert parser["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["ExecStart"].endswith("--config /var/lib/plumbline/gateway.toml")
    assert service["StateDirectory"] == "plumbline"
