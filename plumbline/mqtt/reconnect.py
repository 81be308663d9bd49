"""Connected again and again."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from plumbline.backoff import CAP_S, FIRST_S, delay_s
from plumbline.errors import MqttError, first_of
from plumbline.mqtt.connection import Connection


async def keep_connected(
    make: Callable[[], Connection],
    session: Callable[[Connection], Awaitable[None]],
    *,
    on_failure: Callable[[MqttError, float], None],
    chance: Callable[[], float] = random.random,
    first_s: float = FIRST_S,
    cap_s: float = CAP_S,
) -> None:
    """Run `session` on a live connection, and again on a new one whenever it fails with `MqttError`, until it returns.

    `on_failure(error, wait_s)` is told of each failure and how long the next try waits: exponential with jitter, and back
    to the start once a connection has held for `cap_s`.
    """
    loop = asyncio.get_running_loop()
    attempt = 0
    while True:
        since = loop.time()
        failure: MqttError | None = None
        try:
            async with make() as connection:
                await session(connection)
        except* MqttError as group:
            failure = first_of(group)
        if failure is None:
            return
        attempt = 1 if loop.time() - since > cap_s else attempt + 1
        wait_s = delay_s(attempt, chance, first_s=first_s, cap_s=cap_s)
        on_failure(failure, wait_s)
        await asyncio.sleep(wait_s)
