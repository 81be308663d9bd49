"""The day at Harbour East, minute by minute: who scans what, what arrives short, when the yard's link breaks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from plumbline.demo.orders import FACADE, SERVICES, STEEL, Line, Order, gtin, piece_label

GS: Final = "\x1d"
"""FNC1 between GS1 elements of variable length."""

CREW: Final = ("chen-wei", "li-na", "wang-jun", "zhao-min", "sun-tao", "zhou-lin", "wu-hao", "xu-ping", "he-yan", "guo-feng")


@dataclass(frozen=True)
class Label:
    """A label is scanned with a serial scanner."""

    scanner: Literal["gate-scanner", "yard-scanner"]
    text: str


@dataclass(frozen=True)
class Photo:
    """The gate camera takes a picture of some labels."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Badge:
    """A person passes the turnstile."""

    person: str
    direction: Literal["in", "out"]


@dataclass(frozen=True)
class Machine:
    """A machine begins to work, idles, stops or fails."""

    machine: str
    state: Literal["off", "idle", "working", "fault"]


@dataclass(frozen=True)
class Link:
    """The yard gateway's link to the office goes down or comes back."""

    up: bool


Act = Label | Photo | Badge | Machine | Link


@dataclass(frozen=True, order=True)
class Moment:
    """Something happens at `minute` (of the day, 0 is midnight)."""

    minute: float
    act: Act


def day() -> tuple[Moment, ...]:
    """The whole day, in order."""
    moments = [*_crew(), *_machines(), *_deliveries(), *_outage()]
    return tuple(sorted(moments, key=lambda moment: moment.minute))


def _at(clock: str) -> float:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _crew() -> Iterator[Moment]:
    for i, person in enumerate(CREW):
        yield Moment(_at("06:35") + 4 * i, Badge(person, "in"))
        yield Moment(_at("17:05") + 3 * i, Badge(person, "out"))
    for person in CREW[6:8]:  # two fetch material over noon
        yield Moment(_at("12:05"), Badge(person, "out"))
        yield Moment(_at("12:50"), Badge(person, "in"))


def _machines() -> Iterator[Moment]:
    shifts = {"crane-1": "07:05", "crane-2": "07:30", "telehandler-1": "07:00", "excavator-1": "07:10"}
    for machine, begin in shifts.items():
        yield Moment(_at(begin), Machine(machine, "idle"))
        yield Moment(_at(begin) + 15, Machine(machine, "working"))
        yield Moment(_at("12:00"), Machine(machine, "idle"))
        yield Moment(_at("13:00"), Machine(machine, "working"))
        yield Moment(_at("17:10"), Machine(machine, "off"))
    yield Moment(_at("15:10"), Machine("crane-2", "fault"))
    yield Moment(_at("15:42"), Machine("crane-2", "working"))


def _deliveries() -> Iterator[Moment]:
    # 07:20: the first truck brings half of the columns, each with our own label; the gate camera reads them two at a time
    yield from _photos("07:20", STEEL, STEEL.lines[0], 1, 12)
    # 08:40: rebar, GS1-128 on each bundle, scanned in the yard
    yield from _bundles("08:40", STEEL.lines[1], 10, "yard-scanner")
    # 09:30: the other columns
    yield from _photos("09:30", STEEL, STEEL.lines[0], 13, 24)
    # 10:20: the sealant, and a box that nobody ordered
    yield from _bundles("10:20", FACADE.lines[1], 12, "gate-scanner")
    yield Moment(_at("10:34"), Label("gate-scanner", f"]C101{gtin(999)}10X-0001"))
    # 11:20: panels; 18 of 20 are on the trucks
    yield from _pieces("11:20", FACADE, FACADE.lines[0], 1, 9)
    yield from _pieces("13:10", FACADE, FACADE.lines[0], 10, 18)
    # 13:40: the rest of the rebar, while the yard's gateway is cut off
    yield from _bundles("13:40", STEEL.lines[1], 6, "yard-scanner", spacing=3)
    # 14:50: bolts on pallets with SSCC
    for i, (code, _) in enumerate(STEEL.lines[2].pallets):
        yield Moment(_at("14:50") + 4 * i, Label("gate-scanner", f"]C100{code}"))
    # 16:00: the first cable drums of tomorrow's order; one label is scanned twice
    for i, (code, _) in enumerate(SERVICES.lines[0].pallets[:3]):
        yield Moment(_at("16:00") + 5 * i, Label("gate-scanner", f"]C100{code}"))
    yield Moment(_at("16:18"), Label("gate-scanner", f"]C100{SERVICES.lines[0].pallets[2][0]}"))


def _outage() -> Iterator[Moment]:
    yield Moment(_at("13:25"), Link(up=False))
    yield Moment(_at("14:20"), Link(up=True))


def _photos(clock: str, order: Order, line: Line, first: int, last: int) -> Iterator[Moment]:
    for i, piece in enumerate(range(first, last + 1, 2)):
        labels = tuple(piece_label(order.number, line.line, n) for n in range(piece, min(piece + 1, last) + 1))
        yield Moment(_at(clock) + 2 * i, Photo(labels))


def _pieces(clock: str, order: Order, line: Line, first: int, last: int) -> Iterator[Moment]:
    for i, piece in enumerate(range(first, last + 1)):
        yield Moment(_at(clock) + 2 * i, Label("gate-scanner", f"]Q1{piece_label(order.number, line.line, piece)}"))


def _bundles(
    clock: str, line: Line, count: int, scanner: Literal["gate-scanner", "yard-scanner"], spacing: float = 2
) -> Iterator[Moment]:
    for i in range(count):
        serial = f"{clock.replace(':', '')}{i + 1:02d}"
        text = f"]C101{line.gtin}10{line.batch}{GS}21{serial}"
        yield Moment(_at(clock) + spacing * i, Label(scanner, text))
