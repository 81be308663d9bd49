"""What each network server says, in the one form for all of them."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects.document import FieldError
from plumbline.dialects.lorawan.message import Message
from plumbline.dialects.lorawan.servers import messages
from tests.unit.plumbline.dialects.lorawan.lorawan_messages import chirpstack, chirpstack_v3, loriot, thingpark, things_stack


def read(document: Any) -> Message:
    (message,) = messages(msgspec.json.encode(document), "auto")
    return message


def test_chirpstack_tells_device_time_and_the_best_of_its_gateways() -> None:
    message = read(chirpstack())
    assert (message.eui, message.name, message.types) == ("0101010101010101", "hoist-temp", ("EM300-TH",))
    assert message.at_ns == 1784367255775023242
    assert (message.f_port, message.f_cnt, message.payload) == (85, 7, bytes.fromhex("01755c03673401046865"))
    assert [(one.id, one.rssi_dbm, one.snr_db) for one in message.gateways] == [
        ("0016c001f153a14d", -36, 10.5),
        ("0016c001f153a14c", -61, 8.5),
    ]
    assert message.gateways[0].place is None
    assert message.gateways[1].place is not None
    assert (message.spreading_factor, message.bandwidth_khz, message.frequency_mhz) == (11, 125, 868.1)


def test_chirpstack_v3_writes_euis_in_base64_and_the_decoded_object_as_a_text() -> None:
    message = read(chirpstack_v3())
    assert (message.eui, message.gateways[0].id) == ("0202020202020202", "0303030303030303")
    assert message.decoded == {"temperatureSensor": {"1": 25}}
    assert message.at_ns == 1784367255048445000, "the time of the gateway, where the server told none"
    assert (message.spreading_factor, message.bandwidth_khz) == (11, 125)


def test_a_gateway_with_a_server_of_its_own_may_write_hex_and_a_time_that_is_none() -> None:
    message = read(
        {
            "devEUI": "24E1641092176759",
            "time": "2026-0718T12:39:05Z",
            "rxInfo": [{"mac": "24e124fffef021be", "rssi": "-57", "loRaSNR": "10", "latitude": 0, "longitude": 0}],
            "txInfo": {"frequency": 868300000, "dataRate": {"modulation": "LORA", "bandwidth": 125, "spreadFactor": 7}},
            "fCnt": "0",
            "fPort": "85",
            "data_encode": "hexstring",
            "data": "0175640A",
        }
    )
    assert (message.payload, message.f_cnt, message.f_port) == (b"\x01\x75\x64\x0a", 0, 85)
    assert message.at_ns is None
    assert "2026-0718T12:39:05Z" in message.problems[0]
    assert (message.gateways[0].rssi_dbm, message.gateways[0].place) == (-57, None)


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        ("01756403ff180104686d", bytes.fromhex("01756403ff180104686d")),
        ("AAAA", b"\0\0\0"),
        ("0102", b"\xd3\x5d\x36"),
        ("AQ", b"\x01"),
        ("_-8=", b"\xff\xef"),
        ("!!", None),
    ],
)
def test_a_payload_is_base64_unless_it_can_only_be_hex(data: str, payload: bytes | None) -> None:
    message = read(chirpstack(data=data))
    assert message.payload == payload
    assert bool(message.problems) is (payload is None)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"margin": 8, "externalPowerSource": True, "batteryLevel": 0}, "status"),
        ({"devAddr": "00189440"}, "join"),
        ({"queueItemId": "x", "acknowledged": True, "fCntDown": 4}, "other"),
        ({"downlinkId": 1, "gatewayId": "x", "txInfo": {}}, "other"),
        ({"level": "ERROR", "code": "UPLINK_CODEC", "description": "bad"}, "failure"),
        ({"level": "INFO", "code": "X", "description": "fine"}, "other"),
        ({"location": {"latitude": 47.0, "longitude": 8.0, "accuracy": 30}}, "location"),
        ({"integrationName": "loracloud", "eventType": "x", "object": {}}, "other"),
    ],
)
def test_chirpstack_events_other_than_uplinks_are_told_apart(event: dict[str, Any], kind: str) -> None:
    info = {"devEui": "0101010101010101", "deviceName": "d"}
    assert read({"deduplicationId": "x", "time": "2026-07-18T09:34:15Z", "deviceInfo": info, **event}).kind == kind


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"devAddr": "AFE5Qg==", "rxInfo": [], "txInfo": {}, "dr": 5}, "join"),
        ({"acknowledged": False, "fCnt": 15}, "other"),
        ({"fCnt": 12, "gatewayID": "AgICAgICAgI=", "txInfo": {}}, "other"),
        ({"type": "UPLINK_CODEC", "error": "bad", "fCnt": 3}, "failure"),
        ({"location": {"latitude": 47.0, "longitude": 8.0}, "uplinkIDs": [], "fCnt": 3}, "location"),
        ({"margin": 6, "externalPowerSource": False, "batteryLevelUnavailable": True}, "status"),
        ({"data": "AQ==", "fPort": 1, "fCnt": 0}, "uplink"),
    ],
)
def test_chirpstack_v3_events_other_than_uplinks_are_told_apart(event: dict[str, Any], kind: str) -> None:
    assert read({"applicationID": "1", "deviceName": "d", "devEUI": "AgICAgICAgI=", **event}).kind == kind


def test_the_things_stack_tells_the_network_servers_time_and_leaves_out_zeros() -> None:
    message = read(things_stack())
    assert (message.eui, message.name, message.application) == ("70b3d57ed0000001", "pit-level", "site")
    assert message.at_ns == 1784367256250000000
    assert (message.gateways[0].id, message.spreading_factor, message.frequency_mhz) == ("9c5c8e00001a05c4", 7, 868.3)
    assert message.decoded == {"level_m": 1.25, "tank": {"full": False}}
    document = things_stack()
    del document["uplink_message"]["f_cnt"], document["uplink_message"]["frm_payload"]
    assert (read(document).f_cnt, read(document).payload) == (0, b"")


def test_the_things_stack_speaks_in_wrappers_too() -> None:
    assert read({"result": things_stack()}) == read(things_stack())
    assert read({"name": "as.up.data.forward", "data": things_stack()}) == read(things_stack())


def test_a_position_that_a_person_registered_is_told_from_a_measured_one() -> None:
    places = read(
        things_stack(
            locations={
                "user": {"latitude": 47.0, "longitude": 8.0, "source": "SOURCE_REGISTRY"},
                "frm-payload": {"latitude": 47.5, "longitude": 8.5, "accuracy": 12, "source": "SOURCE_GPS"},
            }
        )
    ).places
    assert [(one.lat, one.typed) for one in places] == [(47.0, True), (47.5, False)]


def test_a_simulated_uplink_is_no_uplink() -> None:
    message = read({**things_stack(), "simulated": True})
    assert message.kind == "failure"
    assert "simulated" in message.problems[0]


def test_the_things_network_v2_is_understood() -> None:
    message = read(
        {
            "app_id": "site",
            "dev_id": "d1",
            "hardware_serial": "A8610A32334B8009",
            "port": 2,
            "counter": 8,
            "payload_raw": "CA==",
            "metadata": {
                "time": "2026-07-18T09:34:15.226618748Z",
                "frequency": 868.5,
                "data_rate": "SF12BW125",
                "gateways": [{"gtw_id": "eui-70db980a39780000", "rssi": -117, "snr": -11, "latitude": 50.9, "longitude": 6.9}],
            },
        }
    )
    assert (message.eui, message.f_port, message.f_cnt, message.payload) == ("a8610a32334b8009", 2, 8, b"\x08")
    assert (message.spreading_factor, message.frequency_mhz, message.gateways[0].id) == (12, 868.5, "70db980a39780000")


def test_loriot_tells_all_gateways_or_one() -> None:
    message = read(loriot())
    assert (message.eui, message.at_ns, message.payload) == ("0102030405060708", 1784367256493000000, b"\x02\x02\x3b")
    assert [one.rssi_dbm for one in message.gateways] == [-38, -42]
    assert (message.spreading_factor, message.battery.percent) == (12, 49.8)
    alone = read({**{k: v for k, v in loriot().items() if k != "gws"}, "cmd": "rx", "rssi": -21, "snr": 10, "bat": 255})
    assert (alone.gateways[0].rssi_dbm, alone.gateways[0].snr_db, alone.battery.percent) == (-21, 10, None)
    assert read(loriot(cmd="txd")).kind == "other"


def test_loriots_mains_battery_and_encrypted_data_are_told() -> None:
    told = {k: v for k, v in loriot(encdata="ffee", bat=0).items() if k != "data"}
    assert (read(told).encrypted, read(told).battery.external, read(told).battery.percent) == (True, True, None)


def test_thingparks_texts_are_numbers_and_its_position_is_the_gateways() -> None:
    message = read(thingpark())
    assert (message.eui, message.f_port, message.f_cnt, message.payload) == ("20635f00c5000660", 1, 26, b"\x02\x52\xff")
    assert message.at_ns == 1784367256138000000
    assert (message.gateways[0].rssi_dbm, message.gateways[0].snr_db, len(message.gateways)) == (-114, 4.75, 2)
    assert message.gateways[0].place is not None
    assert message.places == (), "neither the gateway's position nor what the customer typed is the device's"
    assert (message.spreading_factor, message.frequency_mhz, message.types) == (9, 902.5, ("DL/TBRG",))


def test_thingparks_other_documents_and_customer_data_as_text() -> None:
    assert read({"DevEUI_downlink_Sent": {"DevEUI": "20635F00C5000660"}}).kind == "other"
    located = read({"DevEUI_location": {"DevEUI": "20635F00C5000660", "DevLAT": "48.8", "DevLON": "2.3", "DevLocRadius": "20"}})
    assert [(one.lat, one.lon, one.accuracy_m) for one in located.places] == [(48.8, 2.3, 20)]
    assert read(thingpark(CustomerData='{"name":"rain"}')).name == "rain"
    assert read(thingpark(CustomerData="free text")).name is None


def test_a_list_of_messages_is_read_one_by_one() -> None:
    assert [one.kind for one in messages(msgspec.json.encode([thingpark(), loriot()]), "auto")] == ["uplink", "uplink"]


@pytest.mark.parametrize(
    ("payload", "hint"),
    [
        (b'<?xml version="1.0"?><DevEUI_uplink/>', "XML"),
        (b"\x0a\x05hello", "JSON"),
        (b'{"temperature": 3}', "is no message of ChirpStack"),
        (b"3", "is no message of"),
    ],
)
def test_what_is_nothing_of_a_network_server_is_named(payload: bytes, hint: str) -> None:
    with pytest.raises(FieldError, match=hint):
        list(messages(payload, "auto"))


def test_a_named_server_takes_only_its_own() -> None:
    with pytest.raises(FieldError, match="is no message of loriot"):
        list(messages(msgspec.json.encode(thingpark()), "loriot"))


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@given(st.data())
def test_no_value_anywhere_in_a_message_makes_a_server_raise(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([chirpstack(), chirpstack_v3(), things_stack(), loriot(), thingpark()]))
    inner: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.sampled_from(range(len(inner))))
        if isinstance(inner[key], dict | list) and inner[key] and data.draw(st.booleans()):
            inner = inner[key]
            continue
        inner[key] = data.draw(trees)
        break
    with contextlib.suppress(FieldError):
        list(messages(msgspec.json.encode(document), "auto"))


@given(st.binary(max_size=64) | trees.map(msgspec.json.encode))
def test_no_bytes_make_it_raise_anything_but_what_it_says(payload: bytes) -> None:
    with contextlib.suppress(FieldError):
        list(messages(payload, "auto"))
