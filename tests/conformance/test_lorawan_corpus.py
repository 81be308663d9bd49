"""The LoRaWAN corpus: every envelope of it, and the values of the devices that have a profile or a script here."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plumbline import profile
from plumbline.dialects import Said, Trouble
from plumbline.dialects.lorawan import Settings, build, loose
from plumbline.dialects.lorawan.codec import CodecError, Engine
from plumbline.dialects.lorawan.codec.javascript import JavaScript
from plumbline.dialects.lorawan.message import Message
from plumbline.event import Reading

FIRMWARE = Path(__file__).parents[2] / "firmware_configs"
SCRIPTS = Path(__file__).parent / "lorawan_scripts"
PROFILES = profile.load_all(FIRMWARE)

#: The corpus's device → our profile of it.
DEVICES = {
    "DL-CTD10": "decentlab-dl-ctd10",
    "DL-LID": "decentlab-dl-lid",
    "DL-SHT35-001": "decentlab-dl-sht35",
    "DL-WRM": "decentlab-dl-wrm",
    "EM310-TILT": "milesight-em310-tilt",
    "EM500-CO2": "milesight-em500-co2",
    "EM500-UDL": "milesight-em500-udl",
    "EM400-UDL": "milesight-em500-udl",
    "R718A": "netvox-r718a",
    "RA0715": "netvox-ra07",
    "RA0723": "netvox-ra07",
    "R72624": "netvox-ra07",
    "Comfort": "tektelic-comfort",
}
FAMILIES = {"AM1": "milesight-am300", "AM3": "milesight-am300", "EM300": "milesight-em300", "EM320": "milesight-em300"}
FAMILIES |= {"ERS2": "elsys-ers"}
#: The corpus's codec (a file of the vendor's) → our profile.
CODECS = {
    "dl-atm22.js": "decentlab-dl-atm22",
    "dl-ctd10.js": "decentlab-dl-ctd10",
    "dl-lid.js": "decentlab-dl-lid",
    "dl-sht35.js": "decentlab-dl-sht35",
    "dl-wrm.js": "decentlab-dl-wrm",
    "ldds20.js": "dragino-ldds",
    "lse01.js": "dragino-lse01",
    "payload/r718e.js": "netvox-r718e",
    "decoder_smart_room_sensor.js": "tektelic-comfort",
}
#: The corpus's codec → a script of ours with the same output.
SCRIPTED = {
    "dl-5tm.js": "decentlab.js",
    "payload/r311g_b.js": "netvox.js",
    "payload/r311w.js": "netvox.js",
    "payload/rb02i_r718t_r312a_r312.js": "netvox.js",
    "tekzipark.js": "parking_radar.js",
    "tpl110-0292.js": "parking.js",
}
#: What the corpus calls a value → our metric, and how many of ours one of theirs is.
METRICS = {
    "AccelerationX": ("vibration_x", 1),
    "AccelerationY": ("vibration_y", 1),
    "AccelerationZ": ("vibration_z", 1),
    "Bat": ("battery_v", 1),
    "Temp": ("temperature_c", 1),
    "TempC_DS18B20": ("probe_c", 1),
    "VelocityX": ("velocity_x", 1),
    "VelocityY": ("velocity_y", 1),
    "VelocityZ": ("velocity_z", 1),
    "Volt": ("battery_v", 1),
    "air_humidity": ("humidity", 1),
    "air_temperature": ("temperature_c", 1),
    "ambient_temperature": ("temperature_c", 1),
    "angle_x": ("tilt_x", 1),
    "angle_y": ("tilt_y", 1),
    "angle_z": ("tilt_z", 1),
    "battery": ("battery", 1),
    "battery_volt": ("battery_v", 1),
    "battery_voltage": ("battery_v", 1),
    "co2": ("co2_ppm", 1),
    "conduct_SOIL": ("conductivity_us_cm", 1),
    "distance": ("distance_m", 0.001),
    "distance_average": ("distance_m", 0.001),
    "electrical_conductivity": ("conductivity_us_cm", 1),
    "hcho": ("formaldehyde_mg_m3", 1),
    "head_temperature": ("head_c", 1),
    "humidity": ("humidity", 1),
    "light": ("illuminance_lx", 1),
    "light_level": ("light", 1),
    "maximum_wind_speed": ("gust_mps", 1),
    "noise": ("noise_db", 1),
    "pm10": ("pm10", 1),
    "pm2_5": ("pm2_5", 1),
    "pressure": ("pressure_hpa", 1),
    "relative_humidity": ("humidity", 1),
    "soundAvg": ("noise_mean", 1),
    "soundPeak": ("noise_peak", 1),
    "surface_temperature": ("surface_c", 1),
    "temp_SOIL": ("soil_c", 1),
    "temperature": ("temperature_c", 1),
    "tvoc": ("tvoc", 1),
    "vdd": ("battery_v", 0.001),
    "water_SOIL": ("soil_moisture", 1),
    "water_depth": ("level_m", 0.001),
    "wind_direction": ("wind_deg", 1),
    "wind_speed": ("wind_mps", 1),
}
#: Envelope fields of those expectations that have them.
ENVELOPE = {
    "lora_frame_counter": ("f_cnt", 1),
    "lora_frame_port": ("f_port", 1),
    "lora_frequency": ("frequency_mhz", 1e-6),
    "lora_rssi": ("rssi_dbm", 1),
    "lora_snr": ("snr_db", 1),
    "lora_spreading_factor": ("spreading_factor", 1),
}


def rows(corpus: Path, name: str) -> Iterator[dict[str, Any]]:
    with (corpus / "lorawan" / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read(document: Any, **settings: Any) -> tuple[list[Said], list[str]]:
    dialect = build(msgspec.convert(settings, Settings), PROFILES)
    found = list(dialect.read("t", msgspec.json.encode(document)))
    return [one for one in found if isinstance(one, Said)], [one.what for one in found if isinstance(one, Trouble)]


def values(said: list[Said], *, envelope: bool) -> dict[str, float]:
    readings = [one.event.keywords for one in said if one.event.func is Reading]
    return {k: v for one in readings if (one["measurement"] == "lorawan") is envelope for k, v in one["values"].items()}


def equal(ours: Mapping[str, float], theirs: Mapping[str, Any], names: Mapping[str, tuple[str, float]]) -> int:
    """How many of the expected values are there; fails where one is another."""
    count = 0
    for key, (metric, factor) in names.items():
        told = theirs.get(key)
        told = told.get("value") if isinstance(told, dict) else told
        if told is None or isinstance(told, bool) or told == "No Sensor":
            continue
        assert ours.get(metric) == pytest.approx(float(told) * factor, rel=1e-6, abs=1e-6), (key, dict(ours))
        count += 1
    return count


def test_every_envelope_is_read(corpus: Path, say: Callable[[str], None]) -> None:
    counts: Counter[str] = Counter()
    for row in rows(corpus, "uplinks.jsonl"):
        said, troubles = read(row["payload"])
        expected = row["expected"]
        attributes, telemetry = expected["attributes"], expected["telemetry"]
        ours = values(said, envelope=True)
        assert ours, row
        counts["envelopes"] += 1
        eui = attributes.get("eui") or attributes.get("lora_dev_eui")
        if eui and said[0].device.startswith("eui-"):
            assert said[0].device == f"eui-{eui.lower()}"
            counts["EUIs"] += 1
        for one in telemetry:
            counts["fields"] += equal(ours, one.get("values", {}), ENVELOPE)
        names = {"fPort": ("f_port", 1), "spreadingFactor": ("spreading_factor", 1), "frequency": ("frequency_mhz", 1e-6)}
        counts["fields"] += equal(ours, attributes, names)
        if row["network"] == "HTTP":  # the corpus's own time there is '2020-0327T12:39:05…'
            assert said[0].at_ns is None
            assert any("is no time that can be true" in one for one in troubles)
            counts["times that are none"] += 1
            continue
        assert not any("time" in one for one in troubles)
        times = [one for one in (loose.time_ns(each.get("ts")) for each in telemetry) if one is not None]
        # Of The Things Stack they take the application server's time, some ms later; where none is near, they took the payload's.
        if times and said[0].at_ns is not None and any(abs(said[0].at_ns - one) < 10**9 for one in times):
            counts["times"] += 1
        elif times:
            counts["times of a payload"] += 1
    say(f"LoRaWAN corpus: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    assert counts["envelopes"] == 763
    assert counts["EUIs"] >= 482
    assert counts["fields"] >= 3295
    assert counts["times"] >= 640


def test_the_values_of_devices_with_a_profile_are_read(corpus: Path, say: Callable[[str], None]) -> None:
    counts: Counter[str] = Counter()
    for row in rows(corpus, "uplinks.jsonl"):
        device, telemetry = row["device"], row["expected"]["telemetry"]
        name = DEVICES.get(device) or next((one for family, one in FAMILIES.items() if device.startswith(family)), None)
        if name is None or not telemetry:
            continue
        said, troubles = read(row["payload"], profile=name)
        counts["uplinks"] += 1
        expected = telemetry[0].get("values", {})
        if device == "EM300-DI":  # the corpus says 50 for 101 halves of a per cent
            expected = {key: value for key, value in expected.items() if key != "humidity"}
        counts["values"] += equal(values(said, envelope=False), expected, METRICS)
        assert not [one for one in troubles if "profile" in one], (row, troubles)
    say(f"LoRaWAN corpus, declared fields: {counts['values']} values of {counts['uplinks']} uplinks")
    assert counts["uplinks"] >= 228
    assert counts["values"] >= 860


def test_the_vendors_own_examples_are_decoded_by_declared_fields(corpus: Path, say: Callable[[str], None]) -> None:
    counts: Counter[str] = Counter()
    for row in rows(corpus, "codec_examples.jsonl"):
        counts["examples"] += 1
        name = CODECS.get(row["codec"])
        if name is None:
            continue
        counts["covered"] += 1
        document = {"cmd": "rx", "EUI": "0102030405060708", "ts": 1784367256493, "port": row["fPort"], "data": row["hex"]}
        said, _ = read(document, profile=name)
        found = values(said, envelope=False)
        expected = row["data"] or {}
        counts["values"] += equal(found, expected, METRICS)
        if row["errors"] or "Cmd" in expected:
            assert not found, "nothing is made of what is no report"
            counts["passed over"] += 1
    say(
        f"LoRaWAN codec examples, declared fields: {counts['covered']} of {counts['examples']} "
        f"({counts['values']} values, {counts['passed over']} rightly without any)"
    )
    assert counts["examples"] == 158
    assert counts["covered"] == 24
    assert counts["values"] >= 39


def test_the_vendors_own_examples_are_decoded_by_scripts(corpus: Path, say: Callable[[str], None]) -> None:
    pytest.importorskip("quickjs")
    engine = Engine()
    counts: Counter[str] = Counter()
    for row in rows(corpus, "codec_examples.jsonl"):
        name = SCRIPTED.get(row["codec"])
        if name is None:
            continue
        counts["covered"] += 1
        script = JavaScript((SCRIPTS / name).read_text(), {"offset": "400"}, engine)
        message = Message(kind="uplink", f_port=row["fPort"], payload=bytes.fromhex(row["hex"]))
        if row["errors"]:
            with pytest.raises(CodecError, match=row["errors"][0]):
                script.decode(message)
        else:
            (document,) = script.decode(message).documents
            assert document == pytest.approx(row["data"]) if _flat(row["data"]) else document == row["data"], row
        counts["equal"] += 1
    engine.close()
    say(f"LoRaWAN codec examples, JavaScript: {counts['equal']} of {counts['covered']} whole documents equal")
    assert counts["equal"] == counts["covered"] == 45


def _flat(document: dict[str, Any]) -> bool:
    return all(isinstance(one, int | float | str | bool) for one in document.values())
