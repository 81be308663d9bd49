"""What a dialect made of a message, completed and read back as ingest would."""

import json
from collections.abc import Callable, Iterable

from plumbline import codec
from plumbline.dialects import Dialect, Said, Trouble
from plumbline.event import ClockReading, Event

HEADER = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "site": "s",
    "gateway": "g",
    "at": 1,
    "clock": ClockReading(quality="ntp", boot="b", mono=1),
    "epoch": "e",
    "seq": 1,
}


def payload_of(what: object) -> bytes:
    """A message's bytes: `{"text": …}` as it stands, `{"hex": …}` as bytes, bytes as they are, everything else as JSON."""
    if isinstance(what, bytes):
        return what
    if isinstance(what, dict) and list(what) == ["text"]:
        return what["text"].encode()
    if isinstance(what, dict) and list(what) == ["hex"]:
        return bytes.fromhex(what["hex"])
    return json.dumps(what).encode()


def fields_of(said: Said) -> dict:
    """The event's fields as the codec writes them, with the device and, where it was told, the time."""
    return written(said.event, said.device, said.at_ns)


def written(event: Callable[..., Event], device: str, at_ns: int | None) -> dict:
    """The fields of an event that lacks its header, as the codec writes and reads them."""
    encoded = codec.encode(codec.decode_event(codec.encode(event(device=device, **HEADER))))
    fields = {key: value for key, value in json.loads(encoded).items() if key not in HEADER}
    return fields if at_ns is None else {**fields, "at_ns": at_ns}


def hear(dialect: Dialect, topic: str, what: object) -> tuple[list[dict], list[str]]:
    """The events of one message, and the troubles as `device: what`."""
    return sort(dialect.read(topic, payload_of(what)))


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
