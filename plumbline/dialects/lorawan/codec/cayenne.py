"""Cayenne Low Power Payload: channel (1 byte), type (1 byte), value. Names are those of The Things Stack: `temperature_1`.

The types are IPSO Smart Object ids less 3200 (myDevices, 'Cayenne LPP 2.0'), and those that ElectronicCats added.
"""

from dataclasses import dataclass
from typing import Final

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan.codec.contract import CodecError, Decoded
from plumbline.dialects.lorawan.message import Message


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    width: int
    """Bytes of one number."""
    divisor: int = 1
    signed: bool = False
    parts: tuple[tuple[str, int], ...] = ()
    """Of a value of several numbers: name and divisor of each."""


_XYZ: Final = ("x", "y", "z")
_TYPES: Final = {
    0: _Type("digital_in", 1),
    1: _Type("digital_out", 1),
    2: _Type("analog_in", 2, 100, signed=True),
    3: _Type("analog_out", 2, 100, signed=True),
    100: _Type("generic", 4),
    101: _Type("luminosity", 2),
    102: _Type("presence", 1),
    103: _Type("temperature", 2, 10, signed=True),
    104: _Type("relative_humidity", 1, 2),
    113: _Type("accelerometer", 2, signed=True, parts=tuple((axis, 1000) for axis in _XYZ)),
    115: _Type("barometric_pressure", 2, 10),
    116: _Type("voltage", 2, 100),
    117: _Type("current", 2, 1000),
    118: _Type("frequency", 4),
    120: _Type("percentage", 1),
    121: _Type("altitude", 2, signed=True),
    122: _Type("load", 3, 1000, signed=True),
    125: _Type("concentration", 2),
    128: _Type("power", 2),
    130: _Type("distance", 4, 1000),
    131: _Type("energy", 4, 1000),
    132: _Type("direction", 2),
    133: _Type("unixtime", 4),
    134: _Type("gyrometer", 2, signed=True, parts=tuple((axis, 100) for axis in _XYZ)),
    135: _Type("colour", 1, parts=(("r", 1), ("g", 1), ("b", 1))),
    136: _Type("gps", 3, signed=True, parts=(("latitude", 10_000), ("longitude", 10_000), ("altitude", 100))),
    142: _Type("switch", 1),
}


class Cayenne:
    """Decodes Cayenne LPP (see `Codec`)."""

    def decode(self, message: Message) -> Decoded:
        """The values by `type_channel`. What follows a type that is not known cannot be found, and is left out with a warning."""
        payload = message.payload or b""
        found: dict[str, Json] = {}
        at = 0
        while at < len(payload):
            kind = _TYPES.get(payload[at + 1]) if at + 1 < len(payload) else None
            width = kind.width * max(1, len(kind.parts)) if kind else 0
            if kind is None or at + 2 + width > len(payload):
                what = f"at byte {at} of {payload.hex()} stands no value of Cayenne LPP; is this the device's format?"
                if not found:
                    raise CodecError(what)
                return Decoded((found,), (what,))
            raw = payload[at + 2 : at + 2 + width]
            found[f"{kind.name}_{payload[at]}"] = _value(kind, raw)
            at += 2 + width
        return Decoded((found,))


def _value(kind: _Type, raw: bytes) -> Json:
    numbers = [int.from_bytes(raw[i : i + kind.width], "big", signed=kind.signed) for i in range(0, len(raw), kind.width)]
    if not kind.parts:
        return numbers[0] if kind.divisor == 1 else numbers[0] / kind.divisor
    return {name: one / divisor for (name, divisor), one in zip(kind.parts, numbers, strict=True)}
