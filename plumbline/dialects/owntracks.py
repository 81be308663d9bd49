"""Phones with OwnTracks: where people are, and when they come to a place and leave it.

    owntracks/<user>/<device>         positions (`location`), and a last word when the connection breaks (`lwt`)
    owntracks/<user>/<device>/event   a region was entered or left (`transition`)

A phone that was without a network sends what it kept, in any order: every message has its own time.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Final, Literal

from msgspec import Meta, field

from plumbline.dialects.document import FieldError, Json, decode, number, shown, text
from plumbline.dialects.family import Family, FamilySettings, Value
from plumbline.dialects.mapping import fixes
from plumbline.dialects.naming import joined
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.told_time import told_ns
from plumbline.dialects.topic_filter import is_filter, matches
from plumbline.errors import SettingsError
from plumbline.event import CheckIn, Event
from plumbline.profile import DeviceProfile, FixFields

__all__ = ["OwnTracks", "Settings", "build"]

_Text = Annotated[str, Meta(min_length=1, max_length=256)]
_FIELDS: Final = FixFields(accuracy_m="acc", alt_m="alt", speed_mps="speed_mps", course_deg="cog")
_DIRECTIONS: Final[Mapping[str, Literal["in", "out"]]] = {"enter": "in", "leave": "out"}
#: What the app says about itself, its settings and its regions.
_BESIDE: Final = frozenset(
    {"waypoint", "waypoints", "card", "cmd", "configuration", "steps", "status", "dump", "request", "beacon", "export"}
)
_KMH: Final = 3.6


class Settings(FamilySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phones with OwnTracks. `names` takes `user/device`."""

    base_topic: str = "owntracks"
    """What stands before user and device."""
    persons: dict[str, _Text] = field(default_factory=dict[str, _Text])
    """User of the broker → person as the plan names them; else the user."""
    places: dict[str, _Text] = field(default_factory=dict[str, _Text])
    """Region as the phones name it → zone or gate; else the region."""


class OwnTracks:
    """Reads what OwnTracks publishes (see `plumbline.dialects.Dialect`). Raises `SettingsError` for a wrong `base_topic`."""

    def __init__(self, settings: Settings) -> None:
        base = settings.base_topic.strip("/")
        self.filters = (f"{base}/+/+", f"{base}/+/+/event")
        if not base or set(base) & {"+", "#"} or not is_filter(base):
            raise SettingsError(f"base_topic: '{settings.base_topic}' is not a topic; write for example 'owntracks'")
        self._depth = base.count("/") + 1
        self._settings = settings
        self._family = Family(settings, "device")

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        if not payload or not any(matches(one, topic) for one in self.filters):
            return
        user, phone = topic.split("/")[self._depth : self._depth + 2]
        names = joined(user, phone), f"{user}/{phone}"
        device = self._family.namer.name(*names)
        yield from self._family.named(*names)
        try:
            document = decode(payload)
        except FieldError as error:
            yield Trouble(device, str(error))
            return
        kind = document.get("_type") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(kind, str):
            yield Trouble(device, "is no message of OwnTracks: it has no '_type'")
        elif kind == "encrypted":
            yield Trouble(device, "is encrypted; empty the encryption key in the app, and let TLS protect the connection")
        elif kind == "lwt":
            yield Trouble(device, "is offline; check its network and that the app may run in the background", lost=False)
        elif kind in {"location", "transition"}:
            yield from self._timed(kind, device, user, document)
        elif kind not in _BESIDE:
            yield Trouble(device, f"'_type' {shown(kind)} is not known; passed over", lost=False)

    def _timed(self, kind: str, device: str, user: str, document: dict[str, Json]) -> Iterator[Said | Trouble]:
        try:
            at_ns = told_ns(document.get("tst"), "unix_s")
        except FieldError as error:
            yield Trouble(device, f"tst: {error}")
            return
        if at_ns is None:
            yield Trouble(device, "tst: is missing: nobody knows when this was")
        elif kind == "location":
            yield from self._location(device, document, at_ns)
        else:
            try:
                yield Said(device, self._check_in(user, document), at_ns)
            except FieldError as error:
                yield Trouble(device, str(error))

    def _location(self, device: str, document: dict[str, Json], at_ns: int) -> Iterator[Said | Trouble]:
        known: dict[str, Json] = {key: value for key, value in document.items() if not _negative(key, value)}
        try:
            speed = number(known, "vel")
            known["speed_mps"] = None if speed is None else speed / _KMH
        except FieldError as error:
            yield Trouble(device, str(error))
        for found in fixes(_FIELDS, known):
            yield Trouble(device, str(found)) if isinstance(found, FieldError) else Said(device, found, at_ns)
        yield from self._family.read(device, [Value("batt", known.get("batt"), "battery")], at_ns)

    def _check_in(self, user: str, document: dict[str, Json]) -> partial[Event]:
        event, region = text(document, "event"), text(document, "desc")
        direction = _DIRECTIONS.get(event or "")
        if direction is None:
            raise FieldError(f"event: {shown(event)} is neither enter nor leave")
        if region is None:
            raise FieldError("desc: is missing: the region has no name; give it one in the app")
        person = self._settings.persons.get(user, user)
        if not 0 < len(person) <= 256:
            raise FieldError(f"the user's name has {len(person)} characters, at most 256 are kept; declare it under 'persons'")
        place = self._settings.places.get(region, region)
        return partial(CheckIn, person=person, place=place, direction=direction, method="gps")


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> OwnTracks:  # noqa: ARG001 - the words are built in
    """Make the dialect. Raises `SettingsError`."""
    return OwnTracks(settings)


def _negative(key: str, value: Json) -> bool:
    """Below zero is how phones say that they do not know speed, course, accuracy or battery."""
    return key in {"vel", "cog", "acc", "batt"} and isinstance(value, int | float) and value < 0
