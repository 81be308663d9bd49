"""From a network server's message to what it says: the envelope always, the values where a codec is configured."""

from collections.abc import Generator, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from plumbline.dialects.declaration import Declaration
from plumbline.dialects.document import FieldError, Json
from plumbline.dialects.lorawan import envelope, servers
from plumbline.dialects.lorawan.codec import Codec, CodecError
from plumbline.dialects.lorawan.frames import Frames
from plumbline.dialects.lorawan.message import Message, Place
from plumbline.dialects.lorawan.settings import Kind, default_name, eui_name
from plumbline.dialects.lorawan.values import undeclared, wanted
from plumbline.dialects.mapping import events
from plumbline.dialects.memory import Memory
from plumbline.dialects.said import Said, Trouble
from plumbline.event import Event, Fix, Reading
from plumbline.profile import Metric
from plumbline.profile.lorawan import LorawanCodec

#: Undeclared numbers that one report names.
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """What is known of a kind of device: its codec, and where its values go."""

    profile: str
    declared: LorawanCodec
    codec: Codec
    measurement: str | None
    metrics: Mapping[str, Metric]
    paths: tuple[str, ...]


class Lorawan:
    """Reads the messages of LoRaWAN network servers (see `plumbline.dialects.Dialect`)."""

    def __init__(
        self,
        *,
        server: servers.Server,
        topics: tuple[str, ...],
        names: Mapping[str, str],
        kinds: tuple[tuple[Kind, Decoding], ...],
    ) -> None:
        self.filters = topics
        self._server: servers.Server = server
        self._names = names
        self._kinds = kinds
        self._frames = Frames()
        self._listed = frozenset(names.values())
        self._told: Memory[Hashable, bool] = Memory()
        self._owners: Memory[str, str] = Memory()
        self._places: Memory[str, Place] = Memory()

    @property
    def slow(self) -> bool:
        """Whether a maker's script may hang, or its process be slow to start (see `plumbline.dialects.Slow`)."""
        return any(decoding.declared.codec == "javascript" for _, decoding in self._kinds)

    def unkept(self, topic: str, payload: bytes) -> None:  # noqa: ARG002 # the message says whose it is
        """What the message said could not be kept (see `plumbline.dialects.Patient`)."""
        with suppress(FieldError):
            for message in servers.messages(payload, self._server):
                self._places.forget(_identity(message))
                if message.kind == "uplink":
                    self._frames.forget(_identity(message), message)

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:  # noqa: ARG002 # the message says whose it is
        """What a message says: positions, the envelope, the values."""
        found = servers.messages(payload, self._server)
        while True:
            try:
                message = next(found)
            except StopIteration:
                return
            except FieldError as error:
                yield Trouble("", str(error))
                return
            yield from self._message(message)

    def _message(self, message: Message) -> Iterator[Said | Trouble]:
        if message.kind == "other":
            return
        device = yield from self._name(message)
        for problem in message.problems:
            yield Trouble(device or "", problem, lost=message.kind != "failure")
        if device is None or message.kind == "failure":
            return
        if message.kind == "join":
            self._frames.forget(_identity(message))
            return
        if message.kind == "uplink" and not self._frames.take(_identity(message), message):
            return
        yield from self._said(device, message)

    def _said(self, device: str, message: Message) -> Iterator[Said | Trouble]:
        yield from self._places_of(device, message)
        reading = envelope.reading(message)
        if reading is not None:
            yield Said(device, reading, message.at_ns, envelope.METRICS)
        if message.kind == "uplink":
            yield from self._values(device, message)

    def _name(self, message: Message) -> Generator[Trouble, None, str | None]:
        """The device's name here (returned), `None` where the message tells no device."""
        listed = self._names.get(message.eui or "") or self._names.get(message.name or "")
        if listed is not None:
            return listed
        name = default_name(message)
        if name is None:
            if message.kind != "failure":
                yield Trouble("", "tells neither a DevEUI nor a device id that is a valid name; nothing of it is used")
            return None
        owner = self._owners.get(name) or _identity(message)
        self._owners.put(name, owner)
        if owner == _identity(message) and name not in self._listed:
            return name
        own = eui_name(message)
        if own is not None and own != name and self._told.first((name, message.eui), value=True):
            what = f"the network server calls it '{name}' like another device; it is {own} here: name it in 'names'"
            yield Trouble(own, what, lost=False)
        return own

    def _places_of(self, device: str, message: Message) -> Iterator[Said]:
        """Positions that were measured, and those that somebody typed where they are new."""
        for place in message.places:
            if place.typed and not self._places.first(_identity(message), place):
                continue
            yield Said(device, _fix(place), place.at_ns or message.at_ns)

    def _values(self, device: str, message: Message) -> Iterator[Said | Trouble]:
        decoding = next((decoding for kind, decoding in self._kinds if kind.fits(message, device)), None)
        if not message.payload and message.decoded is None and not message.normalized:
            return
        if decoding is None:
            if self._told.first((device, message.f_port), value=True):
                yield Trouble(device, _no_codec(message))
            return
        if decoding.declared.ports and message.f_port not in decoding.declared.ports:
            return
        if message.encrypted and decoding.declared.codec not in {"decoded", "normalized"}:
            if self._told.first((device, "encrypted"), value=True):
                yield Trouble(
                    device, "the payload is encrypted: give the network server the device's AppSKey, or let it join again"
                )
            return
        try:
            decoded = decoding.codec.decode(message)
        except CodecError as error:
            yield Trouble(device, f"profile '{decoding.profile}': {error}")
            return
        for warning in decoded.warnings:
            yield Trouble(device, f"profile '{decoding.profile}': {warning}", lost=False)
        for document in decoded.documents:
            yield from self._document(device, message, decoding, document)

    def _document(self, device: str, message: Message, decoding: Decoding, document: Json) -> Iterator[Said | Trouble]:
        declared = decoding.declared
        numbers: Json = wanted(document, decoding.paths, declared.words)
        declaration = Declaration(
            topic="",
            device=device,
            device_level=0,
            measurement=None,
            metrics={},
            state=declared.state,
            check_in=declared.check_in,
            fix=None,
        )
        measured = replace(
            declaration, state=None, check_in=None, fix=declared.fix, measurement=decoding.measurement, metrics=decoding.metrics
        )
        for found in (*events(declaration, document), *events(measured, numbers)):
            if isinstance(found, FieldError):
                yield Trouble(device, str(found))
            else:
                yield Said(device, found, message.at_ns, decoding.metrics if found.func is Reading else None)
        if declared.codec != "fields":
            others = undeclared(document, decoding.paths, declared.ignore)
            new = [path for path in others if self._told.first((decoding.profile, path), value=True)]
            if new:
                more = f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
                yield Trouble(
                    device,
                    f"profile '{decoding.profile}' takes no value from {', '.join(new[:_SHOWN])}{more}; "
                    "declare metrics with these paths, or list them under 'lorawan.ignore' (told once)",
                    lost=False,
                )


def _identity(message: Message) -> str:
    return message.eui or f"id {message.name}"


def _fix(place: Place) -> partial[Event]:
    return partial(
        Fix,
        lat=place.lat,
        lon=place.lon,
        alt_m=place.alt_m,
        accuracy_m=place.accuracy_m,
        mode=2 if place.alt_m is None else 3,
    )


def _no_codec(message: Message) -> str:
    shown = (message.payload or b"").hex()
    what = f"payload {shown[:128]}{'…' if len(shown) > 128 else ''} on port {message.f_port} has no codec"
    if message.encrypted:
        return f"{what}, and is encrypted"
    there = " (the network server has decoded it: a profile with codec 'decoded' takes its values)" if message.decoded else ""
    return (
        f"{what}: configure a codec in a device profile and name it under 'kinds'{there} (told once for each device and port)"
    )
