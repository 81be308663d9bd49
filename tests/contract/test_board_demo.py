"""Every panel, variable, remark and alert rule of every board has something to show of the demo's day.

The day is in a real InfluxDB, put there by our own ingest and tracking; the boards are asked as Grafana asks, the answers shaped
as Grafana shapes them and, where Node is there, drawn by Grafana's own library.
"""

import asyncio
import functools
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dashboards import build
from dashboards.alerts import ALERTS
from dashboards.edition import Edition, Language
from tests import demo_day, grafana_frames
from tests.servers import InfluxDb, Mosquitto, running

BOARDS = build.models()
PANELS = [
    pytest.param(board, panel, id=f"{board['title']}: {panel['title']}")
    for board in BOARDS.values()
    for panel in board["panels"]
]
SHOW = Path(__file__).parents[1] / "grafana"
#: Properties that say something about a number.
_OF_NUMBERS = {"min", "max", "decimals", "thresholds"}


@functools.cache
def models(language: Language) -> list[dict[str, Any]]:
    return list(build.models(Edition(language=language)).values())


class Filled(NamedTuple):
    """A database with the demo's day in it."""

    url: str
    database: str
    now_ms: int
    chosen: dict[str, str]

    def frames(self, board: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]) -> list[dict[str, Any]]:
        within, whole = grafana_frames.range_of(board, panel, self.now_ms)
        statement = grafana_frames.expanded(target["query"], within, whole, self.chosen)
        return grafana_frames.frames_of(target, grafana_frames.asked(self.url, self.database, statement))

    def ask(self, statement: str, seconds: int) -> list[dict[str, Any]]:
        within = grafana_frames.Range(self.now_ms - seconds * 1000, self.now_ms)
        return grafana_frames.asked(self.url, self.database, grafana_frames.expanded(statement, within, within, self.chosen))


@pytest.fixture(scope="module")
def filled(influxdb: InfluxDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("demo")
    database = f"demo_{os.getpid()}"
    influxdb.query(f'CREATE DATABASE "{database}"')
    day = demo_day.DemoDay()
    with running(Mosquitto(folder / "broker")) as broker:
        asyncio.run(demo_day.put(day, broker=broker, influxdb=influxdb, database=database, folder=folder))
    yield Filled(influxdb.url, database, day.now // 10**6, dict(demo_day.choices(day)))
    influxdb.query(f'DROP DATABASE "{database}"')


def fields(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [field for frame in frames for field in frame["fields"]]


def names(frames: list[dict[str, Any]]) -> dict[str, str]:
    """Column → type; a line of a time series is called by its alias too."""
    found: dict[str, str] = {}
    for field in fields(frames):
        found[field["name"]] = field["type"]
        found[field.get("config", {}).get("displayNameFromDS", field["name"])] = field["type"]
    return found


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_gets_rows_for_the_demo_site(board, panel, filled):
    for target in panel["targets"]:
        frames = filled.frames(board, panel, target)
        assert frames, "nothing came"
        assert len(frames[0]["fields"][0]["values"]) > 0
        if target["resultFormat"] == "table":
            assert len(frames) == 1
        values = [field for field in fields(frames) if field["type"] in ("number", "string") and field["name"] != "Time"]
        assert any(value is not None for field in values for value in field["values"])


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_the_columns_that_a_panel_names_are_there_and_numbers_where_they_must_be(board, panel, filled):
    known = {}
    for target in panel["targets"]:
        known |= names(filled.frames(board, panel, target))
    shown = dict(known)
    for override in panel["fieldConfig"]["overrides"]:
        name = override["matcher"]["options"]
        assert override["matcher"]["id"] == "byName"
        assert name in known, f"an override speaks of '{name}', there are {sorted(known)}"
        settings = {entry["id"]: entry["value"] for entry in override["properties"]}
        if _OF_NUMBERS & settings.keys() and known[name] != "time":
            assert known[name] == "number", f"'{name}' is {known[name]}, and {sorted(_OF_NUMBERS & settings.keys())} are set"
        shown[settings.get("displayName", name)] = known[name]
        for link in settings.get("links", []):
            assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= known.keys()
    for transformation in panel.get("transformations", []):
        assert transformation["id"] == "organize"
        assert set(transformation["options"].get("indexByName", {})) == set(known)
    for place in panel["options"].get("sortBy", []):
        assert place["displayName"] in shown, f"sorted by '{place['displayName']}', there are {sorted(shown)}"
    for layer in panel["options"].get("layers", []):
        if "location" in layer:
            columns = [layer["location"]["latitude"], layer["location"]["longitude"]]
            columns += [layer["config"]["weight"]["field"]] if "weight" in layer["config"] else []
            assert [known[column] for column in columns] == ["number"] * len(columns)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["title"])
def test_every_choice_and_every_remark_gives_something(board, filled):
    for variable in board.get("templating", {}).get("list", []):
        if variable["type"] == "query":
            series = filled.ask(variable["query"], 3600)
            found = [row[1] for one in series for row in one["values"]]
            assert filled.chosen[variable["name"]] in found
    for remark in board["annotations"].get("list", []):
        if target := remark.get("target"):
            (frame,) = filled.frames(board, {}, target)
            known = names([frame])
            wanted = {target["titleColumn"], target["textColumn"], *filter(None, target["tagsColumn"].split(","))}
            assert wanted <= known.keys()
            assert frame["fields"][0]["values"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.key)
def test_a_rule_gets_one_number_for_each_of_its_things(alert, filled):
    for query in alert.asks:
        frames = grafana_frames.time_series(filled.ask(query.influxql(), alert.within_s), "")
        assert frames, "nothing came"
        labels = [tuple(sorted(frame["fields"][1]["labels"].items())) for frame in frames]
        assert len(set(labels)) == len(labels), "Grafana refuses two numbers of the same labels"
        for frame in frames:
            time, value = frame["fields"]
            assert value["type"] == "number"
            assert set(value["labels"]) == set(query.group_by)
            assert time["values"]


def holding(alert, filled) -> set[tuple[str, ...]]:
    """For which things a rule with a threshold holds at the end of the demo's day."""
    (query,) = alert.asks
    found = set()
    for one in filled.ask(query.influxql(), alert.within_s):
        newest = [row[1] for row in one["values"] if row[1] is not None][-1]
        if newest > alert.holds.figure if alert.holds.is_ == "gt" else newest < alert.holds.figure:
            found.add(tuple(value for tag, value in sorted(one.get("tags", {}).items()) if tag != "site"))
    return found


@pytest.mark.parametrize(
    ("key", "things"),
    [
        ("milestone-late", {("panels-on-site", "PO-2050")}),
        ("shortage-ahead", {("10", "PO-2050")}),
        ("events-missing", {("telemetry", "gw-yard")}),
        ("dead-letters-waiting", {("invalid",)}),
        ("gateway-silent", set()),
        ("events-lost", set()),
        ("ingest-silent", set()),
    ],
)
def test_rules_hold_for_what_went_wrong_on_the_demos_day_and_for_nothing_else(key, things, filled):
    (alert,) = [alert for alert in ALERTS if alert.key == key]
    assert holding(alert, filled) == things


@pytest.fixture(scope="module")
def drawn(filled: Filled) -> dict[str, dict[str, Any]]:
    """What Grafana's own library makes of every panel."""
    if not (SHOW / "node_modules").is_dir():
        pytest.skip("tests/grafana/node_modules is not there; run scripts/setup test")
    lines = []
    for language in ("en", "zh"):
        for board in models(language):
            for panel in board["panels"]:
                frames = [frame for target in panel["targets"] for frame in filled.frames(board, panel, target)]
                name = f"{language}/{board['uid']}/{panel['id']}"
                lines.append(json.dumps({"id": name, "panel": panel, "frames": frames, "timezone": board["timezone"]}))
    environment = os.environ | {"PATH": f"{SHOW.parents[1] / '.venv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["node", str(SHOW / "show.cjs")], input="\n".join(lines), capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("board", "panel"), [one for one in PANELS if "reduceOptions" in one.values[1]["options"]])
def test_a_tile_or_a_bar_draws_every_figure_that_it_is_meant_to(board, panel, language, drawn):
    answer = drawn[f"{language}/{board['uid']}/{panel['id']}"]
    titles = [one["title"] for one in answer["drawn"]]
    assert "No data" not in titles
    picked = panel["options"]["reduceOptions"]
    if not picked["values"]:
        assert len(titles) == len(picked["fields"].split("|"))
    for one in answer["drawn"]:
        assert one["text"]
        assert not re.search(r"NaN|undefined|Invalid", one["text"]), one


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_no_name_of_the_store_is_left_for_people_to_read(board, panel, language, drawn):
    answer = drawn[f"{language}/{board['uid']}/{panel['id']}"]
    hidden = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        for entry in override["properties"]
        if entry["id"] == "custom.hidden" and entry["value"]
    }
    if panel["type"] == "table":
        left = [name for frame in answer["names"] for name in frame if re.search(r"[a-z]_[a-z]", name) and name not in hidden]
        assert left == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_no_colour_stands_without_its_word(board, panel, language, drawn):
    answer = drawn[f"{language}/{board['uid']}/{panel['id']}"]
    model = next(one for one in models(language) if one["uid"] == board["uid"])
    (own,) = [one for one in model["panels"] if one["id"] == panel["id"]]
    worded = {
        next(
            (entry["value"] for entry in override["properties"] if entry["id"] == "displayName"), override["matcher"]["options"]
        )
        for override in own["fieldConfig"]["overrides"]
        if any(entry["id"] == "mappings" for entry in override["properties"])
    }
    for names_, cells in zip(answer["names"], answer["cells"], strict=True):
        for name, column in zip(names_, cells, strict=True):
            assert not any(re.search(r"NaN|undefined|Invalid", cell["text"]) for cell in column)
            if name in worded:  # or a bare count where none at all has the word: '● none', but 3
                spoken = {cell["color"] for cell in column if re.search(r"[^\W\d_]", cell["text"])}
                counts = [cell for cell in column if not re.search(r"[^\W\d_]", cell["text"])]
                assert all(re.fullmatch(r"[\d.,]+", cell["text"]) and cell["color"] not in spoken for cell in counts), name
