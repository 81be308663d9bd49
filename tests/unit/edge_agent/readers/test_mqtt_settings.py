"""The MQTT reader's settings and test cases, without a broker."""

import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from edge_agent.reader import Capture, Context
from edge_agent.readers import mqtt
from plumbline import profile, settings
from plumbline.dialects import DIALECTS
from plumbline.errors import SettingsError
from plumbline.mqtt import Message
from tests.unit.plumbline.dialects.said_events import payload_of, written

FOLDER = Path(mqtt.__file__).parent
FIRMWARE = Path(__file__).parents[4] / "firmware_configs"
PROFILES = profile.load_all(FIRMWARE)


def context() -> Context:
    return Context(profiles=PROFILES)


def test_the_sample_is_what_build_takes():
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert (table.pop("type"), table.pop("name")) == ("mqtt", "site-broker")
    mqtt.build("site-broker", settings.convert(table, mqtt.Settings, "sample"), context())


def test_every_setting_stands_in_the_sample():
    sample = (FOLDER / "sample.toml").read_text()
    shown = [importlib.import_module(module).Settings for name, module in DIALECTS.items() if f'dialect = "{name}"' in sample]
    fields = {field for kind in (mqtt.Settings, *shown) for field in kind.__struct_fields__} | {"retained", "dialect"}
    assert len(shown) >= 6
    assert [key for key in fields if not re.search(rf"(?m)^{key}( =|\.)|\[{key}\]", sample)] == []


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ([], "devices"),
        ([{"profile": "nothing"}], r"devices\[0\]: profile: there is no profile 'nothing'"),
        ([{"topic": "a/b"}], r"devices\[0\]: says nothing to read"),
        ([{"state": {}}], r"devices\[0\]: topic: is missing"),
        ([{"topic": "a/#/b", "state": {}}], "is not an MQTT filter"),
        ([{"topic": "a/+", "state": {}, "device_level": 2}], "has no level 2"),
        ([{"topic": "a/#", "state": {}}], "has no level 1"),
        ([{"topic": "a/b c", "state": {}}], "is no device name"),
        ([{"topic": "a/+", "metrics": {"m": {"unit": "m", "title_en": "M", "title_zh": "米"}}}], "measurement: is missing"),
        ([{"topic": "a/+", "state": {}}, {"topic": "+/b", "fix": {}}], r"devices\[1\]: topic: .* count twice"),
        ([{"profile": "badge-reader", "retain": True}], "retain: is not a setting here"),
        ([{"profile": "badge-reader", "retained": "keep"}], r"devices\[0\]: retained: must be 'ignore' or 'accept'"),
        ([{"dialect": "zigbee2mqtt"}, {"dialect": "esphome"}], r"devices\[1\]: topic: .* count twice; narrow one"),
        ([{"dialect": "tasmot"}], "did you mean 'tasmota'"),
    ],
)
def test_a_wrong_declaration_is_named(devices, message):
    with pytest.raises(SettingsError, match=message):
        mqtt.build("m", settings.convert({"devices": devices}, mqtt.Settings, "t"), context())


@pytest.mark.parametrize("case", sorted((FOLDER / "testcases").iterdir()), ids=lambda case: case.name)
async def test_each_test_case_gives_what_it_expects(case: Path):
    events_, reports = [], []

    async def emit(capture: Capture) -> None:
        events_.append(written(capture.event, capture.device, capture.at_ns))

    table = settings.convert(tomllib.loads((case / "config.toml").read_text()), mqtt.Settings, "test")
    lent = Context(profiles=PROFILES, report=lambda device, what: reports.append(f"{device}: {what}"))
    reader, session = mqtt.build("broker", table, lent), object()
    for topic, payload in json.loads((case / "input.json").read_text()):
        message = Message(topic, payload_of(payload), 1, False, session)
        await reader._take(message, emit)
        assert message.receiver is session  # to acknowledge it is the session's, once this has returned
    assert {"events": events_, "reports": reports} == json.loads((case / "expected.json").read_text())
