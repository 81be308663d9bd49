"""The file of direct devices: what it declares, and every mistake in it at once."""

from pathlib import Path

import pytest

from ingest import direct
from plumbline.errors import SettingsError

SAMPLE = Path(direct.__file__).parent / "sample.toml"
TANK = 'topic = "{}"\ndevice = "tank"\nmeasurement = "equipment"\nmetrics.level = {{ unit = "%", title_en = "L", title_zh = "L" }}\n'


def write(folder: Path, *tables: str) -> Path:
    path = folder / "direct.toml"
    path.write_text("".join(f"[[direct]]\n{table}\n" for table in tables))
    return path


def test_the_sample_is_right_and_every_key_of_a_table_is_in_it():
    found = direct.load(SAMPLE, {"harbour-east"})
    assert [table.name for table in found.tables] == [
        "direct-tasmota",
        "direct-owntracks",
        "direct-lorawan",
        "direct-zigbee2mqtt",
        "direct-tanks",
    ]
    assert found.warnings == ()
    text = SAMPLE.read_text()
    for key in ("profiles", "site", "name", "unknown_devices", "max_bytes", "session_expiry_s", "retained", "dialect"):
        assert f"{key} = " in text


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (['site = "yard"\ndialect = "tasmoto"'], ["direct[0]: dialect", "did you mean 'tasmota'"]),
        (['site = "yrad"\ndialect = "tasmota"'], ["direct[0]: site: there is no site file for 'yrad' (known: yard)"]),
        (['dialect = "tasmota"'], ["direct[0]: site: is missing; add it"]),
        (['site = "yard"\ndialect = "tasmota"\nfull_topc = "x"'], ["direct[0]", "full_topc", "check the spelling"]),
        (['site = "yard"\ndialect = "tasmota"\nunknown_devices = "drop"'], ["direct[0]: unknown_devices"]),
        (['site = "yard"\ndialect = "tasmota"\nretained = "keep"'], ["direct[0]: retained: must be 'ignore' or 'accept'"]),
        (
            ['site = "yard"\ndialect = "tasmota"'] * 2,
            ["take the same messages", "direct[0], direct[1]: name: 'direct-tasmota'"],
        ),
        (['site = "yard"\ndialect = "none"', 'site = "no"\ndialect = "tasmota"'], ["2 mistakes", "direct[0]", "direct[1]"]),
    ],
)
def test_every_mistake_is_named_with_its_table_and_key(tmp_path: Path, tables, words):
    with pytest.raises(SettingsError) as error:
        direct.load(write(tmp_path, *tables), {"yard"})
    assert str(tmp_path / "direct.toml") in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(("topic", "warned"), [("#", True), ("+/#", True), ("plumbline/v1/+/+/x", True), ("tanks/+", False)])
def test_a_filter_that_takes_what_gateways_publish_is_warned_of(tmp_path: Path, topic, warned):
    found = direct.load(write(tmp_path, 'site = "yard"\n' + TANK.format(topic)), {"yard"})
    assert bool(found.warnings) == warned


def test_a_table_is_the_same_wherever_it_stands_in_the_file(tmp_path: Path):
    one, other = 'site = "yard"\ndialect = "tasmota"', 'site = "yard"\ndialect = "owntracks"'
    first = direct.load(write(tmp_path, one, other), {"yard"}).tables
    second = direct.load(write(tmp_path, other, one), {"yard"}).tables
    assert first == second[::-1]
