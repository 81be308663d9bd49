"""Devices that publish on the gateway's own broker, each family in its own dialect."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from edge_agent.reader import Context, Reader
from edge_agent.readers.mqtt.subscriber import MqttReader
from plumbline.address import Address
from plumbline.errors import SettingsError
from plumbline.listening import entry_of, same_messages
from plumbline.mqtt import Version

__all__ = ["Settings", "build"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A broker and what is published there."""

    broker: str = "mqtt://127.0.0.1:1883"
    """`mqtt://user:password@host:port`, `mqtts://…`, `ws://…`, `wss://…`."""
    version: Version = "5"
    """Of MQTT: `5`, or `3.1.1` for brokers that speak nothing newer."""
    client_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """Unique on the broker and never changed: the broker keeps messages under it. Default `plumbline-<name>`."""
    session_expiry_s: Annotated[int, Meta(ge=0, le=30 * 86400)] = 86400
    """How long the broker keeps messages for us while the agent is down."""
    max_bytes: Annotated[int, Meta(ge=64, le=16 * 1024 * 1024)] = 1024 * 1024
    """A larger message is reported and passed over."""
    devices: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1, max_length=256)]
    """One table for each device or family: `dialect` (default `declared`), `retained`, and what that dialect declares.

    `retained` is `ignore` (default) or `accept`: what the broker kept from before we listened is old, and comes again on
    each connection. Announcements (births, units, who is offline) are always heard."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader `name`; connects to nothing. Raises `SettingsError` naming the device's number and key."""
    entries = [entry_of(one, context.profiles, f"devices[{i}]") for i, one in enumerate(settings.devices)]
    for i, j, one, other in same_messages(entries):
        raise SettingsError(
            f"devices[{j}]: topic: '{other}' and '{one}' of devices[{i}] take the same messages, "
            "which would count twice; narrow one of them"
        )
    return MqttReader(
        name=name,
        address=Address.parse(settings.broker),
        version=settings.version,
        client_id=settings.client_id or f"plumbline-{name}",
        session_expiry_s=settings.session_expiry_s,
        max_bytes=settings.max_bytes,
        entries=entries,
        report=context.report,
    )
