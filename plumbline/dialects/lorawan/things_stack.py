"""The Things Stack v3 (ApplicationUp of its API as JSON: MQTT, webhooks, stored messages, events), and The Things Network v2.

The Things Stack leaves out what is empty, 0 or false (its documentation, 'Data formats').
"""

from typing import Final

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan import loose
from plumbline.dialects.lorawan.loose import Object, child, table, tables
from plumbline.dialects.lorawan.message import Battery, Gateway, Message, Place

_UPLINKS: Final = ("uplink_message", "uplink_normalized")


def parse(document: Json) -> Message | None:
    """What a message says; `None`: it is none of The Things Stack's."""
    for wrapper in ("result", "data"):  # of the storage integration, of an event
        if isinstance(inner := child(document, wrapper), dict) and "end_device_ids" in inner:
            document = inner
    if not isinstance(document, dict):
        return None
    if "hardware_serial" in document or ("dev_id" in document and "payload_raw" in document):
        return _second_version(document)
    ids = table(document, "end_device_ids")
    if not ids:
        return None
    problems: list[str] = []
    eui = loose.eui(child(ids, "dev_eui"))
    name = loose.text(child(ids, "device_id"))
    told = table(document, *_UPLINKS)
    if loose.truth(child(document, "simulated")):
        problems.append("is an uplink that somebody simulated in the console; passed over")
    elif told:
        return _uplink(document, told, ids, eui, name)
    solved = loose.place(child(document, "location_solved", "location")) or loose.place(
        child(child(document, "location_solved"), "location")
    )
    joined = table(document, "join_accept")
    return Message(
        kind="failure" if problems else "join" if joined else "location" if solved else "other",
        eui=eui,
        name=name,
        at_ns=loose.time_told(child(joined, "received_at") or child(document, "received_at"), problems, "received_at"),
        places=(solved,) if solved and not problems else (),
        problems=tuple(problems),
    )


def _uplink(document: Object, told: Object, ids: Object, eui: str | None, name: str | None) -> Message:
    problems: list[str] = []
    settings = table(told, "settings")
    rate = table(settings, "data_rate")
    lora = table(rate, "lora")
    at_ns = loose.time_told(child(told, "received_at") or child(document, "received_at"), problems, "received_at")
    written = child(told, "frm_payload")
    payload = b"" if written is None else loose.payload(written, first="base64")
    if payload is None:
        problems.append("frm_payload: is no payload in base64")
    version = table(told, "version_ids")
    return Message(
        kind="uplink",
        eui=eui,
        name=name,
        application=loose.text(child(child(ids, "application_ids"), "application_id")),
        types=tuple(found for key in ("model_id", "brand_id") if (found := loose.text(child(version, key))) is not None),
        at_ns=at_ns,
        session=loose.text(child(told, "session_key_id")),
        f_port=loose.integer(child(told, "f_port"), 0, 255),
        f_cnt=0 if "f_cnt" not in told else loose.integer(told["f_cnt"], 0, 2**32 - 1),
        payload=payload,
        encrypted="app_s_key" in told,
        decoded=child(told, "decoded_payload") or None,
        normalized=_normalized(child(told, "normalized_payload")),
        gateways=loose.best_first(_gateways(child(told, "rx_metadata"))),
        spreading_factor=loose.spreading_factor(child(lora, "spreading_factor") or child(settings, "spreading_factor")),
        bandwidth_khz=loose.bandwidth_khz(child(lora, "bandwidth") or child(settings, "bandwidth")),
        frequency_mhz=loose.frequency_mhz(child(settings, "frequency")),
        battery=Battery(percent=loose.percent(child(child(told, "last_battery_percentage"), "value"))),
        places=tuple(_places(told)),
        problems=tuple(problems),
    )


def _normalized(told: Json) -> tuple[Json, ...]:
    """The measurements: a list, or one alone."""
    return tuple(tables(told)) if isinstance(told, list) else (told,) if isinstance(told, dict) and told else ()


def _gateways(told: Json) -> list[Gateway]:
    heard: list[Gateway] = []
    for one in tables(told):
        ids, broker = table(one, "gateway_ids"), table(one, "packet_broker")
        name = child(broker, "forwarder_gateway_eui", "forwarder_gateway_id") or child(ids, "eui", "gateway_id")
        heard.append(
            Gateway(
                id=loose.named_eui(name),
                rssi_dbm=loose.decibel(child(one, "rssi", "channel_rssi")),
                snr_db=loose.decibel(child(one, "snr")),
                place=loose.place(child(one, "location")),
            )
        )
    return heard


def _places(told: Object) -> list[Place]:
    """The device's positions by source; what a person registered is `typed`."""
    found: list[Place] = []
    for key, one in list(table(told, "locations").items())[:8]:
        source = str(child(one, "source"))
        place = loose.place(one, typed=key == "user" or source == "SOURCE_REGISTRY")
        if place is not None:
            found.append(place)
    return found


def _second_version(document: Object) -> Message:
    problems: list[str] = []
    metadata = table(document, "metadata")
    factor, bandwidth = loose.data_rate(child(metadata, "data_rate"))
    written = child(document, "payload_raw")
    payload = b"" if written is None else loose.payload(written, first="base64")
    if payload is None:
        problems.append("payload_raw: is no payload in base64")
    return Message(
        kind="uplink" if "counter" in document or "payload_raw" in document or "metadata" in document else "other",
        eui=loose.eui(child(document, "hardware_serial")),
        name=loose.text(child(document, "dev_id")),
        application=loose.text(child(document, "app_id")),
        at_ns=loose.time_told(child(metadata, "time"), problems, "metadata.time"),
        f_port=loose.integer(child(document, "port"), 0, 255),
        f_cnt=loose.integer(child(document, "counter"), 0, 2**32 - 1),
        payload=payload,
        decoded=child(document, "payload_fields") or None,
        gateways=loose.best_first(loose.gateways(child(metadata, "gateways"), ("gtw_id", "gateway_id"))),
        spreading_factor=factor,
        bandwidth_khz=bandwidth,
        frequency_mhz=loose.frequency_mhz(child(metadata, "frequency")),
        problems=tuple(problems),
    )
