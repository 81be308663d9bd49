"""What is known of each gateway right now: presence from the broker, last word and data from the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import case, func
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.upsert import Insert, insert_into, insert_of, larger
from plumbline.delivery import Presence
from plumbline.inbox import gateway
from plumbline.prepared import Prepared

Place = tuple[str, str]
"""Site and gateway."""
_AGENT_CHARACTERS: Final = 64


@dataclass(slots=True)
class Heard:
    """What a commit learnt of a gateway."""

    data_until: int | None = None
    """ns, the newest event time committed."""
    health: bytes | None = None
    """The newest health event as JSON."""


async def say_presence(connection: AsyncConnection, presence: Presence, now: int) -> None:
    """Record a birth, a will or a goodbye.

    Every worker applies every word in the broker's order, so that whoever writes last writes the last word. A will carries
    the time of its connection's birth: a gateway that went away is offline since the later of that and of its last data.
    """
    statement = insert_into(connection, gateway).values(
        site=presence.site,
        gateway=presence.gateway,
        online=presence.online,
        since=presence.at,
        last_seen=now if presence.online else presence.at,
        agent=presence.agent and presence.agent[:_AGENT_CHARACTERS].replace("\0", "\ufffd"),
    )
    new, old = statement.excluded, gateway.c
    since = new.since if presence.online else larger(new.since, old.last_seen)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["site", "gateway"],
            set_={
                "online": new.online,
                "since": case((old.online == new.online, old.since), else_=since),
                "last_seen": larger(new.last_seen, old.last_seen),
                "agent": func.coalesce(new.agent, old.agent),
            },
        )
    )


async def hear(connection: AsyncConnection, heard: Mapping[Place, Heard], now: int) -> None:
    """Record that data came from gateways; one never heard of counts as online until the broker says otherwise."""
    rows = [(*place, True, now, now, what.data_until, what.health) for place, what in sorted(heard.items())]
    await _NEWS.write(connection, rows)


def _news(postgresql: bool) -> Insert:
    statement = insert_of(gateway, postgresql=postgresql)
    new, old = statement.excluded, gateway.c
    newest = case(
        (new.data_until.is_(None), old.data_until),
        (old.data_until.is_(None), new.data_until),
        else_=larger(new.data_until, old.data_until),
    )
    return statement.on_conflict_do_update(
        index_elements=["site", "gateway"],
        set_={
            "last_seen": larger(new.last_seen, old.last_seen),
            "data_until": newest,
            "health": func.coalesce(new.health, old.health),
        },
    )


_NEWS: Final = Prepared(_news, "site", "gateway", "online", "since", "last_seen", "data_until", "health")
