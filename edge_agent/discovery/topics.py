"""What devices say on a broker: listened to for a while, sorted by the dialects that understand it."""

import asyncio
import contextlib
import secrets
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from edge_agent.discovery.seen import Seen
from plumbline.address import Address
from plumbline.dialects import DIALECTS, Dialect, Said, make
from plumbline.dialects.document import FieldError, Json, decode
from plumbline.dialects.topic_filter import matches
from plumbline.errors import MqttError, SettingsError, first_of
from plumbline.mqtt import Connection, Message

#: A client that publishes under invented topics does not fill the memory.
_MOST_TOPICS: Final = 2000
_MOST_BYTES: Final = 65_536
_MOST_LOOKS: Final = 200
_SHOWN: Final = 6


@dataclass(slots=True)
class _Heard:
    """What one dialect understood."""

    devices: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])


async def listen(url: str, patience_s: float) -> list[Seen]:
    """Listen to all that is published, and what was kept from before, without disturbing any session. Changes nothing."""
    address = Address.parse(url)
    messages: dict[str, bytes] = {}
    client_id = f"plumbline-look-{secrets.token_hex(4)}"
    try:
        async with Connection(address=address, client_id=client_id, connect_timeout_s=min(5.0, patience_s + 1)) as connection:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await connection.subscribe("#", qos=0)
                    async for message in connection.messages():
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
    for name, dialect in _dialects():
        heard = _Heard()
        for topic in [topic for topic in left if any(matches(one, topic) for one in dialect.filters)]:
            said = [one for one in dialect.read(topic, left[topic]) if isinstance(one, Said)]
            for one in said:
                heard.devices.setdefault(one.device, Counter())[one.event.func.__name__.lower()] += 1
            if said or name != "esphome":  # whose topics are so common that silence proves nothing
                del left[topic]
        if heard.devices:
            entries.append({"dialect": name})
            found.append(Seen(f"{where}: {dialect.filters[0]}", f"{name}: {_listed(heard)}", "certain"))
    for topic, payload in sorted(left.items())[:_SHOWN]:
        numbers = sorted(_numbers(payload))[:_SHOWN]
        said = f"JSON with {', '.join(numbers)}" if numbers else f"{len(payload)} bytes that no dialect knows"
        todo = "declare it: a [[reader.devices]] with topic, measurement and metrics" if numbers else ""
        found.append(Seen(f"{where}: {topic}", said, "guess" if numbers else "unknown", todo=todo))
    if len(left) > _SHOWN:
        found.append(Seen(where, f"{len(left) - _SHOWN} more topics that no dialect knows", "unknown"))
    if entries:
        reader = {"type": "mqtt", "name": "site-devices", "broker": url, "devices": entries}
        found.insert(0, Seen(where, f"broker with {len(messages)} topics", "certain", reader))
    else:
        found.insert(0, Seen(where, f"broker, {len(messages)} topics, none of a dialect that is known", "certain"))
    return found


def _dialects() -> Iterator[tuple[str, Dialect]]:
    """Those that need nothing declared."""
    for name in DIALECTS:
        with contextlib.suppress(SettingsError):
            yield name, make({"dialect": name}, {}, name)


def _listed(heard: _Heard) -> str:
    names = [f"{device} ({', '.join(sorted(kinds))})" for device, kinds in sorted(heard.devices.items())]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _numbers(payload: bytes) -> Iterator[str]:
    """The paths of the first numbers in a JSON document."""
    try:
        document = decode(payload)
    except FieldError:
        return
    todo: deque[tuple[str, Json]] = deque([("", document)])
    for _ in range(_MOST_LOOKS):
        if not todo:
            return
        path, value = todo.popleft()
        if isinstance(value, dict):
            todo.extend((f"{path}.{key}" if path else key, inner) for key, inner in islice(value.items(), _MOST_LOOKS))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path or "the whole payload"
