"""Actility ThingPark's documents (LRC-AS Tunnel Interface, JSON): `DevEUI_uplink`, `DevEUI_location` and the others.

`LrrLAT`/`LrrLON` is where the best *gateway* stands, and `CustomerData.loc` what its owner typed: neither is the device.
"""

from dataclasses import replace
from typing import Final

from plumbline.dialects.document import FieldError, Json, decode
from plumbline.dialects.lorawan import loose
from plumbline.dialects.lorawan.loose import Object, child, table
from plumbline.dialects.lorawan.message import Battery, Gateway, Message

_PREFIX: Final = "DevEUI_"


def parse(document: Json) -> Message | None:
    """What a document says; `None`: it is none of ThingPark's."""
    name = next((key for key in document if key.startswith(_PREFIX)), None) if isinstance(document, dict) else None
    if name is None:
        return None
    told = table(document, name)
    problems: list[str] = []
    eui = loose.eui(child(told, "DevEUI"))
    if eui is None:
        problems.append(f"{name}.DevEUI: is no EUI of 16 hexadecimal digits")
    if name == "DevEUI_uplink":
        return _named(_uplink(told, eui, child(document, "payload", "decoded"), problems), told)
    if name == "DevEUI_location":
        place = loose.place(told)
        at_ns = loose.time_told(child(told, "DevLocTime", "Time"), problems, f"{name}.DevLocTime")
        places = (place,) if place else ()
        return _named(Message(kind="location", eui=eui, at_ns=at_ns, places=places, problems=tuple(problems)), told)
    if name == "DevEUI_notification" and "join" in str(child(told, "Type")).lower():
        return Message(kind="join", eui=eui, problems=tuple(problems))
    return Message(kind="other", eui=eui)


def _uplink(told: Object, eui: str | None, beside: Json, problems: list[str]) -> Message:
    written = child(told, "payload_hex")
    payload = b"" if written is None else loose.payload(written, first="hex")
    if payload is None:
        problems.append("payload_hex: is no payload in hexadecimal digits")
    return Message(
        kind="uplink",
        eui=eui,
        at_ns=loose.time_told(child(told, "Time"), problems, "Time"),
        session=loose.text(child(told, "DevAddr")),
        f_port=loose.integer(child(told, "FPort"), 0, 255),
        f_cnt=loose.integer(child(told, "FCntUp"), 0, 2**32 - 1),
        payload=payload,
        encrypted=loose.truth(child(told, "payload_encryption", "payloadEncryption")) is True,
        decoded=child(told, "payload", "decoded") or beside or None,
        gateways=loose.best_first(_gateways(told)),
        spreading_factor=loose.spreading_factor(child(told, "SpFact")),
        frequency_mhz=loose.frequency_mhz(child(told, "Frequency")),
        battery=_battery(told),
        problems=tuple(problems),
    )


def _named(message: Message, told: Object) -> Message:
    """With what the customer and the driver say of the device; the customer's data may be a text of JSON."""
    customer = child(told, "CustomerData")
    if isinstance(customer, str):
        try:
            customer = decode(customer.encode())
        except (FieldError, UnicodeEncodeError):
            customer = None  # free text, which is allowed
    driver = table(told, "DriverCfg")
    told_types = (
        child(table(driver, "mod"), "mId"),
        child(table(driver, "app"), "mId"),
        child(table(customer, "alr"), "pro"),
    )
    types = tuple(dict.fromkeys(found for one in told_types if (found := loose.text(one)) is not None))
    name, application = loose.text(child(customer, "name")), loose.text(child(told, "CustomerID"))
    return replace(message, name=name, application=application, types=types)


def _gateways(told: Object) -> list[Gateway]:
    """All that heard it. The position is of the one that heard it best (`Lrrid`)."""
    heard = loose.gateways(child(child(told, "Lrrs"), "Lrr"), ("Lrrid",), ("LrrSNR",), ("LrrRSSI",))
    best = Gateway(
        id=loose.named_eui(child(told, "Lrrid")),
        rssi_dbm=loose.decibel(child(told, "LrrRSSI")),
        snr_db=loose.decibel(child(told, "LrrSNR")),
        place=loose.place(told),
    )
    rest = [one for one in heard if one.id is None or one.id != best.id]
    if best.rssi_dbm is None and best.snr_db is None:
        return heard
    return [best, *rest]


def _battery(told: Object) -> Battery:
    level = child(told, "BatteryLevel")
    return Battery(
        percent=loose.battery_percent(level),
        external=True if loose.integer(level, 0, 0) == 0 else None,
        margin_db=loose.decibel(child(told, "Margin")),
    )
