"""LoRaWAN uplinks on a real Mosquitto, one of them decoded by a maker's script in a real QuickJS."""

import asyncio
import json
from contextlib import suppress

import pytest

from edge_agent.reader import Capture, Context
from edge_agent.readers import mqtt
from plumbline import profile, settings
from plumbline.address import Address
from plumbline.event import Reading
from plumbline.mqtt import Connection
from tests.unit.plumbline.dialects.lorawan.lorawan_messages import chirpstack, loriot

PROFILE = """
id = "beam"
kind = "sensor"
title_en = "Strain of a beam"
title_zh = "梁应变"
measurement = "strain"
[metrics.strain]
unit = "1"
title_en = "Strain"
title_zh = "应变"
path = "strain.value"
[lorawan]
codec = "javascript"
"""
SCRIPT = """
function decodeUplink(input) {
  if (input.fPort !== 1) return {errors: ["unknown FPort"]};
  return {data: {strain: {value: input.bytes[0] * 256 + input.bytes[1], unit: "um/m"}}};
}
"""


async def test_uplinks_of_two_network_servers_become_readings_once(mosquitto, unique_name, tmp_path):
    pytest.importorskip("quickjs")
    (tmp_path / "beam").mkdir()
    (tmp_path / "beam" / "profile.toml").write_text(PROFILE)
    (tmp_path / "beam" / "codec.js").write_text(SCRIPT)
    root = unique_name("lora")
    topics = [f"{root}/application/+/device/+/event/+", f"{root}/loriot"]
    device = {"dialect": "lorawan", "topics": topics, "profile": "beam"}
    table = {"broker": mosquitto.url, "client_id": f"reader-{root}", "session_expiry_s": 600, "devices": [device]}
    said: list[tuple[str, str, float]] = []
    reports: list[str] = []
    changed = asyncio.Event()

    async def emit(capture: Capture) -> None:
        assert capture.event.func is Reading
        told = capture.event.keywords
        said.extend((capture.device, f"{told['measurement']}.{name}", value) for name, value in told["values"].items())
        changed.set()

    def report(_device: str, what: str) -> None:
        reports.append(what)
        changed.set()

    context = Context(profiles=profile.load_all(tmp_path), report=report)
    reader = mqtt.build("broker", settings.convert(table, mqtt.Settings, "test"), context)
    task = asyncio.create_task(reader.run(emit))
    try:
        async with Connection(address=Address.parse(mosquitto.url), client_id=f"server-{root}") as server:

            async def publish(topic: str, what: object) -> None:
                await server.publish(f"{root}/{topic}", json.dumps(what).encode())

            while not reports:  # until the subscription stands
                await publish("loriot", {"cmd": "nothing of LORIOT's"})
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), 0.2)
            await publish("application/1/device/x/event/up", chirpstack(data="AQI=", fPort=1))
            await publish("loriot", loriot(data="0203"))
            await publish("application/1/device/x/event/up", chirpstack(data="AQI=", fPort=1))
            await publish("loriot", loriot(cmd="rx", data="0203"))
            await publish("loriot", loriot(data="0203", port=9, fcnt=4))
            while not any("unknown FPort" in one for one in reports):
                changed.clear()
                await asyncio.wait_for(changed.wait(), 120)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    strains = [(device, value) for device, name, value in said if name == "strain.strain"]
    assert sorted(strains) == [("eui-0102030405060708", 515), ("hoist-temp", 258)]
    assert sorted(value for _, name, value in said if name == "lorawan.f_cnt") == [3, 4, 7]
