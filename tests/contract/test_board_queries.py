"""Every panel's query, run on a real InfluxDB as Grafana would run it, gives the columns that the panel names."""

import json
import re

import httpx
import pytest

from dashboards import build
from ingest.series.influx import InfluxStore
from plumbline.series import Point

NOW = 1_790_000_000 * 10**9
MINUTE = 60 * 10**9
PANELS = [
    pytest.param(panel, id=f"{board['title']}: {panel['title']}")
    for board in map(json.loads, build.render().values())
    for panel in board["panels"]
]


def demo() -> list[Point]:
    points = [
        Point(
            "heat",
            {"site": site, "cell": f"{i % 4}_{i % 3}", "source": ("people", "machines")[i % 2], "device": f"d{i % 5}"},
            {"lat": 31.2 + i % 4 / 1e4, "lon": 121.4 + i % 3 / 1e4, "weight": 1.0},
            NOW - i * MINUTE,
        )
        for site in ("tower-a", "tower-ab")
        for i in range(60)
    ]
    for minute, arrived in enumerate([0.0, 12.0, 12.0]):
        at = NOW + (minute - 3) * MINUTE
        fields = {"expected": 24.0, "arrived": arrived, "percent": arrived / 24 * 100, "title": "Rebar d16", "title_zh": "钢筋"}
        points.append(Point("material", {"site": "tower-a", "order": "PO-1", "line": "10"}, fields, at))
        points.append(Point("material", {"site": "tower-a", "order": "PO-2", "line": "10"}, fields, at))
        state = {"percent": 50.0, "rag": 2.0, "state": "late", "title": "Rebar on site", "title_zh": "钢筋到场"}
        points.append(Point("milestone", {"site": "tower-a", "order": "PO-1", "milestone": "m1"}, state, at))
        if minute == 2:  # gateway offline: no colour any more
            state = {key: value for key, value in state.items() if key != "rag"} | {"state": "unknown"}
        points.append(Point("milestone", {"site": "tower-a", "order": "PO-1", "milestone": "m2"}, state, at))
        health = {"readers_failing": 1.0, "readers_total": 4.0, "disk_free_bytes": 5e9, "queue_business_events": 3.0}
        points.append(Point("gateway_health", {"site": "tower-a", "device": "gw-1"}, health, at))
    return points


@pytest.fixture
async def ask(influxdb, influx_database):
    """Runs a query of a panel as Grafana does: macros and variables filled in, one table with the tags as columns."""
    async with InfluxStore(influxdb.url, influx_database) as store:
        assert await store.write(demo()) == []

    def run(query: str, hours: int) -> list[dict]:
        until = NOW // 10**6
        query = query.replace("$timeFilter", f"time >= {until - hours * 3_600_000}ms and time <= {until}ms")
        query = query.replace("$site", "tower-a").replace("$source", ".*")
        assert "$" not in query.replace("$/", "")
        answer = httpx.post(f"{influxdb.url}/query", params={"db": influx_database, "epoch": "ms"}, data={"q": query}).json()
        (result,) = answer["results"]
        assert "error" not in result, result
        return [
            {"Time": row[0]} | series.get("tags", {}) | dict(zip(series["columns"][1:], row[1:], strict=True))
            for series in result.get("series", [])
            for row in series["values"]
        ]

    return run


def named(panel: dict) -> set[str]:
    """The columns that a panel's options and overrides speak of."""
    names = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    for layer in panel["options"].get("layers", []):
        names |= {layer["location"]["latitude"], layer["location"]["longitude"], layer["config"]["weight"]["field"]}
    return names


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_gets_rows_with_the_columns_that_it_names(panel, ask):
    for target in panel["targets"]:
        hours = int(re.fullmatch(r"(\d+)h", panel.get("timeFrom", "1h"))[1])
        rows = ask(target["query"], hours)
        assert rows
        assert named(panel) <= rows[0].keys()
        if panel["type"] == "geomap":
            assert all(type(row[name]) in {int, float} for row in rows for name in ("lat", "lon", "weight"))


def query(title: str) -> str:
    (found,) = [panel.values[0] for panel in PANELS if panel.values[0]["title"] == title]
    return found["targets"][0]["query"]


def test_the_map_counts_the_device_minutes_of_its_own_site(ask):
    rows = ask(query("Where the work is"), 1)
    assert len(rows) == 12
    assert sum(row["weight"] for row in rows) == 60


def test_arrivals_and_milestones_show_the_newest_state_of_each_whole(ask):
    assert sorted((row["order"], row["arrived"]) for row in ask(query("Material arrivals"), 24)) == [("PO-1", 12), ("PO-2", 12)]
    rows = {row["milestone"]: row for row in ask(query("Milestones"), 24)}
    assert rows["m1"]["rag"] == 2
    assert rows["m2"]["rag"] is None
    assert rows["m2"]["state"] == "unknown"
