"""The benchmark of MQTT gives a figure for each way of receiving."""

import json
import subprocess

from tests.servers import plumbline


def test_every_way_of_receiving_is_measured_in_one_run():
    done = subprocess.run(
        plumbline("bench", "mqtt", "--messages", "1000", "--json"), capture_output=True, text=True, check=True
    )
    figures = json.loads(done.stdout)
    assert (figures["messages"], figures["bytes"], figures["rounds"]) == (1000, 400, 3)
    for way in ("ours_in_bulk", "ours_one_by_one", "paho_in_bulk", "paho_one_by_one"):
        assert figures[way]["cpu_us_a_message"] > 0
        assert figures[way]["messages_per_s"] > 0
    assert figures["paho_times_ours"] > 1
