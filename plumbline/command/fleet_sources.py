"""What the broker's retained messages tell of gateways: for a technician, who needs nothing but its URL."""

import contextlib
import secrets
from typing import Final

import structlog

from plumbline import codec, fleet, topics
from plumbline.address import Address
from plumbline.command.fleet_view import Known
from plumbline.delivery import Presence
from plumbline.errors import CodecError
from plumbline.fleet import DesiredConfig, GatewayStatus, ReportedConfig
from plumbline.mqtt import Connection, Message, Version
from plumbline.patience import Patience

_log = structlog.get_logger(__name__)

#: After so long without a retained message the broker has told what it retains.
_QUIET_S: Final = 0.4
#: It may take so many times as long to begin.
_BEGINS_AFTER: Final = 5
#: Thousands of gateways over a weak link.
_AT_MOST_S: Final = 60.0

Place = tuple[str, str]


class Fleet:
    """What the broker told, by site and gateway."""

    def __init__(self, site: str | None = None) -> None:
        self._site = site
        self.known: dict[Place, Known] = {}
        self.reported: dict[Place, ReportedConfig] = {}
        self.desired: dict[Place, DesiredConfig] = {}

    def take(self, topic: str, payload: bytes) -> None:
        """Learn from one message; what cannot be read is logged and changes nothing."""
        place = topics.parse(topic)
        if place is None or not payload or (self._site is not None and place.site != self._site):
            return
        key = place.site, place.gateway
        known = self.known.setdefault(key, Known(*key))
        try:
            match place.leaf:
                case "presence":
                    self._presence(known, codec.decode_presence(payload))
                case "status":
                    self._status(known, fleet.decode(payload, GatewayStatus))
                case "reported":
                    said = self.reported[key] = fleet.decode(payload, ReportedConfig)
                    known.version, known.seen, known.state = said.version, said.seen, said.state
                    known.reason = said.mistakes[0] if said.mistakes else said.reason
                case "desired":
                    wanted = self.desired[key] = fleet.decode(payload, DesiredConfig)
                    known.desired = wanted.version
                case _:
                    return
        except CodecError as error:
            _log.warning("fleet.unreadable", topic=topic, error=str(error), check="the versions of agent and this command")

    @staticmethod
    def _presence(known: Known, said: Presence) -> None:
        known.online, known.since = said.online, said.at
        known.agent = said.agent or known.agent
        if said.online or known.last_seen is None:
            known.last_seen = max(said.at, known.last_seen or 0)

    @staticmethod
    def _status(known: Known, said: GatewayStatus) -> None:
        known.values, known.readers, known.texts = said.values, said.readers, said.texts
        known.agent = said.texts.get("agent", known.agent)
        known.last_seen = max(said.at, known.last_seen or 0)


def connection(broker: str, version: Version) -> Connection:
    """A connection of ours. Raises `SettingsError` for what is no broker's URL."""
    return Connection(
        address=Address.parse(broker), client_id=f"plumbline-fleet-{secrets.token_hex(4)}", version=version, inbound=1000
    )


async def listen(link: Connection, filters: tuple[str, ...], seen: Fleet) -> None:
    """Subscribe, and return when the broker has told what it retains. Raises `MqttError`."""
    for one in filters:
        await link.subscribe(one)
    with contextlib.suppress(TimeoutError):
        async with Patience(_AT_MOST_S):
            heard, quiet = False, 0
            while quiet < (1 if heard else _BEGINS_AFTER):
                more = await _hears_more(link, seen)
                heard, quiet = heard or more, 0 if more else quiet + 1


async def _hears_more(link: Connection, seen: Fleet) -> bool:
    """Listen for a while; whether anything came that was retained. What is said just now goes on for ever."""
    retained = False
    with contextlib.suppress(TimeoutError):
        async with Patience(_QUIET_S):
            async for message in link.messages():
                take(seen, message)
                retained |= message.retain
    await link.ping()  # the silence may be ours, who stood still, or the network's
    for message in await link.take(link.waiting) if link.waiting else ():
        take(seen, message)
        retained |= message.retain
    return retained


def take(seen: Fleet, message: Message) -> None:
    """Learn from a message and let the broker forget it."""
    seen.take(message.topic, message.payload)
    message.ack()


async def from_broker(broker: str, version: Version, site: str | None) -> Fleet:
    """What the broker knows now."""
    seen = Fleet(site)
    async with connection(broker, version) as link:
        await listen(link, topics.all_of_fleet(), seen)
    return seen
