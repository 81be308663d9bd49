"""What an installed Plumbline carries beside its code: built as a wheel, as on a gateway."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def carried(tmp_path_factory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    return set(zipfile.ZipFile(next(folder.glob("*.whl"))).namelist())


def test_the_device_profiles_come_with_the_code(carried):
    profiles = {str(path.relative_to(ROOT)) for path in ROOT.glob("firmware_configs/*/profile.toml")}
    assert profiles
    assert profiles <= carried


def test_tables_and_pages_that_the_code_reads_are_there(carried):
    assert {"edge_agent/gs1/identifiers.txt", "edge_agent/outbox/schema.sql", "plumbline/demo/site.toml"} <= carried
    assert any(name.startswith("tracking_service/static/wall/") for name in carried)


def test_neither_a_persons_secrets_nor_test_cases_go_along(carried):
    assert not [name for name in carried if "testcases" in name or name.endswith("secrets.yaml")]
