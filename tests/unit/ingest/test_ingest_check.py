"""`plumbline ingest check` says what would be taken and where it would go, and opens nothing."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from ingest.patience import not_there_yet
from plumbline import cli

SITE = 'id = "yard"\ntitle_en = "Yard"\ntitle_zh = "工地"\ntimezone = "Asia/Shanghai"\nlat = 31.2\nlon = 121.4\n'


@pytest.fixture
def environment(tmp_path, monkeypatch):
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/yard.toml").write_text(SITE)
    for name, value in {
        "BROKER": "mqtt://ingest:secret@broker",
        "DATABASE": "postgresql://plumbline:secret@db/plumbline",
        "SERIES": "influx:http://plumbline:secret@influx:8086/plumbline",
        "SITES": str(tmp_path / "sites"),
    }.items():
        monkeypatch.setenv(f"PLUMBLINE_{name}", value)
    return monkeypatch


def check(capsys) -> tuple[int, str]:
    code = 0
    try:
        cli.main(["ingest", "check"])
    except SystemExit as end:
        code = int(end.code or 0)
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_all_three_servers_are_told_without_their_passwords(environment, capsys):
    environment.setenv("PLUMBLINE_METRIC_PORT", "9464")
    code, shown = check(capsys)
    assert code == 0
    assert "broker mqtt://ingest@broker:1883" in shown
    assert "@db/plumbline" in shown
    assert "InfluxDB at http://influx:8086, database plumbline as plumbline" in shown
    assert "site yard: 0 zones, 0 devices" in shown
    assert "did you mean PLUMBLINE_METRICS_PORT?" in shown
    assert "secret" not in shown


def test_a_folder_without_a_site_file_is_warned_of(environment, tmp_path, capsys):
    (tmp_path / "sites/yard.toml").unlink()
    code, shown = check(capsys)
    assert (code, "holds no site file" in shown) == (0, True)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DATABASE", "mysql://db", "'mysql' is not supported"),
        ("DATABASE", "postgresql://me:secret@db:port/x", "is not a URL"),
        ("SERIES", "influxdb://x", "'influxdb' is not a time-series store"),
        ("SERIES", "influx:http://influx:8086", "the URL lacks"),
        ("SERIES", "embedded:/folder/", "names no file"),
        ("BROKER", "broker", "write mqtt://"),
        ("SITES", "/nowhere", "is not a folder"),
    ],
)
def test_what_run_would_refuse_is_refused_here(environment, capsys, variable, value, said):
    environment.setenv(f"PLUMBLINE_{variable}", value)
    code, shown = check(capsys)
    assert (code, said in shown, "secret" in shown, "Traceback" in shown) == (2, True, False, False)


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ConnectionRefusedError(), True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (DBAPIError("SELECT", {}, asyncpg.AdminShutdownError("ends")), True),
        (asyncpg.InvalidPasswordError("wrong"), False),
        (DBAPIError("SELECT", {}, asyncpg.InvalidCatalogNameError("no such database")), False),
    ],
)
def test_a_database_that_is_not_there_yet_is_waited_for_and_a_wrong_password_is_not(error, waits):
    assert not_there_yet(error) is waits
