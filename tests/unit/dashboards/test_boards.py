"""The committed boards are what the code says, and what Grafana needs."""

import json
import re
from pathlib import Path

import pytest
import yaml

from dashboards import build, queries
from plumbline.cli import main

FOLDER = Path(build.__file__).parent


def boards():
    return [json.loads(text) for text in build.render().values()]


def panels():
    return [pytest.param(panel, id=f"{board['title']}: {panel['title']}") for board in boards() for panel in board["panels"]]


def test_committed_boards_are_what_the_code_says():
    build.check()


def test_a_changed_missing_or_foreign_file_is_drift_and_named(tmp_path):
    build.write(tmp_path)
    build.check(tmp_path)
    (tmp_path / "foreign.json").write_text("{}")
    with pytest.raises(build.DriftError, match=r"foreign\.json"):
        build.check(tmp_path)
    (tmp_path / "foreign.json").unlink()
    (tmp_path / "site-wall.json").write_text("{}")
    with pytest.raises(build.DriftError, match=r"site-wall\.json.*dashboards build"):
        build.check(tmp_path)


def test_the_command_builds_and_checks(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "build", "--folder", str(tmp_path), "--timezone", "Europe/Berlin"])
    assert ended.value.code == 0
    assert json.loads((tmp_path / "site-wall.json").read_text())["timezone"] == "Europe/Berlin"
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "check", "--folder", str(tmp_path)])
    assert ended.value.code == 2
    assert "dashboards build" in capsys.readouterr().err


@pytest.mark.parametrize("board", boards(), ids=lambda board: board["title"])
def test_a_board_has_a_uid_of_its_name_a_zone_and_panels_that_do_not_overlap(board):
    assert board["uid"] == f"plumbline-{board['title'].lower().replace(' ', '-')}"
    assert len(board["uid"]) <= 40
    assert board["schemaVersion"] == 37
    assert re.fullmatch(r"[A-Z]\w+/\w+", board["timezone"])
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("panel", panels())
def test_a_panel_asks_the_one_datasource_within_the_range_and_site(panel):
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"] == {"type": "influxdb", "uid": "plumbline-series"}
        assert target["resultFormat"] == "table"
        assert "$timeFilter" in target["query"]
        assert "/^$site$/" in target["query"]


@pytest.mark.parametrize("panel", [panel for panel in panels() if panel.values[0]["type"] == "geomap"])
def test_a_map_needs_no_internet_and_scales_its_weight(panel):
    base = panel["options"]["basemap"]
    assert base["type"] == "xyz"
    assert base["config"]["url"].startswith("data:image/png;base64,")
    (weight,) = [override for override in panel["fieldConfig"]["overrides"] if override["matcher"]["options"] == "weight"]
    assert {"min", "max"} <= {entry["id"] for entry in weight["properties"]}
    assert panel["fieldConfig"]["defaults"]["color"]["mode"].startswith("continuous-")


def test_a_colour_has_a_word_beside_it():
    for board in boards():
        for panel in board["panels"]:
            for override in panel["fieldConfig"]["overrides"]:
                for entry in override["properties"]:
                    if entry["id"] == "mappings":
                        assert all(
                            re.search(r"[a-z]{3}", result["text"])
                            for mapping in entry["value"]
                            for result in mapping["options"].values()
                        )


def test_provisioning_names_the_boards_datasource_and_the_database_twice():
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/plumbline.yaml").read_text())["datasources"]
    assert source["uid"] == queries.DATASOURCE_UID
    assert source["type"] == queries.DATASOURCE_TYPE
    assert source["database"] == source["jsonData"]["dbName"]
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/plumbline.yaml").read_text())["providers"]
    assert provider["type"] == "file"


def test_names_stay_inside_their_quotes():
    query = queries.Query('a"; DROP', (queries.Column('b\\"', "last"),), ('c"',))
    assert 'FROM "a\\"; DROP"' in query.influxql()
    assert 'last("b\\\\\\"")' in query.influxql()
    assert 'GROUP BY "c\\""' in query.influxql()
