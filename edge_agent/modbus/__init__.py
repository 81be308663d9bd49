"""Modbus without a line: what registers mean, and which to read together. Pure; `edge_agent.readers.modbus` asks devices.

    Register ──point_of──► Point ──blocks──► Block (one request) ──► contents ──value_of──► number, text or None

Errors: `RegisterError`, contents that cannot be a value of their type (no decimal digits in a BCD register).
"""

from edge_agent.modbus.blocks import Block, Limits, blocks, parts
from edge_agent.modbus.point import Contents, Point, place_of, point_of
from edge_agent.modbus.value import RegisterError, value_of

__all__ = [
    "Block",
    "Contents",
    "Limits",
    "Point",
    "RegisterError",
    "blocks",
    "parts",
    "place_of",
    "point_of",
    "value_of",
]
