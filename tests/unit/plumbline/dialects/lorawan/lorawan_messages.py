"""Messages of network servers as their documentation shows them, for tests."""

from typing import Any


def chirpstack(**changes: Any) -> dict[str, Any]:
    """An uplink event of ChirpStack v4."""
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {
            "applicationName": "site",
            "deviceProfileName": "EM300-TH",
            "deviceName": "hoist-temp",
            "devEui": "0101010101010101",
        },
        "devAddr": "00189440",
        "fCnt": 7,
        "fPort": 85,
        "data": "AXVcA2c0AQRoZQ==",
        "rxInfo": [
            {"gatewayId": "0016c001f153a14c", "rssi": -61, "snr": 8.5, "location": {"latitude": 47.1, "longitude": 8.2}},
            {"gatewayId": "0016c001f153a14d", "rssi": -36, "snr": 10.5, "location": {}},
        ],
        "txInfo": {"frequency": 868100000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 11}}},
        **changes,
    }


def chirpstack_v3(**changes: Any) -> dict[str, Any]:
    """An uplink event of ChirpStack v3 in protobuf's JSON."""
    return {
        "applicationID": "123",
        "applicationName": "site",
        "deviceName": "garden-sensor",
        "devEUI": "AgICAgICAgI=",
        "rxInfo": [{"gatewayID": "AwMDAwMDAwM=", "time": "2026-07-18T09:34:15.048445Z", "rssi": -48, "loRaSNR": 9}],
        "txInfo": {"frequency": 868100000, "loRaModulationInfo": {"bandwidth": 125, "spreadingFactor": 11}},
        "fCnt": 10,
        "fPort": 5,
        "data": "AQID",
        "objectJSON": '{"temperatureSensor":{"1":25}}',
        **changes,
    }


def things_stack(**changes: Any) -> dict[str, Any]:
    """An uplink of The Things Stack v3; `changes` are of its `uplink_message`."""
    return {
        "end_device_ids": {
            "device_id": "pit-level",
            "application_ids": {"application_id": "site"},
            "dev_eui": "70B3D57ED0000001",
        },
        "received_at": "2026-07-18T09:34:16.5Z",
        "uplink_message": {
            "session_key_id": "AYfqmb0pc/1uRZv9xUydgQ==",
            "f_port": 2,
            "f_cnt": 15,
            "frm_payload": "AQID",
            "decoded_payload": {"level_m": 1.25, "tank": {"full": False}},
            "rx_metadata": [
                {"gateway_ids": {"gateway_id": "gtw1", "eui": "9C5C8E00001A05C4"}, "rssi": -35, "channel_rssi": -35, "snr": 5.2}
            ],
            "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}}, "frequency": "868300000"},
            "received_at": "2026-07-18T09:34:16.25Z",
            **changes,
        },
    }


def loriot(**changes: Any) -> dict[str, Any]:
    """An uplink of LORIOT with all gateways."""
    return {
        "cmd": "gw",
        "EUI": "0102030405060708",
        "ts": 1784367256493,
        "fcnt": 3,
        "port": 1,
        "freq": 868300000,
        "dr": "SF12 BW125 4/5",
        "gws": [
            {"rssi": -42, "snr": 8.8, "ts": 1784367256495, "gweui": "1020304081716151"},
            {"rssi": -38, "snr": 8.5, "ts": 1784367256493, "gweui": "1020304080706050"},
        ],
        "bat": 127,
        "data": "02023b",
        **changes,
    }


def thingpark(**changes: Any) -> dict[str, Any]:
    """An uplink of ThingPark, numbers as texts, as its older releases write them."""
    return {
        "DevEUI_uplink": {
            "Time": "2026-07-18T11:34:16.138+02:00",
            "DevEUI": "20635F00C5000660",
            "FPort": "1",
            "FCntUp": "26",
            "payload_hex": "0252ff",
            "LrrRSSI": "-114.000000",
            "LrrSNR": "4.750000",
            "SpFact": "9",
            "Lrrid": "100019D4",
            "LrrLAT": "32.516357",
            "LrrLON": "-106.824348",
            "Lrrs": {"Lrr": [{"Lrrid": "100019D4", "LrrRSSI": "-114.0", "LrrSNR": "4.75"}, {"Lrrid": "100019D5"}]},
            "CustomerData": {"alr": {"pro": "DL/TBRG", "ver": "1"}, "loc": {"lat": "32.5", "lon": "-106.9"}, "name": "rain"},
            "Frequency": 902.5,
            **changes,
        }
    }
