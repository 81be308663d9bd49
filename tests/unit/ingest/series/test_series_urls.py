"""What may stand in the URL of a series store."""

import pytest

from ingest.series import influx, open_store
from ingest.series.influx_server import on_this_machine
from plumbline.errors import SettingsError


@pytest.mark.parametrize(
    ("query", "connections", "packed"),
    [("", 2, False), ("?connections=1&gzip=yes", 1, True), ("?gzip=no", 2, False), ("?connections=16", 16, False)],
)
async def test_connections_and_packing_are_set_in_the_url(monkeypatch, query, connections, packed):
    asked = {}
    made = influx.Lane.__init__

    def noted(lane, server, **settings):
        asked.setdefault("lanes", []).append(settings["packed"])
        made(lane, server, **settings)

    monkeypatch.setattr(influx.Lane, "__init__", noted)
    store = await open_store(f"influx:http://127.0.0.1:8086/plumbline{query}")
    await store.aclose()
    assert asked["lanes"] == [packed] * connections


@pytest.mark.parametrize(
    "query",
    ["connections=0", "connections=17", "connections=two", "connections=", "connections=²", "gzip=1", "gzip=", "threads=2"],
)
async def test_an_option_that_is_none_is_named_with_what_may_stand_there(query):
    with pytest.raises(SettingsError, match=query.partition("=")[0]):
        await open_store(f"influx:http://127.0.0.1:8086/plumbline?{query}")


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("db.localhost", True),
        ("influxdb", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_its_loopback_names(host, here):
    assert on_this_machine(host) is here
