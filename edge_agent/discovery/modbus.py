"""Modbus units behind a port or an address, found by asking each for one register: an answer, or a refusal of its own, tells that it lives."""

import logging
from typing import Any, Final, cast

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from edge_agent.discovery.seen import Seen

#: Units that are asked; behind a TCP address also 255, which means the device itself.
_UNITS: Final = tuple(range(1, 17))
#: Line settings that makers ship (Modbus over serial line V1.02, section 3.3: even parity; many leave it out).
_LINES: Final = ((9600, "N"), (9600, "E"), (19200, "E"), (19200, "N"), (38400, "N"))
_ANSWER_S: Final = 0.25
#: Refusals that only a unit itself can utter: illegal function, address or value (Modbus application protocol V1.1b3,
#: section 7). The others may be a gateway's words about a unit that is not there.
_ALIVE: Final = frozenset({0x01, 0x02, 0x03})
_MAKER: Final = 0x00
_PRODUCT: Final = 0x01


async def ask(where: str, patience_s: float) -> list[Seen]:
    """Ask at `where` (`host:port`, or a serial port) who is there. Reads only."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # silence is what we expect of most units
    if where.startswith("/"):
        for baudrate, parity in _LINES:
            client = AsyncModbusSerialClient(where, baudrate=baudrate, parity=parity, timeout=_ANSWER_S, retries=0)
            keys = {"port": where, "baudrate": baudrate, "parity": {"N": "none", "E": "even"}[parity]}
            if found := await _units(client, where, f"{baudrate} baud, parity {keys['parity']}", keys, _UNITS):
                return found
        return [
            Seen(
                where, "no Modbus unit 1 to 16 at the usual speeds", "unknown", todo="check A and B, the address and the speed"
            )
        ]
    host, _, port = where.partition(":")
    client = AsyncModbusTcpClient(host, port=int(port or 502), timeout=min(patience_s, 1.0), retries=0)
    found = await _units(client, where, "Modbus TCP", {"address": where}, (*_UNITS, 255))
    return found or [Seen(where, "nobody answers Modbus TCP", "unknown", todo="check address, port and network")]


async def _units(client: Any, where: str, how: str, keys: dict[str, Any], units: tuple[int, ...]) -> list[Seen]:
    answered: list[tuple[int, str]] = []
    try:
        if not await client.connect():
            return []
        for unit in units:
            try:
                answer = await client.read_holding_registers(0, count=1, device_id=unit)
            except ModbusException:  # silence; a refusal raises nothing
                if not client.connected and not await client.connect():
                    break
                continue
            if answer.isError() and getattr(answer, "exception_code", 0) not in _ALIVE:
                continue
            answered.append((unit, await _identity(client, unit)))
    finally:
        client.close()
    if not answered:
        return []
    said = ", ".join(f"unit {unit}{f' ({name})' if name else ''}" for unit, name in answered)
    if len(answered) == len(units) and len({name for _, name in answered}) == 1:
        said = f"one device{f' ({answered[0][1]})' if answered[0][1] else ''} that answers to every unit number"
        answered = answered[:1]
    slaves = [{"device": f"meter-{unit}", "unit": unit} for unit, _ in answered]
    reader = {"type": "modbus", "name": "modbus", **keys, "slaves": slaves}
    return [
        Seen(
            where,
            f"{how}: {said}",
            "certain",
            reader,
            "name each unit's profile, or declare its registers; see docs/readers/modbus.md",
        )
    ]


async def _identity(client: Any, unit: int) -> str:
    """Maker and product (function 43/14), where the unit knows the question."""
    try:
        answer = await client.read_device_information(read_code=1, object_id=0, device_id=unit)
    except ModbusException:
        return ""
    told = cast("dict[int, bytes]", getattr(answer, "information", None) or {})
    words = [told[key].decode("ascii", "replace").strip() for key in (_MAKER, _PRODUCT) if key in told]
    return " ".join(words)
