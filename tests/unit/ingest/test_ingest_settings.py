"""Settings come from a file and the environment, and every mistake is named."""

from pathlib import Path

import pytest

from ingest import settings
from plumbline.errors import SettingsError

ENVIRONMENT = {
    "PLUMBLINE_BROKER": "mqtt://127.0.0.1",
    "PLUMBLINE_DATABASE": "sqlite:///x.db",
    "PLUMBLINE_SERIES": "embedded:/x.duckdb",
    "PLUMBLINE_SITES": "sites",
}
SITE = 'id = "{id}"\ntitle_en = "Yard"\ntitle_zh = "工地"\ntimezone = "Asia/Shanghai"\nlat = 31.2\nlon = 121.4\n'


def test_the_environment_wins_over_the_file(tmp_path: Path):
    path = tmp_path / "ingest.toml"
    path.write_text('broker = "mqtt://old"\nshare = "two"\nmetrics_port = 9000\n')
    chosen = settings.load(path, ENVIRONMENT | {"PLUMBLINE_METRICS_PORT": "9001"})
    assert (chosen.broker, chosen.share, chosen.metrics_port, chosen.mqtt) == ("mqtt://127.0.0.1", "two", 9001, "5")


@pytest.mark.parametrize("key", ["BROKER", "DATABASE", "SERIES", "SITES"])
def test_what_is_missing_is_named(key):
    with pytest.raises(SettingsError, match=f"environment: {key.lower()}: is missing; add it"):
        settings.load(None, {name: value for name, value in ENVIRONMENT.items() if not name.endswith(key)})


@pytest.mark.parametrize(
    ("name", "value"), [("METRICS_PORT", "many"), ("METRICS_PORT", "70000"), ("MQTT", "4"), ("WORKER", "a b")]
)
def test_what_is_impossible_is_named(name, value):
    with pytest.raises(SettingsError, match=name.lower()):
        settings.load(None, ENVIRONMENT | {f"PLUMBLINE_{name}": value})


@pytest.mark.parametrize("share", ["a/b", "all+", "#"])
def test_a_share_that_would_make_another_filter_is_refused(share):
    with pytest.raises(SettingsError, match=r"share: .* choose a plain word"):
        settings.load(None, ENVIRONMENT | {"PLUMBLINE_SHARE": share})


def test_an_empty_variable_counts_as_absent_but_for_the_share():
    empty = {f"PLUMBLINE_{key.upper()}": "" for key in settings.KEYS}
    chosen = settings.load(None, empty | ENVIRONMENT)
    assert (chosen.share, chosen.metrics_port, chosen.worker, chosen.direct, chosen.mqtt) == ("", None, None, None, "5")
    with pytest.raises(SettingsError, match="broker: is missing"):
        settings.load(None, ENVIRONMENT | {"PLUMBLINE_BROKER": ""})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PLUMBLINE_METRIC_PORT", "PLUMBLINE_METRICS_PORT"),
        ("PLUMBLINE_SITE", "PLUMBLINE_SITES"),
        ("PLUMBLINE_DATABSE", "PLUMBLINE_DATABASE"),
    ],
)
def test_a_misspelt_variable_is_told(variable, meant):
    assert list(settings.misspelt(ENVIRONMENT | {variable: "x"})) == [f"{variable} is no setting; did you mean {meant}?"]


def test_variables_of_other_parts_are_not_taken_for_misspelt_ones():
    others = ["LOG", "LOG_LEVEL", "HOST", "PORT", "SMTP", "BIND", "PROFILES", "CORPUS", "ALERT_MAIL"]
    assert list(settings.misspelt({f"PLUMBLINE_{name}": "x" for name in others} | {"PATH": "", "SITE": ""})) == []


def test_every_setting_is_in_the_modules_table():
    for key in settings.KEYS:
        assert f"| `{key}` | `PLUMBLINE_{key.upper()}` |" in (settings.__doc__ or "")
    assert settings.IngestSettings.__struct_fields__ == settings.KEYS


def test_every_site_file_of_the_folder_is_read(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(SITE.format(id=name))
    assert sorted(settings.load_sites(tmp_path)) == ["a", "b"]


def test_two_files_of_one_site_and_a_missing_folder_are_refused(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(SITE.format(id="same"))
    with pytest.raises(SettingsError, match=r"b\.toml: id: 'same' is the site of .*a\.toml too"):
        settings.load_sites(tmp_path)
    with pytest.raises(SettingsError, match="is not a folder"):
        settings.load_sites(tmp_path / "none")
