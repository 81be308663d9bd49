"""What is known of a site, as policies see it, and what a policy makes of it: the words between the log and the milestones.

An observation is kept once, in the table of its kind; it *touches* needs. A policy *needs* some. The engine evaluates every
milestone whose needs were touched, over all facts of these needs: so late, repeated and corrected observations need no rule
of their own. All times are UTC nanoseconds, observation time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from plumbline.text import Text

NeedKind = Literal["line", "machine", "place", "metric", "check", "role"]


class Need(NamedTuple):
    """What a policy counts on, and what an observation touches.

    `key` by kind: `line`: the line's id; `machine`: `<site>/<device>`; `place`: `<site>/<zone>`; `metric`:
    `<site>/<device>/<metric>`; `check`: `<order>/<check>`; `role`: `<milestone id>/<role>`.
    """

    kind: NeedKind
    key: str


class Arrival(NamedTuple):
    """Some of a line that came, or went back (a negative quantity)."""

    at: int
    id: str
    """Of the event or the office act."""
    line: str
    piece: str
    """What arrived, as an identity within the line: of several scans of a piece the earliest counts."""
    quantity: Decimal
    certified: bool = True
    """Its certificate is there, or none is asked for."""
    certified_at: int = 0
    """When the certificate came, where that was after the material: it counts from then."""


class Stated(NamedTuple):
    """A machine said what it does."""

    at: int
    id: str
    state: Literal["off", "idle", "working", "fault"]
    gateway: str


class Visit(NamedTuple):
    """A machine or a person was in a zone, as geofences found.

    `until` of a visit that goes on is the newest fix: so far it is proved. `None`: it stands there by the site file.
    """

    since: int
    until: int | None
    zone: str
    subject: str
    """The device."""
    id: str
    """Of the fix that proves it."""
    gateway: str = ""
    """Through which its fixes came: while it is there, that is known as far as this gateway has told."""


class CheckedIn(NamedTuple):
    """A person came to a place or left it."""

    at: int
    id: str
    person: str
    place: str
    direction: Literal["in", "out"]
    role: str | None


class Minute(NamedTuple):
    """A metric over one minute."""

    at: int
    """The minute's start."""
    low: float
    high: float
    mean: float
    readings: int
    """How many it was made of."""


class Inspected(NamedTuple):
    """A point of the inspection and test plan was checked."""

    at: int
    id: str
    check: str
    result: Literal["passed", "failed", "conditional"]
    person: str | None
    photo: str | None
    """SHA-256 of the picture."""


class SignedOff(NamedTuple):
    """Somebody signed a milestone off, or took that back."""

    at: int
    id: str
    role: str
    person: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the needs of some milestones. Sequences are in no order and may hold what does not matter."""

    now: int
    arrivals: Mapping[str, Sequence[Arrival]] = field(default_factory=dict[str, Sequence[Arrival]])
    """By line."""
    expected: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """By line: how much of it the order asks for."""
    states: Mapping[str, Sequence[Stated]] = field(default_factory=dict[str, Sequence[Stated]])
    """By machine, key of the need."""
    visits: Mapping[str, Sequence[Visit]] = field(default_factory=dict[str, Sequence[Visit]])
    """By machine, key of the need."""
    check_ins: Mapping[str, Sequence[CheckedIn]] = field(default_factory=dict[str, Sequence[CheckedIn]])
    """By place, key of the need."""
    minutes: Mapping[str, Sequence[Minute]] = field(default_factory=dict[str, Sequence[Minute]])
    """By metric, key of the need."""
    inspections: Mapping[str, Sequence[Inspected]] = field(default_factory=dict[str, Sequence[Inspected]])
    """By check, key of the need."""
    sign_offs: Mapping[str, Sequence[SignedOff]] = field(default_factory=dict[str, Sequence[SignedOff]])
    """By role, key of the need."""
    known_until: Mapping[str, int] = field(default_factory=dict[str, int])
    """By gateway (`<site>/<gateway>`): behind this nothing is known of what it saw; `""`: the least of the site's."""


class Evidence(NamedTuple):
    """One thing that counts, in words."""

    at: int
    id: str
    """Of the event or the office act: what it opens to."""
    text: Text
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a policy makes of the facts."""

    percent: Decimal
    """0 to 100, rounded down to hundredths: 100 means done."""
    done_at: int | None
    """Observation time at which it was complete; `None`: it is not."""
    why: Text
    """The sentence: what is there and what is missing."""
    evidence: tuple[Evidence, ...] = ()
    """Exactly what counts, by time."""
    wake_at: int | None = None
    """When time alone may change it (a duration that runs, a date); `None`: never."""
    parts: tuple["Result", ...] = ()
    """Of a composed policy, in its order."""
