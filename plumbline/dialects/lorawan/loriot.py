"""LORIOT's application output (`cmd`: `rx` one gateway, `gw` all that heard the frame; the others are not uplinks)."""

from typing import Final

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan import loose
from plumbline.dialects.lorawan.loose import Object, child
from plumbline.dialects.lorawan.message import Battery, Gateway, Message

_UPLINKS: Final = frozenset({"rx", "gw", "rxd"})


def parse(document: Json) -> Message | None:
    """What a message says; `None`: it is none of LORIOT's."""
    if not isinstance(document, dict) or not isinstance(command := document.get("cmd"), str):
        return None
    if "EUI" not in document and "eui" not in document:
        # The answer to a command of our own kind of client: it is LORIOT's, and about no device.
        return Message(kind="other") if command in {"cq", "tx", "txd", "mcast"} else None
    eui = loose.eui(child(document, "EUI", "eui"))
    problems = [] if eui else ["EUI: is no EUI of 16 hexadecimal digits"]
    name = loose.text(child(document, "devname", "title", "name"))
    at_ns = loose.time_told(child(document, "ts", "time"), problems, "ts")
    if command not in _UPLINKS:
        kind = "join" if command.startswith("join") else "other"
        return Message(kind=kind, eui=eui, name=name, at_ns=at_ns, problems=tuple(problems) if kind == "join" else ())
    factor, bandwidth = loose.data_rate(child(document, "dr"))
    decoded = child(document, "decoded", "decodedPayload", "payload_fields")
    inner = child(decoded, "data")
    return Message(
        kind="uplink",
        eui=eui,
        name=name,
        application=loose.text(child(document, "appid", "APPID")),
        at_ns=at_ns,
        session=loose.text(child(document, "devaddr")),
        f_port=loose.integer(child(document, "port"), 0, 255),
        f_cnt=loose.integer(child(document, "fcnt"), 0, 2**32 - 1),
        payload=_payload(document, problems),
        encrypted=child(document, "data") is None and child(document, "encdata") is not None,
        decoded=(inner if isinstance(inner, dict) else decoded) or None,
        gateways=loose.best_first(_gateways(document)),
        spreading_factor=factor,
        bandwidth_khz=bandwidth,
        frequency_mhz=loose.frequency_mhz(child(document, "freq")),
        battery=_battery(child(document, "bat")),
        problems=tuple(problems),
    )


def _payload(document: Object, problems: list[str]) -> bytes | None:
    told = child(document, "data", "encdata")
    if told is None:
        return None
    found = loose.payload(told, first="hex")
    if found is None:
        problems.append("data: is no payload in hexadecimal digits")
    return found


def _gateways(document: Object) -> list[Gateway]:
    heard = loose.gateways(child(document, "gws"), ("gweui", "gwid"))
    alone = Gateway(
        id=loose.named_eui(child(document, "gweui")),
        rssi_dbm=loose.decibel(child(document, "rssi")),
        snr_db=loose.decibel(child(document, "snr")),
    )
    return heard or ([alone] if alone != Gateway() else [])


def _battery(told: Json) -> Battery:
    external = loose.integer(told, 0, 0) == 0
    return Battery(percent=loose.battery_percent(told), external=True if external else None)
