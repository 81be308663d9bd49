"""Every device profile loads, is documented, and agrees with what is flashed or set on the device."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from plumbline import profile
from plumbline.dialects.topic_filter import matches

FOLDER = Path(__file__).parents[3] / "firmware_configs"
FOLDERS = sorted(path for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
PROFILES = profile.load_all(FOLDER)
#: Atoms of UCUM that we use, and the decibel with its weighting.
UNIT = re.compile(
    r"(?:%|1|\[ppm\]|uS/cm|/min|kW\.h|dB\[A\]|\[degF\]|deg|(?:(?:n|u|m|c|h|k|M|G)?(?:m|g|t|s|A|V|W|Hz|Pa|bar|L|lx|N|J)|Cel|min|h|d)(?:[23])?)(?:/(?:m|s|min|h|d|L)[23]?)?"
)
#: What the end of a metric's name says about its unit.
SUFFIXES = {
    "t": "t",
    "m": "m",
    "mps": "m/s",
    "db": "dB[A]",
    "c": "Cel",
    "w": "W",
    "v": "V",
    "s": "s",
    "a": "A",
    "hz": "Hz",
    "kwh": "kW.h",
    "pct": "%",
    "kpa": "kPa",
    "rpm": "/min",
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_folder_has_a_profile_a_readme_and_a_line_in_the_index(folder):
    assert folder.name in PROFILES
    assert (folder / "README.md").read_text().startswith(f"# {folder.name}: ")
    assert f"({folder.name}/README.md)" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("one", PROFILES.values(), ids=lambda one: one.id)
def test_units_are_ucum_and_agree_with_the_names(one):
    assert one.title_en
    assert one.title_zh
    for name, metric in one.metrics.items():
        assert UNIT.fullmatch(metric.unit), f"{one.id}: {name}: {metric.unit}"
        stem, _, suffix = name.rpartition("_")
        if stem and suffix in SUFFIXES:
            assert metric.unit == SUFFIXES[suffix]
        assert metric.title_en
        assert metric.title_zh
        assert metric.minimum is None or metric.maximum is None or metric.minimum < metric.maximum


@pytest.mark.parametrize("one", PROFILES.values(), ids=lambda one: one.id)
def test_a_profile_says_how_the_device_is_reached(one):
    assert (one.mqtt is None and one.lorawan is None) != (one.serial is None and one.modbus is None and one.keyboard is None)
    if one.kind == "scanner" and (one.serial or one.keyboard):
        assert one.framing is not None
    if one.mqtt:
        assert one.metrics or one.mqtt.state or one.mqtt.check_in or one.mqtt.fix
    if one.modbus:
        assert set(one.modbus.registers) == set(one.metrics)
    if one.lorawan and one.lorawan.codec == "fields":
        groups = [part.fields for frame in one.lorawan.frames for part in (frame, *frame.groups)]
        assert set(one.metrics) <= {name for fields in groups for name in fields}


def test_profiles_of_mqtt_devices_share_no_topic():
    filters = [one.mqtt.topic for one in PROFILES.values() if one.mqtt]
    assert len(set(filters)) == len(filters)


class EsphomeLoader(yaml.SafeLoader):
    """YAML with ESPHome's own tags."""


EsphomeLoader.add_constructor("!secret", lambda loader, node: ("secret", loader.construct_scalar(node)))


def esphome() -> dict:
    return yaml.load((FOLDER / "esphome-environment" / "environment.yaml").read_text(), EsphomeLoader)


def values(tree: object, key: str = ""):
    """Every leaf of a tree with its key."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from values(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from values(value, key)
    else:
        yield key, tree


def test_the_esphome_node_publishes_the_profiles_metrics_on_the_profiles_topic():
    node = esphome()
    [action] = node["interval"][0]["then"]
    publish = action["mqtt.publish_json"]
    name = node["substitutions"]["device_name"]
    environment = PROFILES["esphome-environment"]
    assert matches(environment.mqtt.topic, publish["topic"].replace("${device_name}", name))
    assert set(re.findall(r'root\["(\w+)"\]', publish["payload"])) == set(environment.metrics)
    declared = set(re.findall(r"id\((\w+)\)", publish["payload"]))
    assert declared <= {value for key, value in values(node["sensor"]) if key == "id"}
    assert publish["qos"] == 1


def test_the_esphome_nodes_secrets_are_named_and_never_written_down():
    example = yaml.safe_load((FOLDER / "esphome-environment" / "secrets.example.yaml").read_text())
    used = {value[1] for _, value in values(esphome()) if isinstance(value, tuple)}
    assert used == set(example)
    assert not any(example.values())
    for key, value in values(esphome()):
        if "password" in key or key in {"username", "ssid"}:
            assert isinstance(value, tuple), key


def ubx():
    spec = importlib.util.spec_from_file_location("ubx", FOLDER / "u-blox-neo-m8" / "ubx.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ubx_frames_are_those_that_receivers_take():
    assert list(ubx().frames("CFG-MSG - 06 01 08 00 F0 05 00 00 00 00 00 00")) == [
        bytes.fromhex("B562 0601 0800 F005 0000 0000 0000 0446".replace(" ", ""))
    ]
    save = ubx().frames("# save\n\nCFG-CFG - 06 09 0D 00 00 00 00 00 FF FF 00 00 00 00 00 00 17")
    assert b"".join(save).hex() == "b56206090d0000000000ffff00000000000017" + "31bf"


def test_the_receivers_settings_switch_on_what_the_readme_says_and_save_last():
    text = (FOLDER / "u-blox-neo-m8" / "settings.txt").read_text()
    messages = [frame[2:-2] for frame in ubx().frames(text)]
    rates = {body[5]: set(body[6:]) for body in messages if body[:2] == b"\x06\x01"}
    assert {number for number, rate in rates.items() if rate != {0}} == {0x00, 0x02, 0x04, 0x07}
    assert messages[-1][:2] == b"\x06\x09"


@pytest.mark.parametrize("line", ["CFG-MSG 06 01", "CFG-MSG - 06 01 08 00 F0", "CFG-MSG - 6 1"])
def test_a_wrong_line_of_settings_is_named(line):
    with pytest.raises(ValueError, match="line 2: "):
        list(ubx().frames(f"# settings\n{line}"))


def test_the_generator_runs_with_nothing_but_python():
    script = FOLDER / "u-blox-neo-m8"
    done = subprocess.run([sys.executable, "-I", script / "ubx.py", script / "settings.txt"], capture_output=True, check=True)
    assert done.stdout.startswith(b"\xb5\x62\x06\x08")
    failed = subprocess.run([sys.executable, "-I", script / "ubx.py", "/nonexistent"], capture_output=True, check=False)
    assert failed.returncode == 2
