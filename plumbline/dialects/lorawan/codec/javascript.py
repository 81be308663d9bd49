"""The maker's own script: LoRa Alliance TS013 (`decodeUplink`), The Things Network v2 (`Decoder`), ChirpStack v3 (`Decode`)."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan.codec.contract import CodecError, Decoded
from plumbline.dialects.lorawan.codec.engine import Engine
from plumbline.dialects.lorawan.message import Message

#: After this many failures in a row on a port the script rests for as many payloads of it as it has failed on, at most 256:
#: one that is cut off each time must not hold up the other devices.
_PATIENCE: Final = 3
_LONGEST_REST: Final = 256


class JavaScript:
    """Decodes by a script (see `Codec`)."""

    def __init__(self, source: str, variables: Mapping[str, str], engine: Engine) -> None:
        self._source = source
        self._variables = dict(variables)
        self._engine = engine
        self._failed: OrderedDict[int | None, int] = OrderedDict()
        self._rests: dict[int | None, int] = {}

    def decode(self, message: Message) -> Decoded:
        """What the script makes of the payload."""
        port = message.f_port
        if self._rests.get(port, 0) > 0:
            self._rests[port] -= 1
            raise CodecError(
                f"the script was cut off {self._failed[port]} times in a row on port {port}, and rests; is it the right one?"
            )
        call = {
            "bytes": list(message.payload or b""),
            "fPort": port,
            "recvTime": None if message.at_ns is None else message.at_ns // 10**6,
            "variables": self._variables,
        }
        try:
            told = self._engine.call(self._source, call)
        except CodecError as error:
            if "cut off" in str(error):
                self._failed[port] = failed = self._failed.get(port, 0) + 1
                self._rests[port] = min(failed, _LONGEST_REST) if failed >= _PATIENCE else 0
            raise
        self._failed.pop(port, None)
        return _understood(told)


def _understood(told: Json) -> Decoded:
    form, answer = (told.get("form"), told.get("answer")) if isinstance(told, dict) else (None, None)
    if form is None:
        raise CodecError("the script has no decodeUplink(input), Decode(fPort, bytes, variables) or Decoder(bytes, port)")
    if not isinstance(answer, dict):
        raise CodecError(f"the script's {form} gave {type(answer).__name__} instead of an object")
    if form != "decodeUplink":
        return Decoded((answer,))
    errors = _texts(answer.get("errors"))
    if errors:
        raise CodecError(f"the script reports: {'; '.join(errors)}")
    data = answer.get("data")
    if not isinstance(data, dict):
        raise CodecError("the script's decodeUplink gave no 'data'")
    return Decoded((data,), tuple(f"the script remarks: {one}" for one in _texts(answer.get("warnings"))))


def _texts(told: Json) -> list[str]:
    """What is in a list of texts (or is one itself), at most 8 of 200 characters."""
    if not told:
        return []
    return [str(one)[:200] for one in (told[:8] if isinstance(told, list) else [told])]
