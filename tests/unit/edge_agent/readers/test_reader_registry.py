"""A reader is a folder with its page, its sample and its test cases, and a line in the registry."""

from pathlib import Path

from edge_agent import readers

HOUSE = Path(readers.__file__).parent
FOLDERS = {path.parent.name for path in HOUSE.glob("*/__init__.py")}


def test_every_folder_is_registered_under_its_own_name():
    assert {name: f"edge_agent.readers.{name}" for name in FOLDERS} == readers.READERS


def test_every_reader_has_its_page_its_sample_and_its_test_cases():
    missing = [
        f"{name}/{part}"
        for name in sorted(FOLDERS)
        for part in ("README.md", "sample.toml", "testcases")
        if not (HOUSE / name / part).exists()
    ]
    assert missing == []
