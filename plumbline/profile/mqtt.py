"""Where in a device's JSON its state, a check-in or a position stand, and under which topic it is published."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class StateFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a machine's state stands in its JSON. Paths have dots between levels."""

    state: str = "state"
    words: dict[str, Literal["off", "idle", "working", "fault"]] = {}
    """The machine's own words or numbers (as text) → ours; ours need no entry."""
    code: str = "code"
    """Its fault code, if it gives one."""


class CheckInFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a check-in stands in a badge reader's JSON. Paths have dots between levels."""

    person: str = "person"
    place: str = "place"
    fixed_place: str | None = None
    """The place of a reader that does not say where it hangs; then `place` is not looked at."""
    direction: str = "direction"
    words: dict[str, Literal["in", "out"]] = {}
    """The reader's own words or numbers (as text) → ours; ours need no entry."""
    fixed_direction: Literal["in", "out"] | None = None
    """The direction of a reader at a one-way gate; then `direction` is not looked at."""
    role: str = "role"
    method: Literal["badge", "qr", "gps", "manual"] = "badge"


class FixFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a position stands in a tracker's JSON. Paths have dots between levels; all but the first two may be absent."""

    lat: str = "lat"
    lon: str = "lon"
    accuracy_m: str = "accuracy_m"
    alt_m: str = "alt_m"
    speed_mps: str = "speed_mps"
    course_deg: str = "course_deg"


class MqttShape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where on the gateway's broker the device publishes its JSON."""

    topic: str
    """Filter, for example `devices/+/environment`."""
    device_level: Annotated[int, Meta(ge=0)] = 1
    """Which level of the topic (from 0) names the device."""
    state: StateFields | None = None
    check_in: CheckInFields | None = None
    fix: FixFields | None = None
