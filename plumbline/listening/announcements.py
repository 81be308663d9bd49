"""What a broker retained of announcements, read with a session that leaves no trace there."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

from plumbline.address import Address
from plumbline.dialects import Announced
from plumbline.dialects.topic_filter import matches
from plumbline.listening.entry import Entry
from plumbline.mqtt import Connection, Version

#: A broker sends what it retained at once; after this much silence it is asked whether there is more.
_QUIET_S: Final = 0.5
_MOST_ANNOUNCEMENTS: Final = 10_000


async def learn(address: Address, version: Version, entries: Sequence[Entry], max_bytes: int) -> None:
    """Let those dialects that have announcements hear what is retained of them. Raises `MqttError`.

    Messages of more than `max_bytes` are passed over. What is said comes again with the subscription, and is reported then.
    """
    learning = [(entry, entry.dialect.announcements) for entry in entries if isinstance(entry.dialect, Announced)]
    wanted = list(dict.fromkeys(one for _, filters in learning for one in filters))
    if not wanted:
        return
    async with Connection(address=address, client_id=f"learn-{secrets.token_hex(4)}", version=version) as connection:
        for one in wanted:
            await connection.subscribe(one, qos=0)
        for _ in range(_MOST_ANNOUNCEMENTS):
            try:
                async with asyncio.timeout(_QUIET_S):
                    message = await anext(connection.messages())
            except TimeoutError:
                await connection.ping()  # the silence may be ours, who stood still, or the network's
                if not connection.waiting:
                    return  # the broker has told all it kept
                continue
            message.ack()
            if len(message.payload) > max_bytes:
                continue
            for entry, filters in learning:
                if any(matches(one, message.topic) for one in filters):
                    await entry.hear(message.topic, message.payload)
