"""The tests' own reading of Grafana: macros, variables and frames as its InfluxDB datasource makes them."""

import pytest

from tests.grafana_frames import Range, expanded, length_ms, table, time_series

HOUR = Range(1_000_000, 4_600_000)


def test_macros_and_variables_are_filled_in():
    query = "SELECT x FROM m WHERE $timeFilter AND s =~ /^${site:regex}$/ GROUP BY time($__interval)"
    asked = expanded(query, HOUR, HOUR, {"site": "tower.a/1"})
    assert asked == (
        r"SELECT x FROM m WHERE time >= 1000000ms and time <= 4600000ms AND s =~ /^tower\.a\/1$/ GROUP BY time(10s)"
    )


def test_several_chosen_values_are_alternatives():
    assert expanded("/^${site:regex}$/", HOUR, HOUR, {"site": ["a", "b.c"]}) == r"/^(a|b\.c)$/"
    assert expanded("/^(${source:raw})$/", HOUR, HOUR, {"source": "people|dust"}) == "/^(people|dust)$/"


@pytest.mark.parametrize("query", ["WHERE $site", "WHERE ${site}", "GROUP BY $__rate_interval"])
def test_what_would_be_left_standing_is_found(query):
    with pytest.raises(AssertionError, match="is left"):
        expanded(query, HOUR, HOUR, {"site": "a"})


@pytest.mark.parametrize(("hours", "step_ms"), [(1, 10_000), (24, 120_000), (24 * 7, 900_000), (24 * 30, 3_600_000)])
def test_an_interval_is_about_a_pixel_and_at_least_the_datasources(hours, step_ms):
    assert Range(0, hours * 3_600_000).step_ms == step_ms


def test_lengths_of_time_are_read():
    assert length_ms("now-7d") == length_ms("1w") == 604_800_000


def test_a_table_is_one_frame_of_time_tags_and_columns():
    series = [
        {"name": "m", "tags": {"device": name}, "columns": ["time", "value", "word"], "values": [[1, None, word]]}
        for name, word in (("a", None), ("b", "late"))
    ]
    (frame,) = table(series)
    assert [(field["name"], field["type"]) for field in frame["fields"]] == [
        ("Time", "time"),
        ("device", "string"),
        ("value", "number"),
        ("word", "string"),
    ]
    assert frame["fields"][1]["values"] == ["a", "b"]
    assert table([]) == []


def test_a_line_is_named_by_its_alias_and_carries_its_tags():
    series = [{"name": "m", "tags": {"gateway": "g", "class": "c"}, "columns": ["time", "x"], "values": [[1, 2.0]]}]
    (frame,) = time_series(series, "$tag_gateway $tag_class")
    assert frame["name"] == "g c"
    assert frame["fields"][1]["labels"] == {"gateway": "g", "class": "c"}
    assert time_series(series, "")[0]["name"] == "m.x { gateway: g, class: c }"
