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
DAY = 24 * 60 * MINUTE
CHOSEN = {"site": "tower-a", "order": "PO-1", "source": ".*"}
PANELS = [
    pytest.param(panel, id=f"{board['title']}: {panel['title']}")
    for board in map(json.loads, build.render().values())
    for panel in board["panels"]
]


#: Measurement → tags, fields of its newest minutes at the site.
DEMO = {
    "environment": [
        ({"device": "dust-gate"}, {"pm2_5": 82.0, "pm10": 120.0, "noise_db": 66.0, "temperature_c": 31.0, "wind_mps": 4.0})
    ],
    "environment_1m": [
        (
            {"device": "dust-gate"},
            {
                f"{metric}_{kind}": value
                for metric, value in {
                    "pm2_5": 82.0,
                    "pm10": 120.0,
                    "noise_db": 66.0,
                    "temperature_c": 31.0,
                    "wind_mps": 4.0,
                }.items()
                for kind in ("mean", "max")
            },
        )
    ],
    "equipment": [({"device": "crane-1"}, {"load_t": 2.4, "wind_mps": 6.2})],
    "equipment_1m": [({"device": "crane-1"}, {"load_t_max": 2.4, "wind_mps_max": 6.2})],
    "utilisation": [
        (
            {"device": device},
            {"working_s": 1800.0, "idle_s": 900.0, "fault_s": 0.0, "off_s": 900.0, "unknown_s": 0.0, "percent": 66.7},
        )
        for device in ("crane-1", "crane-2")
    ],
    "people": [({"zone": zone}, {"on_site": people}) for zone, people in {"all": 14.0, "tower-a": 9.0}.items()],
    "delivery": [
        (
            {"order": "PO-1", "line": "10"},
            {
                "title": "Rebar d16",
                "title_zh": "钢筋",
                "expected": 24.0,
                "arrived": 12.0,
                "arrived_today": 12.0,
                "state": "partial",
                "due": NOW / 1e6,
                "last_at": NOW / 1e6,
            },
        )
    ],
    "order": [
        (
            {"order": "PO-1"},
            {"percent": 50.0, "rag": 2.0, "milestones": 4.0, "late": 1.0, "title": "Tower A", "title_zh": "A 塔楼"},
        )
    ],
    "evidence": [
        (
            {"order": "PO-1", "milestone": "m1"},
            {"kind": "scan", "title": "Rebar", "title_zh": "钢筋", "text": "scanned", "device": "gate", "quantity": 1.0},
        )
    ],
    "site_state": [
        (
            {},
            {
                "orders": 3.0,
                "milestones_green": 5.0,
                "milestones_yellow": 1.0,
                "milestones_red": 1.0,
                "milestones_unknown": 0.0,
                "on_time_rate": 80.0,
                "gateways_online": 1.0,
                "gateways": 2.0,
                "people": 14.0,
                "rag": 2.0,
                "title": "Tower A",
                "title_zh": "A 塔楼",
            },
        )
    ],
    "gateway": [
        (
            {"gateway": gateway},
            {"online": online, "data_until": NOW / 1e6, "data_age_s": 3.0, "last_seen": NOW / 1e6, "agent": "1.0"},
        )
        for gateway, online in {"gw-1": 1.0, "gw-2": 0.0}.items()
    ],
    "ledger": [
        (
            {"gateway": "gw-1", "class": "business"},
            dict.fromkeys(
                ("received", "duplicate", "late", "thinned", "dead", "missing", "lost", "watermark", "watermark_age_s"), 7.0
            ),
        )
    ],
    "dead_letter": [({"reason": "over_budget"}, {"waiting": 2.0, "replayed": 1.0})],
    "ingest": [
        ({"worker": "w1"}, {"events_per_s": 900.0, "lag_s": 0.2, "commit_p99_s": 0.05, "queue": 3.0, "store_errors": 0.0})
    ],
}


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
    # long before the range: a machine that has stood ever since
    points.append(Point("state", {"site": "tower-a", "device": "crane-1"}, {"state": "idle", "working": 0.0}, NOW - 3 * DAY))
    points.append(
        Point("state", {"site": "tower-a", "device": "crane-2"}, {"state": "working", "working": 1.0}, NOW - 2 * MINUTE)
    )
    for minute, arrived in enumerate([0.0, 12.0, 12.0]):
        at = NOW + (minute - 3) * MINUTE
        points += [
            Point(measurement, {"site": site} | tags, fields, at)
            for measurement, rows in DEMO.items()
            for tags, fields in rows
            for site in ("tower-a", "tower-ab")
        ]
        fields = {"expected": 24.0, "arrived": arrived, "percent": arrived / 24 * 100, "title": "Rebar d16", "title_zh": "钢筋"}
        fields |= {"unit": "t", "state": "partial", "due": NOW / 1e6}
        points.append(Point("material", {"site": "tower-a", "order": "PO-1", "line": "10"}, fields, at))
        points.append(Point("material", {"site": "tower-a", "order": "PO-2", "line": "10"}, fields, at))
        state = {
            "percent": 50.0,
            "rag": 2.0,
            "state": "late",
            "title": "Rebar on site",
            "title_zh": "钢筋到场",
            "due": NOW / 1e6,
        }
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
        query = query.replace("${__from}", str(until - hours * 3_600_000)).replace("${__to}", str(until))
        query = query.replace("$__interval", "1m")
        query = re.sub(r"\$\{(\w+):(regex|raw)\}", lambda found: CHOSEN[found[1]], query)
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
        if "location" in layer:
            names |= {layer["location"]["latitude"], layer["location"]["longitude"]}
            names |= {layer["config"]["weight"]["field"]} if "weight" in layer["config"] else set()
    return names


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_gets_rows_with_the_columns_that_it_names(panel, ask):
    for target in panel["targets"]:
        rows = ask(target["query"], 24 if panel.get("timeFrom") == "24h" else 1)
        assert rows
        assert named(panel) <= rows[0].keys()
        if panel["type"] == "geomap":
            assert all(type(row[name]) in {int, float} for row in rows for name in ("lat", "lon", "weight"))


def query(title: str) -> str:
    found = {panel.values[0]["targets"][0]["query"] for panel in PANELS if panel.values[0]["title"] == title}
    assert len(found) == 1, found
    return found.pop()


def test_the_map_counts_the_device_minutes_of_its_own_site(ask):
    rows = ask(query("Where the work is"), 1)
    assert len(rows) == 12
    assert sum(row["weight"] for row in rows) == 60


def test_arrivals_and_milestones_show_the_newest_state_of_each_whole(ask):
    assert sorted((row["order"], row["arrived"]) for row in ask(query("Every line: here, of what was ordered"), 24)) == [
        ("PO-1", 12),
        ("PO-2", 12),
    ]
    rows = {row["milestone"]: row for row in ask(query("Milestones, latest first"), 24)}
    assert rows["m1"]["rag"] == 2
    assert rows["m2"]["rag"] is None


def test_a_machine_that_stands_since_before_the_range_is_shown_standing(ask):
    states = {row["device"]: row["state"] for row in ask(query("What machines do"), 1)}
    assert states == {"crane-1": "idle", "crane-2": "working"}
    (row,) = ask(query("Machines working now"), 1)
    assert (row["working"], row["machines"]) == (1, 2)


def test_arithmetic_of_tiles_is_right(ask):
    assert [round(row["percent"], 1) for row in ask(query("Utilisation, by machine"), 1)] == [66.7, 66.7]
    (dust,) = ask(query("PM2.5, mean of 24 h (limit 60 µg/m³)"), 24)
    assert dust["value"] == 82
    assert dust["state"] == pytest.approx(82 / 60 * 100)
    (missing,) = ask(query("Numbers missing and lost"), 1)
    assert missing["missing"] == 7
    (company,) = ask(query("Sites and orders"), 1)
    assert (company["sites"], company["orders"]) == (2, 6)


def test_every_remark_and_every_choice_of_every_board_gives_something(ask):
    for board in map(json.loads, build.render().values()):
        for remarks in board["annotations"].get("list", []):
            (row,) = {row["text"]: row for row in ask(remarks["target"]["query"], 1)}.values()
            assert row["title"] == "Rebar"
        for variable in board.get("templating", {}).get("list", []):
            if variable["type"] == "query":
                assert CHOSEN[variable["name"]] in {row["value"] for row in ask(variable["query"], 1)}


async def test_a_line_that_is_written_often_counts_once_in_the_course_of_its_order(ask, influxdb, influx_database):
    written = {"often": (range(30), 100.0), "seldom": (range(1), 0.0)}
    points = [
        Point(
            "material",
            {"site": "tower-a", "order": "PO-9", "line": line},
            {"percent": percent},
            NOW - 1800 * 10**9 - second * 10**9,
        )
        for line, (seconds, percent) in written.items()
        for second in seconds
    ]
    async with InfluxStore(influxdb.url, influx_database) as store:
        assert await store.write(points) == []
    rows = ask(query("Arrived, over time").replace("time($__interval)", "time(1h)"), 2)
    assert {row["percent"] for row in rows if row["order"] == "PO-9" and row["percent"] is not None} == {50.0}
