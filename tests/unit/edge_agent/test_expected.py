"""What the site expects: a file that is read again when it changes, and kept as it was while it is broken."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from edge_agent import expected as module
from edge_agent.expected import Expected, ExpectedFile
from edge_agent.gs1 import Expectation

SAMPLE = Path(module.__file__).parent / "expected.sample.toml"


def write(path: Path, text: str) -> Path:
    """A program that writes well: a new file in the old one's place."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return path


def test_the_sample_explains_every_key() -> None:
    expected = Expected(SAMPLE)
    assert expected.fault is None
    assert all(key in SAMPLE.read_text(encoding="utf-8") for key in ExpectedFile.__struct_fields__)


@pytest.mark.parametrize(
    ("ai", "value"),
    [
        ("01", "09506000134352"),
        ("02", "04006381333931"),
        ("8006", "095060001343520102"),
        ("00", "106141411234567897"),
        ("10", "LOT-7"),
        ("21", "A1"),
        ("400", "PO-2041"),
        ("91", "PO-2041"),
        ("8004", "0614141CRANE7"),
    ],
)
def test_what_the_sample_lists_is_known(ai: str, value: str) -> None:
    expected: Expectation = Expected(SAMPLE)
    assert expected.knows(ai, value)
    assert not expected.knows(ai, "7" + value[1:])
    assert not expected.knows("7001", value)


def test_json_has_the_same_keys(tmp_path: Path) -> None:
    path = write(tmp_path / "expected.json", json.dumps({"batches": ["A"], "other": {"10": ["B"]}}))
    expected = Expected(path)
    assert expected.fault is None
    assert (expected.knows("10", "A"), expected.knows("10", "B"), expected.count) == (True, True, 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("e.toml", 'gtins = ["09506000134353"]', "gtins[0]: '09506000134353' is no GTIN: its check digit is not 2"),
        ("e.toml", 'ssccs = ["1"]', "ssccs[0]: AI (00): the value is too short"),
        ("e.toml", 'batches = ["ok", "ä"]', "batches[1]: AI (10): the character 'ä'"),
        ("e.toml", '[other]\n"89" = ["x"]', "other.89[0]: (89) is no application identifier"),
        ("e.toml", 'lots = ["x"]', "lots: is not a setting here"),
        ("e.toml", "gtins = [1]", "gtins[0]: must be str, found int"),
        ("e.toml", "gtins", "is not TOML"),
        ("e.json", "[]", "is not a JSON object"),
        ("e.json", "[" * 100_000, "is not a JSON object"),
        ("e.json", "{", "is not a JSON object"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = write(tmp_path / name, text)
    fault = Expected(path).fault
    assert fault is not None
    assert fault.startswith(f"{path}: ")
    assert said in fault


@pytest.mark.parametrize("name", ["e.toml", "e.json"])
def test_a_missing_file_is_a_fault_until_it_is_there(tmp_path: Path, name: str) -> None:
    expected = Expected(tmp_path / name)
    assert expected.fault is not None
    assert not expected.refresh()
    write(tmp_path / name, "{}" if name.endswith("json") else "")
    assert expected.refresh()
    assert expected.fault is None


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "e.toml", 'batches = ["A"]')
    expected = Expected(path)
    assert not expected.refresh()
    write(path, 'batches = ["B"]')
    assert expected.refresh()
    assert (expected.knows("10", "A"), expected.knows("10", "B")) == (False, True)
    write(path, "batches = [")
    assert expected.refresh()
    assert expected.fault is not None
    assert expected.knows("10", "B")
    assert not expected.refresh()  # said once
    path.unlink()
    assert expected.refresh()
    assert "no such file" in (expected.fault or "")
    assert expected.knows("10", "B")


def test_a_file_too_large_for_a_gateway_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.touch()
    os.truncate(path, module.MAX_BYTES + 1)
    assert "at most are read" in (Expected(path).fault or "")


async def test_the_file_is_watched(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    expected = Expected(path)
    said: asyncio.Queue[str | None] = asyncio.Queue()
    watching = asyncio.create_task(expected.watch(said.put_nowait, every_s=0.001))
    write(path, "batches = [")
    assert "is not TOML" in (await said.get() or "")
    write(path, 'batches = ["A"]')
    assert await said.get() is None
    assert expected.knows("10", "A")
    watching.cancel()
    await asyncio.wait([watching])
