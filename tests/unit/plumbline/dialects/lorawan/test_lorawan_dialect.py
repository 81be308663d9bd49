"""What the LoRaWAN dialect says of a message: envelope, values, positions, troubles."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects import Said, Trouble
from plumbline.dialects.lorawan import Lorawan, Settings, build
from plumbline.errors import SettingsError
from plumbline.event import Fix, Reading, State
from plumbline.profile import DeviceProfile
from tests.unit.plumbline.dialects.lorawan.lorawan_messages import chirpstack, chirpstack_v3, loriot, thingpark, things_stack

AIR = {
    "id": "air",
    "kind": "sensor",
    "title_en": "Air",
    "title_zh": "空气",
    "measurement": "environment",
    "metrics": {
        "temperature_c": {"unit": "Cel", "title_en": "t", "title_zh": "t", "path": "temperature", "maximum": 60},
        "battery": {"unit": "%", "title_en": "b", "title_zh": "b", "path": "battery"},
    },
    "lorawan": {
        "codec": "fields",
        "ports": [85],
        "frames": [
            {
                "layout": "tagged",
                "order": "little",
                "groups": [
                    {"tag": "0175", "bytes": 1, "fields": {"battery": {}}},
                    {"tag": "0367", "bytes": 2, "fields": {"temperature": {"type": "i16", "scale": 0.1}}},
                    {"tag": "0468", "bytes": 1},
                ],
            }
        ],
    },
}


def decoded(path: str = "level_m", **lorawan: Any) -> dict[str, Any]:
    metric = {"unit": "m", "title_en": "l", "title_zh": "l", "path": path}
    return {**AIR, "id": "level", "measurement": "level", "metrics": {"level_m": metric}, "lorawan": lorawan}


def make(settings: dict[str, Any] | None = None, *profiles: dict[str, Any]) -> Lorawan:
    known = {one["id"]: msgspec.convert(one, DeviceProfile) for one in profiles}
    return build(msgspec.convert(settings or {}, Settings), known)


def read(dialect: Lorawan, document: Any) -> list[Said | Trouble]:
    return list(dialect.read("application/1/device/x/event/up", msgspec.json.encode(document)))


def readings(found: list[Said | Trouble]) -> dict[str, dict[str, float]]:
    said = [one for one in found if isinstance(one, Said) and one.event.func is Reading]
    return {one.event.keywords["measurement"]: dict(one.event.keywords["values"]) for one in said}


def troubles(found: list[Said | Trouble]) -> list[str]:
    return [one.what for one in found if isinstance(one, Trouble)]


def test_the_envelope_goes_out_whatever_is_configured_and_a_missing_codec_is_told_once() -> None:
    dialect = make()
    first = read(dialect, chirpstack())
    assert [one.device for one in first] == ["hoist-temp", "hoist-temp"]
    assert readings(first) == {
        "lorawan": {
            "rssi_dbm": -36,
            "snr_db": 10.5,
            "gateways": 2,
            "spreading_factor": 11,
            "frequency_mhz": 868.1,
            "f_port": 85,
            "f_cnt": 7,
        }
    }
    assert isinstance(first[0], Said)
    assert first[0].at_ns == 1784367255775023242
    assert "01755c03673401046865 on port 85 has no codec" in troubles(first)[0]
    assert troubles(read(dialect, chirpstack(deduplicationId="b", fCnt=8))) == []
    assert len(troubles(read(dialect, chirpstack(deduplicationId="c", fCnt=9, fPort=3)))) == 1


def test_values_come_through_the_codec_of_the_first_kind_that_fits() -> None:
    kinds = [{"profile": "level", "euis": ["ffff*"]}, {"profile": "air", "types": ["em300-*"]}]
    found = read(make({"kinds": kinds}, AIR, decoded()), chirpstack())
    assert readings(found)["environment"] == {"temperature_c": 30.8, "battery": 92}
    assert troubles(found) == []
    said = [one for one in found if isinstance(one, Said)]
    assert said[1].metrics is not None
    assert set(said[1].metrics) == {"temperature_c", "battery"}


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        ({"euis": ["01-01-01-01-01-01-01-01"]}, True),
        ({"euis": ["0101??01*"]}, True),
        ({"euis": ["02*"]}, False),
        ({"devices": ["hoist-*"]}, True),
        ({"devices": ["crane-*"]}, False),
        ({"applications": ["site"]}, True),
        ({"applications": ["SITE"], "types": ["lht65"]}, False),
        ({}, True),
    ],
)
def test_a_kind_fits_by_all_that_it_names(kind: dict[str, Any], fits: bool) -> None:
    assert ("environment" in readings(read(make({"kinds": [{"profile": "air", **kind}]}, AIR), chirpstack()))) is fits


def test_what_comes_on_other_ports_and_what_cannot_be_true_is_not_sent() -> None:
    dialect = make({"profile": "air"}, AIR)
    assert set(readings(read(dialect, chirpstack(fPort=7)))) == {"lorawan"}
    hot = read(dialect, chirpstack(deduplicationId="b", data="A2f/Dw=="))
    assert readings(hot).keys() == {"lorawan"}
    assert "not plausible" in troubles(hot)[0]


def test_what_the_server_decoded_is_mapped_by_path_and_other_numbers_are_told_once() -> None:
    dialect = make({"profile": "level"}, decoded())
    document = things_stack(decoded_payload={"level_m": "1.25 m", "tank": {"temp": 3.5, "full": False}, "id": 5})
    found = read(dialect, document)
    assert readings(found)["level"] == {"level_m": 1.25}
    assert "takes no value from tank.temp, id" in troubles(found)[0]
    document["uplink_message"]["f_cnt"] = 16
    assert troubles(read(dialect, document)) == []
    assert troubles(read(make({"profile": "level"}, decoded(ignore=["tank.*", "id"])), document)) == []


@pytest.mark.parametrize(
    ("payload", "path", "words", "value"),
    [
        ({"door": True}, "door", {}, 1),
        ({"door": "open"}, "door", {"open": 1}, 1),
        ({"door": "ON"}, "door", {}, 1),
        ({"t": {"value": 22.5, "unit": "°C"}}, "t", {}, 22.5),
        ({"t": {"value": 22.5, "unit": "°C"}}, "t.value", {}, 22.5),
        ({"t": "-3.5 °C"}, "t", {}, -3.5),
        ({"m": [[{"id": 4097, "v": 21.4}, {"id": 4098, "v": 31}]]}, "m[id=4098].v", {}, 31),
        ({"m": [3, {"x": "7"}]}, "m.1.x", {}, 7),
        ({"a.b": 5}, "a.b", {}, 5),
    ],
)
def test_a_declared_path_finds_the_number_however_it_is_dressed(payload: Any, path: str, words: Any, value: float) -> None:
    found = read(make({"profile": "level"}, decoded(path, words=words, ignore=["m.0"])), things_stack(decoded_payload=payload))
    assert readings(found)["level"] == {"level_m": value}
    assert troubles(found) == []


def test_a_text_that_means_no_number_is_told() -> None:
    found = read(make({"profile": "level"}, decoded("door")), things_stack(decoded_payload={"door": "ajar"}))
    assert "'ajar' is not a number" in troubles(found)[0]


def test_states_and_positions_come_out_of_the_document_too() -> None:
    lorawan = {"state": {"state": "run", "words": {"true": "working"}}, "fix": {"lat": "gps.lat", "lon": "gps.lon"}}
    found = read(
        make({"profile": "level"}, decoded(**lorawan)),
        things_stack(decoded_payload={"run": True, "gps": {"lat": "47.1", "lon": 8.2}, "level_m": 1}),
    )
    events = {one.event.func: one.event.keywords for one in found if isinstance(one, Said)}
    assert events[State]["state"] == "working"
    assert (events[Fix]["lat"], events[Fix]["lon"]) == (47.1, 8.2)


def test_a_normalised_payload_is_read_measurement_by_measurement() -> None:
    profile = decoded("air.temperature", codec="normalized")
    found = read(make({"profile": "level"}, profile), things_stack(normalized_payload=[{"air": {"temperature": 21}}]))
    assert readings(found)["level"] == {"level_m": 21}


def test_one_frame_from_several_hooks_is_one() -> None:
    dialect = make()
    assert len(read(dialect, chirpstack())) == 2
    assert read(dialect, chirpstack()) == [], "the same deduplication id"
    assert len(readings(read(dialect, loriot(cmd="rx", rssi=-40, snr=8)))) == 1
    assert readings(read(dialect, loriot(ts=1784367256900))) == {}, "the same counter, port and payload a moment later"
    assert len(readings(read(dialect, loriot(ts=1784367256900 + 3_600_000)))) == 1, "an hour later the counter began again"
    assert len(readings(read(dialect, loriot(fcnt=4)))) == 1


def test_a_counter_begins_again_when_the_device_joins() -> None:
    dialect = make()
    document = things_stack()
    assert readings(read(dialect, document))
    assert not readings(read(dialect, document))
    join = {"end_device_ids": document["end_device_ids"], "join_accept": {"received_at": "2026-07-18T09:34:20Z"}}
    assert read(dialect, join) == []
    assert readings(read(dialect, document))


def test_a_message_that_could_not_be_kept_is_no_repetition_when_it_comes_again() -> None:
    dialect = make()
    assert len(read(dialect, chirpstack())) == 2
    dialect.unkept("t", msgspec.json.encode(chirpstack()))
    assert len(readings(read(dialect, chirpstack()))) == 1
    assert read(dialect, chirpstack()) == []
    dialect.unkept("t", b"not JSON")


def test_names_come_from_the_table_then_from_the_server_then_from_the_eui() -> None:
    dialect = make({"names": {"0101-0101-0101-0101": "lift-2"}})
    assert {one.device for one in read(dialect, chirpstack())} == {"lift-2"}
    odd = chirpstack(deviceInfo={"devEui": "0202020202020202", "deviceName": "RM 200, cellar"})
    assert {one.device for one in read(make(), odd)} == {"eui-0202020202020202"}


def test_two_devices_with_one_name_are_not_one_device() -> None:
    dialect = make()
    read(dialect, chirpstack())
    other = {"devEui": "0202020202020202", "deviceName": "hoist-temp"}
    found = read(dialect, chirpstack(deduplicationId="b", deviceInfo=other))
    assert {one.device for one in found} == {"eui-0202020202020202"}
    assert any("like another device" in one for one in troubles(found))


def test_a_device_without_an_eui_goes_by_its_id_or_is_told() -> None:
    document = things_stack()
    del document["end_device_ids"]["dev_eui"]
    assert {one.device for one in read(make(), document)} == {"pit-level"}
    document["end_device_ids"]["device_id"] = "pit level"
    assert "tells neither a DevEUI nor" in troubles(read(make(), document))[0]


def test_a_time_that_cannot_be_is_the_gateways_clock_and_is_told() -> None:
    for told in ("2026-0718T12:39:05Z", "1970-01-01T00:00:09Z", "yesterday", 12):
        found = read(make(), chirpstack(time=told))
        assert isinstance(found[1], Said)
        assert found[1].at_ns is None
        assert "is no time that can be true" in troubles(found)[0]


def test_a_status_gives_battery_and_margin_and_joins_and_acknowledgements_nothing() -> None:
    base = {key: value for key, value in chirpstack().items() if key in {"deviceInfo", "time", "deduplicationId"}}
    status = read(make(), {**base, "margin": 8, "batteryLevel": 61.4, "externalPowerSource": False})
    assert readings(status) == {"lorawan": {"margin_db": 8, "battery": 61.4, "external_power": 0}}
    for other in ({"devAddr": "01"}, {"acknowledged": True}, {"downlinkId": 1}):
        assert read(make(), {**base, **other}) == []
    assert troubles(read(make(), {**base, "level": "ERROR", "code": "OTAA", "description": "x"})) == [
        "the network server reports OTAA: x"
    ]


def test_a_registered_position_is_said_when_it_is_new_and_a_measured_one_always() -> None:
    dialect = make()

    def fixes(count: int, **locations: Any) -> list[tuple[float, float]]:
        found = read(dialect, things_stack(f_cnt=count, locations=locations))
        said = [one.event.keywords for one in found if isinstance(one, Said) and one.event.func is Fix]
        return [(one["lat"], one["lon"]) for one in said]

    typed = {"latitude": 47.0, "longitude": 8.0, "source": "SOURCE_REGISTRY"}
    assert fixes(1, user=typed) == [(47.0, 8.0)]
    assert fixes(2, user=typed) == []
    assert fixes(3, user={**typed, "latitude": 47.1}) == [(47.1, 8.0)]
    measured = {"latitude": 47.5, "longitude": 8.5, "source": "SOURCE_GPS"}
    assert [fixes(count, **{"frm-payload": measured}) for count in (4, 5)] == [[(47.5, 8.5)]] * 2


def test_the_gateways_position_is_never_the_devices() -> None:
    for document in (chirpstack(), thingpark()):
        assert not [one for one in read(make(), document) if isinstance(one, Said) and one.event.func is Fix]


def test_an_encrypted_payload_is_not_decoded() -> None:
    found = read(make({"profile": "air"}, AIR), chirpstack(joinServerContext={"sessionKeyId": "00"}))
    assert readings(found).keys() == {"lorawan"}
    assert "encrypted" in troubles(found)[0]


def test_an_empty_payload_is_fine() -> None:
    for data in ("", None):
        assert troubles(read(make(), chirpstack(data=data))) == []


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"topics": ["a/#/b"]}, "topics.0"),
        ({"topics": ["a/+", "a/b"]}, "same messages"),
        ({"names": {"010101010101010": "x"}}, "15 hexadecimal digits"),
        ({"names": {"0101010101010101": "x", "01-01-01-01-01-01-01-01": "y"}}, "twice"),
        ({"names": {"0101010101010101": "x", "0202020202020202": "x"}}, "two devices"),
        ({"profile": "nothing"}, "there is no profile 'nothing'"),
        ({"kinds": [{"profile": "air", "euis": ["24e1"]}]}, "kinds.0..euis"),
        ({"kinds": [{"profile": "js"}]}, "there is no 'codec.js'"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], hint: str) -> None:
    script = {**AIR, "id": "js", "lorawan": {"codec": "javascript"}}
    with pytest.raises(SettingsError, match=hint):
        make(settings, AIR, script)


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
DOCUMENTS = (chirpstack, chirpstack_v3, things_stack, loriot, thingpark)


@given(st.sampled_from(DOCUMENTS), st.dictionaries(st.sampled_from([*chirpstack(), *loriot(), "decoded_payload"]), trees))
def test_nothing_that_a_message_holds_makes_it_raise(document: Any, changes: dict[str, Any]) -> None:
    try:
        payload = msgspec.json.encode(document(**changes))
    except UnicodeEncodeError:
        return
    for dialect in (make({"profile": "air"}, AIR), make({"profile": "level"}, decoded())):
        for said in dialect.read("t", payload):
            if isinstance(said, Said):
                assert said.at_ns is None or 0 <= said.at_ns < 2**63
