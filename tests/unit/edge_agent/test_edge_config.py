"""The gateway's configuration: the sample holds, and every mistake is told at once with its key and a remedy."""

from pathlib import Path

import pytest

from edge_agent import config
from edge_agent.config import (
    ConfigError,
    FsyncSettings,
    HealthSettings,
    LogSettings,
    OutboxSettings,
    RemoteSettings,
    SupervisorSettings,
    UplinkSettings,
)
from edge_agent.page import PageSettings
from plumbline.errors import SettingsError
from plumbline.profile import load_all

SAMPLE = Path(config.__file__).parent / "sample.toml"
GOOD = 'site = "s"\ngateway = "g"\n[server]\nbrokers = ["mqtt://127.0.0.1"]\n'
READER = '[[reader]]\ntype = "nmea"\nname = "crane"\nport = "/dev/ttyACM0"\n'


def write(tmp_path, text):
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/gateway.toml: ")
    return caught.value.mistakes


def test_the_sample_loads_and_shows_every_default():
    loaded = config.load(SAMPLE)
    assert [entry.type for entry in loaded.readers] == ["serial_scanner", "nmea", "mqtt"]
    assert (loaded.uplink, loaded.outbox) == (UplinkSettings(), OutboxSettings())
    assert (loaded.remote, loaded.log) == (RemoteSettings(), LogSettings())
    assert (loaded.health, loaded.supervisor) == (HealthSettings(), SupervisorSettings())
    text = SAMPLE.read_text(encoding="utf-8")
    for kind in (
        UplinkSettings,
        OutboxSettings,
        FsyncSettings,
        HealthSettings,
        PageSettings,
        SupervisorSettings,
        LogSettings,
        RemoteSettings,
        config.Server,
        config.GatewayFile,
    ):
        assert all(name in text for name in kind.__struct_fields__), kind


def test_a_minimal_configuration_takes_defaults_and_absolute_paths(tmp_path):
    loaded = config.load(write(tmp_path, GOOD))
    assert loaded.data == tmp_path / "data"
    assert loaded.path.is_absolute()
    assert loaded.readers == ()


def test_the_profiles_that_come_with_the_code_are_found(tmp_path):
    loaded = config.load(write(tmp_path, GOOD))
    ours = Path(config.__file__).parents[1] / "firmware_configs"
    assert loaded.profiles_folder == ours
    assert loaded.profiles == load_all(ours)


def test_profiles_beside_the_configuration_come_first_and_those_of_the_code_stay(tmp_path):
    ours = Path(config.__file__).parents[1] / "firmware_configs"
    for name, of in (("our-scanner", "serial-scanner"), ("mt-sics", "continuous-scale")):
        (tmp_path / "firmware_configs" / name).mkdir(parents=True)
        text = (ours / of / "profile.toml").read_text().replace(f'id = "{of}"', f'id = "{name}"')
        (tmp_path / "firmware_configs" / name / "profile.toml").write_text(text)
    loaded = config.load(write(tmp_path, GOOD))
    assert loaded.profiles_folder == tmp_path / "firmware_configs"
    assert set(loaded.profiles) == {*load_all(ours), "our-scanner"}
    assert loaded.profiles["mt-sics"].title_en == loaded.profiles["continuous-scale"].title_en


def test_every_mistake_is_told_at_once(tmp_path):
    found = mistakes(
        tmp_path,
        'site = "a b"\ngatewy = "x"\nprofiles = "nowhere"\n[server]\nbrokers = ["http://x"]\nverson = "5"\n'
        '[uplink]\nbatch_events = 0\nwindow = "x"\nlinger_ms = { business = -1 }\n'
        '[[reader]]\ntype = "scanner"\nname = "a"\n[[reader]]\ntype = "nmea"\nname = "a"\nprt = "/dev/x"\n[[reader]]\nname = ""\n',
    )
    keys = [
        "gatewy: is not a setting here; did you mean 'gateway'?",
        "site: ",
        "gateway: is missing",
        "profiles: ",
        "server.verson: is not a setting here; did you mean 'version'?",
        "server.brokers[0]: ",
        "uplink.batch_events: ",
        "uplink.window: must be int, found str",
        "uplink.linger_ms.business: ",
        "reader 'a': type: there is no reader 'scanner'; did you mean 'wedge_scanner'? known are serial_scanner, nmea",
        "reader 'a': prt: is not a setting here; did you mean 'port'?",
        "reader 'a': name: is given 2 times",
        "name: must be 1 to 64 letters",
    ]
    for key in keys:
        assert any(key in mistake for mistake in found), (key, found)
    assert len(found) == len(keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reader = 3\n" + GOOD, "reader: must be array, found int"),
        ("reader = [3]\n" + GOOD, "reader[0]: must be object, found int"),
        (GOOD + "[[reader]]\nname = 'x'\n", "reader 'x': type: is missing; known are"),
        (GOOD + "[[reader]]\ntype = 3\nname = 'x'\n", "reader 'x': type: there is no reader 3"),
        (GOOD.replace('["mqtt://127.0.0.1"]', "[]"), "server.brokers: Expected `array` of length >= 1"),
        (GOOD.replace('["mqtt://127.0.0.1"]', "[7]"), "server.brokers[0]: must be str, found int"),
        ('site = "s"\ngateway = "g"\nserver = 5\n', "server: must be object, found int"),
        (GOOD + READER.replace("port", "profile = 'nothing'\nport"), "nothing"),
    ],
)
def test_a_single_mistake_names_its_key(tmp_path, text, said):
    found = mistakes(tmp_path, text)
    assert len(found) == 1
    assert said in found[0]


def test_a_file_that_is_no_toml_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"gateway\.toml: is not TOML"):
        config.load(write(tmp_path, "site = "))
