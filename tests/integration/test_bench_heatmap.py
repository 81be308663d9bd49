"""`plumbline bench heatmap` on a small day: it asks both stores, finds them agreeing, and says what it found."""

import json
import subprocess

from tests.servers import plumbline


def test_the_figures_of_both_stores_and_of_the_naive_way_are_said():
    command = plumbline("bench", "heatmap", "--events", "20000", "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["events"] >= 20_000
    assert figures["devices"] == 580
    assert figures["cells"]["whole_day"] > 500
    for store in ("embedded", "influx"):
        for window in ("last_hour", "day_so_far", "whole_day"):
            assert 0 < figures[store][window]["p50_ms"] <= figures[store][window]["p95_ms"]
        assert figures[store]["naive"].keys() == {"last_hour_ms", "whole_day_ms"}
    assert figures["reached"] is (figures["worst_p95_ms"] < figures["goal_p95_ms"])
