"""Look in every place at once."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.discovery import attached, gpsd, ports, topics
from edge_agent.discovery.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look."""

    brokers: Sequence[str] = ("mqtt://127.0.0.1:1883",)
    modbus: Sequence[str] = ()
    """`host:port` or serial ports where Modbus devices are asked for a register: the only place where something is sent."""
    gpsd: str = "127.0.0.1"
    gpsd_port: int = 2947
    dev: Path = Path("/dev")
    sys: Path = Path("/sys")


async def look_around(places: Places, patience_s: float) -> AsyncIterator[Seen]:
    """Give what is found as it is found. Sends nothing to any device, except to those of `places.modbus`."""
    looks: list[Coroutine[Any, Any, list[Seen]]] = [
        asyncio.to_thread(attached.keyboards, places.dev),
        asyncio.to_thread(attached.cameras, places.dev, places.sys),
        gpsd.find(places.gpsd, patience_s, places.gpsd_port),
    ]
    looks += [topics.listen(url, patience_s) for url in places.brokers]
    if places.modbus:
        from edge_agent.discovery import modbus  # noqa: PLC0415 - only who asks for it needs the package

        looks += [modbus.ask(where, patience_s) for where in places.modbus]
    asked = set(places.modbus)
    looks += [_port(port, product, patience_s) for port, product in ports.find(places.dev) if port not in asked]
    tasks = [asyncio.create_task(look, name=f"look-{i}") for i, look in enumerate(looks)]
    try:
        for done in asyncio.as_completed(tasks):
            for seen in await done:
                yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _port(port: str, product: str, patience_s: float) -> list[Seen]:
    return [await asyncio.to_thread(ports.look, port, product, patience_s)]
