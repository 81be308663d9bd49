"""The position daemon gpsd, which holds receivers that would otherwise be ours to open."""

import asyncio
import contextlib
from typing import Any, Final

import msgspec

from edge_agent.discovery.seen import Seen
from plumbline.patience import Patience

_PORT: Final = 2947
_LONGEST_LINE: Final = 65_536


async def find(host: str, patience_s: float, port: int = _PORT) -> list[Seen]:
    """Ask gpsd at `host` which receivers it has; nothing where none answers."""
    where = f"{host}:{port}"
    lines: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, TimeoutError, asyncio.LimitOverrunError, ValueError):
        async with Patience(min(patience_s, 3.0)):
            stream, writer = await asyncio.open_connection(host, port, limit=_LONGEST_LINE)
            try:
                writer.write(b"?DEVICES;\n")
                while not any(line.get("class") == "DEVICES" for line in lines):
                    line = await stream.readline()
                    if not line:
                        break
                    lines.append(msgspec.json.decode(line, type=dict[str, Any]))
            finally:
                writer.close()
    if not any(line.get("class") == "VERSION" for line in lines):
        return []
    paths = [str(one.get("path")) for line in lines if line.get("class") == "DEVICES" for one in line.get("devices", [])]
    has = ", ".join(paths) or "no receiver yet"
    todo = "" if paths else "give it a receiver: gpsdctl add /dev/…"
    return [Seen(where, f"gpsd with {has}", "certain", {"type": "gpsd", "name": "gpsd", "address": where}, todo)]
