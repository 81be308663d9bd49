"""What devices say on a broker: listened to for a while, sorted by the dialects that understand it."""

import contextlib
import re
import secrets
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from edge_agent.discovery.seen import Seen
from plumbline.address import Address
from plumbline.dialects import DIALECTS, Dialect, Said, make
from plumbline.dialects.document import FieldError, Json, decode, shown
from plumbline.dialects.topic_filter import matches
from plumbline.errors import MqttError, SettingsError, first_of
from plumbline.mqtt import Connection, Message
from plumbline.patience import Patience

#: A client that publishes under invented topics does not fill the memory.
_MOST_TOPICS: Final = 2000
_MOST_BYTES: Final = 65_536
_MOST_LOOKS: Final = 200
_SHOWN: Final = 6
#: As many as ESPHome's settings take.
_MOST_PREFIXES: Final = 64
#: How long a broker may take to send what it still had to say when the time was over.
_LAST_S: Final = 5.0
_NODE: Final = re.compile(r"(?!zigbee2mqtt/|homeassistant/)(.+)/(?:sensor|binary_sensor|switch|number|text_sensor)/[^/]+/state")


@dataclass(slots=True)
class _Heard:
    """What one dialect understood."""

    devices: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    where: str = ""
    """A topic filter on which it was spoken."""


async def listen(url: str, patience_s: float) -> list[Seen]:
    """Listen to all that is published, and what was kept from before, without disturbing any session. Changes nothing."""
    address = Address.parse(url)
    messages: dict[str, bytes] = {}
    client_id = f"plumbline-look-{secrets.token_hex(4)}"
    try:
        async with Connection(address=address, client_id=client_id, connect_timeout_s=min(5.0, patience_s + 1)) as connection:
            await connection.subscribe("#", qos=0)
            with contextlib.suppress(TimeoutError):
                async with Patience(patience_s):
                    async for message in connection.messages():
                        _remember(messages, message)
            with contextlib.suppress(TimeoutError):
                async with Patience(_LAST_S):
                    await connection.ping()  # what it had to say by now is here then, however slow the way
            if connection.waiting:
                for message in await connection.take(_MOST_TOPICS):
                    _remember(messages, message)
    except MqttError as error:
        return [Seen(str(address), f"no broker: {error}", "unknown", todo="install mosquitto, or name yours with --broker")]
    except BaseExceptionGroup as group:
        raise first_of(group) from group
    return _sorted(url, str(address), messages)


def _remember(messages: dict[str, bytes], message: Message) -> None:
    message.ack()
    if len(message.payload) <= _MOST_BYTES and (message.topic in messages or len(messages) < _MOST_TOPICS):
        messages[message.topic] = message.payload


def _sorted(url: str, where: str, messages: dict[str, bytes]) -> list[Seen]:
    found: list[Seen] = []
    left = {topic: payload for topic, payload in messages.items() if not topic.startswith("plumbline/")}
    entries: list[dict[str, Any]] = []
    for table, dialect in _dialects(left):
        heard = _Heard()
        for topic in [topic for topic in left if any(matches(one, topic) for one in dialect.filters)]:
            for one in dialect.read(topic, left.pop(topic)):
                if isinstance(one, Said):
                    heard.where = heard.where or next(each for each in dialect.filters if matches(each, topic))
                    heard.devices.setdefault(one.device, Counter())[one.event.func.__name__.lower()] += 1
        if heard.devices:
            entries.append(table)
            found.append(Seen(f"{where}: {heard.where}", f"{table['dialect']}: {_listed(heard)}", "certain"))
    left = {topic: payload for topic, payload in left.items() if not topic.startswith("homeassistant/")}  # about others
    for topic, payload in sorted(left.items())[:_SHOWN]:
        said = _described(payload)
        todo = "declare it: a [[reader.devices]] with topic, measurement and metrics" if said else ""
        said = said or f"{len(payload)} bytes that no dialect knows"
        found.append(Seen(f"{where}: {topic}", said, "guess" if todo else "unknown", todo=todo))
    if len(left) > _SHOWN:
        found.append(Seen(where, f"{len(left) - _SHOWN} more topics that no dialect knows", "unknown"))
    if entries:
        reader = {"type": "mqtt", "name": "site-devices", "broker": url, "devices": entries}
        found.insert(0, Seen(where, f"broker with {len(messages)} topics", "certain", reader))
    else:
        found.insert(0, Seen(where, f"broker, {len(messages)} topics, none of a dialect that is known", "certain"))
    return found


def _dialects(messages: Mapping[str, bytes]) -> Iterator[tuple[dict[str, Any], Dialect]]:
    """The entries that may be proposed: of each dialect that needs nothing declared, with the topics on which it is spoken."""
    for name in DIALECTS:
        table: dict[str, Any] = {"dialect": name}
        if name == "esphome":
            table["prefixes"] = _prefixes(messages)
        if name == "lorawan":
            table |= _uplinks(messages)
        with contextlib.suppress(SettingsError):
            yield table, make(table, {}, name)


def _prefixes(topics: Iterable[str]) -> list[str]:
    """Where ESPHome's nodes publish. Their usual filter would overlap with most others, so each node stands by its name."""
    found = {match[1] for match in map(_NODE.fullmatch, topics) if match}
    found = {re.sub(r"[^/]+\Z", "+", prefix) if "/" in prefix else prefix for prefix in found}
    return sorted(prefix for prefix in found if "$" not in prefix)[:_MOST_PREFIXES]


def _uplinks(messages: Mapping[str, bytes]) -> dict[str, Any]:
    """The topics of LoRaWAN network servers that publish where their owner told them to, beside the usual ones."""
    anywhere = make({"dialect": "lorawan", "topics": ["#"]}, {}, "lorawan")
    usual = make({"dialect": "lorawan"}, {}, "lorawan").filters
    spoken = [
        topic for topic, payload in messages.items() if any(isinstance(one, Said) for one in anywhere.read(topic, payload))
    ]
    own = sorted(topic for topic in spoken if not any(matches(one, topic) for one in usual))[:_MOST_PREFIXES]
    return {"topics": [*(usual if len(own) < len(spoken) else ()), *own]} if own else {}


def _listed(heard: _Heard) -> str:
    names = [f"{device} ({', '.join(sorted(kinds))})" for device, kinds in sorted(heard.devices.items())]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _described(payload: bytes) -> str:
    """What stands in a JSON document: its numbers by their paths, else its texts; empty where it is none."""
    try:
        document = decode(payload)
    except FieldError:
        return ""
    leaves = list(_leaves(document))
    if leaves and leaves[0][0] == "":
        return f"one value, such as {shown(str(leaves[0][1]))}"
    numbers = [path for path, value in leaves if isinstance(value, int | float) and not isinstance(value, bool)]
    paths = sorted(numbers or [path for path, _ in leaves])[:_SHOWN]
    return f"JSON with {', '.join(paths)}" if paths else ""


def _leaves(document: Json) -> Iterator[tuple[str, Json]]:
    """The first values in a JSON document, with their paths."""
    todo: deque[tuple[str, Json]] = deque([("", document)])
    for _ in range(_MOST_LOOKS):
        if not todo:
            return
        path, value = todo.popleft()
        if isinstance(value, dict):
            todo.extend((f"{path}.{key}" if path else key, inner) for key, inner in islice(value.items(), _MOST_LOOKS))
        elif not isinstance(value, list):
            yield path, value
