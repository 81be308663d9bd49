"""Payloads that the network server has decoded itself."""

from typing import Literal

from plumbline.dialects.lorawan.codec.contract import CodecError, Decoded
from plumbline.dialects.lorawan.message import Message


class ByServer:
    """Takes what the network server decoded or normalised (see `Codec`)."""

    def __init__(self, which: Literal["decoded", "normalized"]) -> None:
        self._which = which

    def decode(self, message: Message) -> Decoded:
        """What the server put beside the payload."""
        by_decoder = () if message.decoded is None else (message.decoded,)
        documents = message.normalized if self._which == "normalized" else by_decoder
        if not documents:
            shown = (message.payload or b"").hex()
            raise CodecError(
                f"the network server put no {self._which} values beside {shown} on port {message.f_port}; "
                "set up the device's codec there, or a codec in the profile"
            )
        return Decoded(documents)
