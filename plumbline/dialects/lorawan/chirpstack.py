"""ChirpStack's events (integration.proto of its v4 and v3 API, as JSON), and the JSON of gateways with such a server built in.

v3 has two JSON forms: its own with EUIs as hex, and protobuf's with EUIs as base64 and the decoded object as a text.
"""

from typing import Final, Literal

from plumbline.dialects.document import FieldError, Json, decode
from plumbline.dialects.lorawan import loose
from plumbline.dialects.lorawan.loose import Object, child, table
from plumbline.dialects.lorawan.message import Battery, Message

_Kind = Literal["uplink", "join", "status", "location", "failure", "other"]
#: What an event is: it has one of the first names and none of the second. The first that fits counts.
_KINDS: Final[tuple[tuple[_Kind, frozenset[str], frozenset[str]], ...]] = (
    (
        "other",
        frozenset({"acknowledged", "queueItemId", "downlinkId", "downlinkID", "integrationName", "eventType"}),
        frozenset(),
    ),
    ("other", frozenset({"gatewayId", "gatewayID"}), frozenset({"rxInfo", "data"})),
    ("failure", frozenset({"error"}), frozenset()),
    ("location", frozenset({"location"}), frozenset({"rxInfo", "data"})),
    ("status", frozenset({"margin", "batteryLevel", "externalPowerSource"}), frozenset({"rxInfo", "data"})),
    ("uplink", frozenset({"fCnt", "fPort", "data", "phyPayload", "object", "objectJSON"}), frozenset()),
    ("join", frozenset({"devAddr"}), frozenset()),
    ("uplink", frozenset({"rxInfo", "txInfo"}), frozenset()),
)


def parse(document: Json) -> Message | None:
    """What an event says; `None`: it is none of ChirpStack's."""
    if not isinstance(document, dict):
        return None
    info = table(document, "deviceInfo")
    flat = "devEUI" in document or "devEui" in document
    if not info and not flat:
        return None
    kind = _kind(document)
    problems: list[str] = []
    eui_told = child(info or document, "devEui", "devEUI")
    eui = loose.eui(eui_told)
    if eui is None:
        problems.append("devEui: is no EUI of 16 hexadecimal digits")
    heard = loose.gateways(child(document, "rxInfo"), ("gatewayId", "gatewayID", "mac"), ("snr", "loRaSNR", "lora_snr"))
    factor, bandwidth, frequency = _radio(child(document, "txInfo"))
    return Message(
        kind=kind,
        eui=eui,
        name=loose.text(child(info or document, "deviceName")),
        application=loose.text(child(info or document, "applicationName")),
        types=_texts(info or document, "deviceProfileName"),
        at_ns=_time(document, problems),
        frame=loose.text(child(document, "deduplicationId")),
        session=loose.text(child(document, "devAddr")),
        f_port=loose.integer(child(document, "fPort"), 0, 255),
        f_cnt=loose.integer(child(document, "fCnt"), 0, 2**32 - 1),
        payload=_payload(document, problems) if kind == "uplink" else None,
        encrypted=bool(table(document, "joinServerContext")),
        decoded=_decoded(document, problems),
        gateways=loose.best_first(heard),
        spreading_factor=factor,
        bandwidth_khz=bandwidth,
        frequency_mhz=frequency,
        battery=_battery(document),
        places=tuple(one for one in (loose.place(child(document, "location")),) if one and kind == "location"),
        problems=tuple(problems) + _failure(document, kind),
    )


def _kind(document: Object) -> _Kind:
    if "level" in document and ("code" in document or "description" in document):
        if loose.text(document["level"]) in {"ERROR", "2"}:
            return "failure"
        return "other"
    for kind, one_of, none_of in _KINDS:
        if one_of & document.keys() and not none_of & document.keys():
            return kind
    return "other"


def _failure(document: Object, kind: str) -> tuple[str, ...]:
    if kind != "failure":
        return ()
    code = loose.text(child(document, "code", "type")) or "error"
    said = loose.text(child(document, "description", "error")) or "without a description"
    return (f"the network server reports {code}: {said}",)


def _time(document: Object, problems: list[str]) -> int | None:
    """The server's time; only where it told none, the time of a gateway that heard the frame."""
    told = child(document, "time", "publishedAt", "timestamp")
    if told is not None:
        return loose.time_told(told, problems, "time")
    for one in loose.tables(child(document, "rxInfo")):
        for key in ("nsTime", "gwTime", "time"):
            found = loose.time_ns(child(one, key))
            if found is not None:
                return found
    return None


def _payload(document: Object, problems: list[str]) -> bytes | None:
    told = child(document, "data", "payload")
    if told is None:
        return None
    written = "hex" if str(child(document, "data_encode", "dataEncode")).lower().startswith("hex") else "base64"
    found = loose.payload(told, first=written)
    if found is None:
        problems.append("data: is no payload in base64")
    return found


def _decoded(document: Object, problems: list[str]) -> Json:
    told = child(document, "object", "objectJSON", "decoded")
    if isinstance(told, str):
        try:
            return decode(told.encode()) if told.strip() else None
        except (FieldError, UnicodeEncodeError) as error:
            problems.append(f"objectJSON: {error}")
            return None
    return told or None


def _radio(told: Json) -> tuple[int | None, float | None, float | None]:
    """Spreading factor, bandwidth and frequency: v4 has them in `modulation.lora`, v3 in `loRaModulationInfo` or `dataRate`."""
    lora = table(child(told, "modulation"), "lora") or table(told, "loRaModulationInfo", "dataRate")
    factor = loose.spreading_factor(child(lora, "spreadingFactor", "spreadFactor"))
    bandwidth = loose.bandwidth_khz(child(lora, "bandwidth"))
    if factor is None:
        factor, bandwidth = loose.data_rate(child(told, "datr", "dataRate"))
    return factor, bandwidth, loose.frequency_mhz(child(told, "frequency", "freq"))


def _battery(document: Object) -> Battery:
    external = loose.truth(child(document, "externalPowerSource"))
    unknown = external or loose.truth(child(document, "batteryLevelUnavailable"))
    percent = loose.percent(child(document, "batteryLevel"))
    if percent is None and "batteryLevel" not in document:
        percent = loose.battery_percent(child(document, "battery"))
    return Battery(
        percent=None if unknown else percent,
        external=external,
        margin_db=loose.decibel(child(document, "margin")),
    )


def _texts(told: Json, *keys: str) -> tuple[str, ...]:
    return tuple(found for key in keys if (found := loose.text(child(told, key))) is not None)
