"""Which network server speaks: told by the configuration, or by the shape of its messages."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from plumbline.dialects.document import FieldError, Json, decode
from plumbline.dialects.lorawan import chirpstack, loriot, thingpark, things_stack
from plumbline.dialects.lorawan.message import Message

Server = Literal["auto", "chirpstack", "things_stack", "loriot", "thingpark"]

_PARSERS: Final[Mapping[str, Callable[[Json], Message | None]]] = {
    "things_stack": things_stack.parse,
    "thingpark": thingpark.parse,
    "loriot": loriot.parse,
    "chirpstack": chirpstack.parse,
}
#: Messages in one document (ThingPark may send several as a list).
_MOST: Final = 256


def messages(payload: bytes, server: Server) -> Iterator[Message]:
    """What a document says. Raises `FieldError` where it is nothing of a network server's, saying what it looks like."""
    if payload.lstrip()[:1] == b"<":
        raise FieldError("is XML; set the document type to JSON at the network server (ThingPark: 'JSON' in the AS profile)")
    try:
        document = decode(payload)
    except FieldError as error:
        raise FieldError(f"{error}; set the network server's integration to JSON (ChirpStack: not protobuf)") from None
    documents = document if isinstance(document, list) else [document]
    if not documents:
        return
    if len(documents) > _MOST:
        raise FieldError(f"{len(documents)} messages in one, at most {_MOST} are read")
    parsers = list(_PARSERS.values()) if server == "auto" else [_PARSERS[server]]
    for one in documents:
        found = next((message for parse in parsers if (message := parse(one)) is not None), None)
        if found is None:
            asked = "ChirpStack, The Things Stack, LORIOT or ThingPark" if server == "auto" else server
            keys = ", ".join(str(key)[:24] for key in list(one)[:6]) if isinstance(one, dict) else type(one).__name__
            raise FieldError(f"is no message of {asked} (it has: {keys or 'nothing'}); check the topic and 'server'")
        yield found
