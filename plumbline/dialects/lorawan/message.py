"""What a LoRaWAN network server says, whichever it is: one form for all of them."""

from dataclasses import dataclass
from typing import Literal

from plumbline.dialects.document import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position on Earth (WGS 84, degrees)."""

    lat: float
    lon: float
    alt_m: float | None = None
    accuracy_m: float | None = None
    typed: bool = False
    """A person entered it; nobody measured it."""
    at_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A LoRaWAN gateway that heard a frame."""

    id: str | None = None
    """Its EUI in lower case, or the name that the network server gives it."""
    rssi_dbm: float | None = None
    snr_db: float | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """What a device told about its power (LoRaWAN L2 1.0.4, section 5.5, DevStatusAns)."""

    percent: float | None = None
    external: bool | None = None
    margin_db: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a network server."""

    kind: Literal["uplink", "join", "status", "location", "failure", "other"]
    eui: str | None = None
    """The DevEUI: 16 hexadecimal digits in lower case."""
    name: str | None = None
    """What the network server calls the device."""
    application: str | None = None
    types: tuple[str, ...] = ()
    """What the network server knows of the kind of device: its device profile, model, maker."""
    at_ns: int | None = None
    frame: str | None = None
    """What the network server numbers the frame by (ChirpStack's deduplication id)."""
    session: str | None = None
    """Which activation of the device it belongs to, where told: counters begin again with each."""
    f_port: int | None = None
    f_cnt: int | None = None
    payload: bytes | None = None
    encrypted: bool = False
    """The payload is for somebody who has the application's key."""
    decoded: Json = None
    normalized: tuple[Json, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    """Best heard first."""
    spreading_factor: int | None = None
    bandwidth_khz: float | None = None
    frequency_mhz: float | None = None
    battery: Battery = Battery()
    places: tuple[Place, ...] = ()
    problems: tuple[str, ...] = ()
    """What in the message could not be used."""
