"""The peers' set-ups: pinned, without a registry's host, and what the bench takes them for."""

import json
import re
from pathlib import Path

import pytest

from plumbline.bench.ingest import peers
from plumbline.errors import PlumblineError

SOURCES = Path(__file__).parents[4] / "bench" / "peers"


def test_the_bench_looks_for_the_peers_where_they_are():
    assert peers.SOURCES == SOURCES


def test_node_reds_lock_file_pins_what_its_package_file_names_and_names_no_registry():
    package = json.loads((SOURCES / "node_red/package.json").read_text())
    lock = json.loads((SOURCES / "node_red/package-lock.json").read_text())
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
    assert not any("resolved" in one for one in lock["packages"].values())
    assert "omit-lockfile-registry-resolved=true" in (SOURCES / "node_red/.npmrc").read_text()


def test_node_reds_flow_is_mqtt_json_points_gathered_and_influx():
    nodes = {node["id"]: node for node in json.loads((SOURCES / "node_red/flow.json").read_text())}
    way, at = [], "in"
    while True:
        way.append(nodes[at]["type"])
        if not nodes[at]["wires"]:
            break
        [[at]] = nodes[at]["wires"]
    assert way == ["mqtt in", "json", "function", "join", "function", "influxdb batch"]
    assert nodes["in"]["qos"] == "1"
    assert nodes["broker"]["cleansession"] is False


def test_the_naive_programs_packages_are_pinned_with_hashes():
    lines = (SOURCES / "naive_python/requirements.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith(" ")]
    assert all(re.match(r"[a-z0-9_.-]+==\S+ ", name) for name in names)
    assert {"influxdb-client", "paho-mqtt"} <= {name.partition("==")[0] for name in names}
    assert sum("--hash=sha256:" in line for line in lines) >= len(names)


def test_a_peer_is_installed_once_and_again_where_that_was_cut_off(tmp_path):
    said, tries = [], []

    def install(into):
        assert list(into.iterdir()) == []
        tries.append(into)
        (into / "half").touch()
        if len(tries) == 1:
            raise PlumblineError("the network went")

    folder = tmp_path / "peer"
    with pytest.raises(PlumblineError):
        peers._once(folder, "it", install, said.append)
    peers._once(folder, "it", install, said.append)
    peers._once(folder, "it", install, said.append)
    assert len(tries) == len(said) == 2


def test_without_the_repository_the_error_says_where_the_peers_come_from(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "SOURCES", tmp_path)
    with pytest.raises(PlumblineError, match="checkout"):
        peers.naive_python(print)
