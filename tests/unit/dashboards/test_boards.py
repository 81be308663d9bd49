"""The committed boards are what the code says, and what Grafana needs."""

import json
import re
from pathlib import Path

import pytest
import yaml

from dashboards import build, influxql, naming, page, queries
from dashboards.boards import BOARDS
from dashboards.edition import Edition
from plumbline.cli import main

FOLDER = Path(build.__file__).parent
DATASOURCE = {"type": "influxdb", "uid": "plumbline-series"}
EDITIONS = {"en": Edition(), "zh": Edition(language="zh", sites=("tower-a", "tower-b"))}
MODELS = [
    pytest.param(board, id=f"{language}: {board['title']}")
    for language, edition in EDITIONS.items()
    for board in build.models(edition).values()
]


def panels(kind: str = ""):
    return [
        pytest.param(panel, id=f"{model.id}: {panel['title']}")
        for model in MODELS
        for panel in model.values[0]["panels"]
        if panel["type"].startswith(kind)
    ]


def nodes(node):
    """Every object within."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)


def columns(statement):
    """The columns of an answer: what is selected, and the tags that it is grouped by."""
    selected, _, rest = statement.removeprefix("SELECT ").partition(" FROM ")
    grouped = re.sub(r"\(.*\)", "", rest).partition(" GROUP BY ")[2]
    return {part.split('"')[-2] for part in selected.split(", ")} | set(re.findall(r'"(\w+)"', grouped))


def properties(panel):
    """(column, property, value) of a panel's overrides."""
    for override in panel["fieldConfig"]["overrides"]:
        for entry in override["properties"]:
            yield override["matcher"]["options"], entry["id"], entry["value"]


def test_committed_boards_are_what_the_code_says():
    build.check()


def test_the_page_of_the_boards_names_every_board_and_panel_and_is_what_the_boards_say():
    text = page.page()
    assert (FOLDER.parent / "docs" / "boards.md").read_text().endswith(text)
    for board in build.models().values():
        assert f"/d/{board['uid']}?kiosk" in text
        assert all(f"| {panel['title']} |" in text for panel in board["panels"])


def test_a_changed_missing_or_foreign_file_is_drift_and_named(tmp_path):
    build.write(tmp_path)
    build.check(tmp_path)
    (tmp_path / "foreign.json").write_text("{}")
    with pytest.raises(build.DriftError, match=r"foreign\.json"):
        build.check(tmp_path)
    (tmp_path / "foreign.json").unlink()
    (tmp_path / "site-wall.json").write_bytes(b"\xff{}")
    with pytest.raises(build.DriftError, match=r"site-wall\.json.*dashboards build"):
        build.check(tmp_path)


def test_the_command_builds_and_checks(tmp_path, capsys):
    options = ["--timezone", "Europe/Berlin", "--lang", "zh", "--api", "https://pl.example/", "--site", "tower-a"]
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "build", "--folder", str(tmp_path), *options])
    assert ended.value.code == 0
    text = (tmp_path / "site-wall.json").read_text()
    assert json.loads(text)["timezone"] == "Europe/Berlin"
    assert "https://pl.example/api/sites/tower-a/zones.geojson" in text
    assert "现场人数" in text
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "check", "--folder", str(tmp_path), *options])
    assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "check", "--folder", str(tmp_path)])
    assert ended.value.code == 2
    assert "dashboards build" in capsys.readouterr().err


@pytest.mark.parametrize("board", MODELS)
def test_a_board_has_a_uid_a_zone_and_panels_that_do_not_overlap(board):
    assert board["uid"] in {naming.uid(known.title) for known in BOARDS}
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
    assert len({x for x, _ in taken}) == 24


def test_uids_are_of_the_english_names_and_each_its_own():
    uids = [{board.values[0]["uid"] for board in MODELS if board.id.startswith(language)} for language in EDITIONS]
    assert uids[0] == uids[1]
    assert len(uids[0]) == len(BOARDS) == 7


def test_a_wall_of_1080_pixels_shows_the_site_wall_without_scrolling():
    (wall,) = [board.values[0] for board in MODELS if board.id == "en: Site wall"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in wall["panels"])
    assert rows * 30 + (rows - 1) * 8 <= 1080


@pytest.mark.parametrize("board", MODELS)
def test_every_reference_to_a_datasource_is_to_the_one(board):
    assert all(node["datasource"] == DATASOURCE for node in nodes(board) if "datasource" in node)
    assert all(
        "datasource" in panel and all("datasource" in target for target in panel["targets"]) for panel in board["panels"]
    )


@pytest.mark.parametrize("panel", panels())
def test_a_panel_asks_within_the_range_and_site(panel):
    for target in panel["targets"]:
        assert target["rawQuery"] is True
        assert target["resultFormat"] == "time_series" if "alias" in target else target["resultFormat"] == "table"
        assert ("$timeFilter" in target["query"]) != ("${__from}ms - " in target["query"])
        assert re.search(r'"site" =~ /\^(\$\{site:regex\}|\(\$\{site:regex\}\|unknown\))\$/|"site_state"', target["query"])


@pytest.mark.parametrize("board", MODELS)
def test_every_variable_that_is_used_is_there_and_the_other_way_round(board):
    known = {variable["name"] for variable in board.get("templating", {}).get("list", [])}
    text = json.dumps([board["panels"], board["annotations"], board.get("templating", {})])
    used = set(re.findall(r"\$\{(\w+)[:}]", text)) - {"__from", "__to", "__data"}
    assert used <= known
    assert known <= used
    bare = set(re.findall(r"\$(?!\{)(\w+)", text))
    assert bare <= {"timeFilter", "__interval", *(name for name in bare if name.startswith("tag_"))}


@pytest.mark.parametrize("board", MODELS)
def test_links_lead_to_boards_that_are_there_with_variables_that_they_have(board):
    boards = {other.values[0]["uid"]: other.values[0] for other in MODELS}
    urls = [node["url"] for node in nodes(board) if str(node.get("url", "")).startswith("/d/")]
    assert len(urls) >= len(BOARDS) - 1
    for url in urls:
        uid, _, asked = url.removeprefix("/d/").partition("?")
        known = {variable["name"] for variable in boards[uid].get("templating", {}).get("list", [])}
        assert set(re.findall(r"var-(\w+)=", asked)) <= known


@pytest.mark.parametrize("panel", panels("geomap"))
def test_a_map_needs_no_internet_and_scales_its_weight(panel):
    shown = [panel["options"]["basemap"], *panel["options"]["layers"]]
    assert shown[0]["type"] == "xyz"
    for layer in shown:
        for address in (layer["config"].get("url"), layer["config"].get("src")):
            assert address is None or re.fullmatch(
                r"http://127\.0\.0\.1:8080/api/sites/[\w-]+/(zones\.geojson|tiles/\{z\}/\{x\}/\{y\}\.png)", address
            )
            assert "$" not in (address or "")  # Grafana fills no variables in there
    assert len({layer["name"] for layer in shown}) == len(shown)
    (target,) = panel["targets"]
    assert target["resultFormat"] == "table"
    scale = {name: value for column, name, value in properties(panel) if column == "weight"}
    assert scale["min"] == 0 < scale["max"]
    assert panel["fieldConfig"]["defaults"]["color"]["mode"].startswith("continuous-")


@pytest.mark.parametrize("panel", panels("geomap"))
def test_the_view_is_settled_or_fits_a_layer_that_grafana_counts(panel):
    view = panel["options"]["view"]
    kinds = {layer["name"]: layer["type"] for layer in panel["options"]["layers"]}
    if view["id"] == "fit":
        assert kinds[view["layer"]] == "markers"  # heat itself does not count
    else:
        assert (view["id"], round(view["lat"]), round(view["lon"])) == ("coords", 30, 122)
        assert 17 < view["zoom"] < 20


def test_no_layer_colours_by_rows_because_the_first_is_never_coloured():
    assert not [node for model in MODELS for node in nodes(model.values[0]) if node.get("type") == "dynamic-geojson"]


def test_a_map_without_sites_has_an_empty_ground_and_still_its_heat():
    wall = build.models(Edition(sites=()))["site-wall.json"]
    (panel,) = [panel for panel in wall["panels"] if panel["type"] == "geomap"]
    assert panel["options"]["basemap"]["config"]["url"].startswith("data:image/png;base64,")
    assert [layer["type"] for layer in panel["options"]["layers"]] == ["markers", "heatmap"]


@pytest.mark.parametrize("panel", panels())
def test_a_colour_has_a_word_beside_it(panel):
    mappings = [*panel["fieldConfig"]["defaults"].get("mappings", [])]
    for _, name, value in properties(panel):
        mappings += value if name == "mappings" else []
    for mapping in mappings:
        results = [mapping["options"]["result"]] if mapping["type"] == "range" else mapping["options"].values()
        assert all(re.search(r"[^\W\d_]{2}|无", result["text"]) for result in results)
    for column in {
        column for column, name, value in properties(panel) if value == {"type": "color-background", "mode": "basic"}
    }:
        assert "mappings" in {name for other, name, _ in properties(panel) if other == column}


@pytest.mark.parametrize("panel", panels())
def test_no_heading_is_another_columns_name_so_that_overrides_and_sorting_mean_one_column(panel):
    headings = {column: value for column, name, value in properties(panel) if name == "displayName"}
    for column, heading in headings.items():
        assert heading not in columns(panel["targets"][0]["query"]) - {column}
    assert len(set(headings.values())) == len(headings)
    for sort in panel["options"].get("sortBy", []):
        assert sort["displayName"] in headings.values()


@pytest.mark.parametrize("panel", panels("table"))
def test_a_tables_columns_keep_their_order_although_grafana_shuffles_the_tags(panel):
    (organize,) = panel["transformations"]
    order = organize["options"]["indexByName"]
    assert organize["id"] == "organize"
    assert sorted(order.values()) == list(range(len(order)))
    assert set(order) == {"Time"} | columns(panel["targets"][0]["query"])


def test_links_and_remarks_stand_on_the_board_not_in_a_menu():
    for model in MODELS:
        board = model.values[0]
        assert not [shown for shown in board["links"] + board["annotations"].get("list", []) if "placement" in shown]


def test_the_orders_evidence_is_remarks_with_a_title_and_a_text():
    (board,) = [model.values[0] for model in MODELS if model.id == "en: Order"]
    (remarks,) = board["annotations"]["list"]
    target = remarks["target"]
    assert remarks["enable"]
    assert target["fromAnnotations"]
    assert {target["titleColumn"], target["textColumn"], *target["tagsColumn"].split(",")} <= set(
        re.findall(r'"(\w+)"', target["query"])
    )
    assert 'FROM "evidence"' in target["query"]


def test_evidence_that_was_withdrawn_is_no_evidence():
    for asked in (queries.EVIDENCE, queries.EVIDENCE_REMARKS):
        assert '"quantity" > 0' in asked.influxql().partition("WHERE")[2]


def test_dead_letters_of_no_known_site_are_on_every_sites_board():
    for asked in (queries.DEAD_LETTERS, queries.DEAD_LETTERS_WAITING):
        assert '"site" =~ /^(${site:regex}|unknown)$/' in asked.influxql()


def test_limits_name_their_source():
    board = build.models()["environment.json"]
    limited = [
        panel for panel in board["panels"] if "limit" in panel["title"] or "thresholdsStyle" in json.dumps(panel["fieldConfig"])
    ]
    assert len(limited) >= 10
    assert all(re.search(r"GB 3095-2026|GB 12523-2025|JGJ 196-2010|hot weather", panel["description"]) for panel in limited)


def test_provisioning_names_the_boards_datasource_and_the_database_twice():
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/plumbline.yaml").read_text())["datasources"]
    assert source["uid"] == influxql.DATASOURCE_UID
    assert source["type"] == influxql.DATASOURCE_TYPE
    assert source["database"] == source["jsonData"]["dbName"]
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/plumbline.yaml").read_text())["providers"]
    assert provider["type"] == "file"
