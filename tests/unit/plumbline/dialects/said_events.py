"""What a dialect made of a message, completed and read back as ingest would."""

import json
from collections.abc import Iterable

from plumbline import codec
from plumbline.dialects import Dialect, Said, Trouble
from plumbline.event import ClockReading

HEADER = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "site": "s",
    "gateway": "g",
    "at": 1,
    "clock": ClockReading(quality="ntp", boot="b", mono=1),
    "epoch": "e",
    "seq": 1,
}


def fields_of(said: Said) -> dict:
    """The event's fields as the codec writes them, with the device and, where it was told, the time."""
    event = codec.decode_event(codec.encode(said.event(device=said.device, **HEADER)))
    fields = {key: value for key, value in json.loads(codec.encode(event)).items() if key not in HEADER}
    return fields if said.at_ns is None else {**fields, "at_ns": said.at_ns}


def hear(dialect: Dialect, topic: str, what: object) -> tuple[list[dict], list[str]]:
    """The events of one message, and the troubles as `device: what`."""
    payload = what if isinstance(what, bytes) else json.dumps(what).encode()
    return sort(dialect.read(topic, payload))


def sort(found: Iterable[Said | Trouble]) -> tuple[list[dict], list[str]]:
    """Events and troubles apart."""
    events, troubles = [], []
    for one in found:
        if isinstance(one, Trouble):
            troubles.append(f"{one.device}: {one.what}")
        else:
            events.append(fields_of(one))
    return events, troubles


def values_of(events: list[dict]) -> dict[str, float]:
    """All values of all readings."""
    return {name: value for event in events for name, value in event.get("values", {}).items()}
