"""A made company: orders with lines, milestones of several sorts and people who are told, and what its sites scan."""

import random
from collections.abc import Iterator
from typing import Any, Final

from plumbline.codec import encode
from plumbline.event import CheckIn, ClockReading, Event, Scan, State, kind_of
from plumbline.ids import new_event_id
from plumbline.site import Device, SiteFile, Zone

SITE: Final = "bench"
#: How many pieces of a line an order asks for.
QUANTITY: Final = 400
LINES: Final = 5
_SECOND: Final = 1_000_000_000
_CLOCK: Final = ClockReading(quality="ntp", boot="bench", mono=1)
_RING: Final = ((121.499, 31.199), (121.501, 31.199), (121.501, 31.201), (121.499, 31.201))

ground: Final = SiteFile(
    id=SITE,
    title_en="Bench",
    title_zh="测试工地",
    timezone="Asia/Shanghai",
    lat=31.2,
    lon=121.5,
    zones=(Zone(id="gate", title_en="Gate", title_zh="大门", kind="gate", polygon=_RING),),
    devices=(Device(id="scanner-1", title_en="Scanner", title_zh="扫描枪", kind="scanner", zone="gate"),),
)
SITES: Final = {SITE: ground}


def order(number: int, *, lines: int = LINES, quantity: int = QUANTITY) -> dict[str, Any]:
    """An order document."""
    material = {"material_arrived": {"lines": "all"}}
    half = {"material_arrived": {"lines": ["1"], "ratio": "0.5"}}
    signed = {"signed_off": {"role": "engineer"}}
    policies = {"first": half, "all": material, "accepted": {"all_of": [material, signed]}}
    return {
        "number": name(number),
        "site": SITE,
        "title": {"en": f"Order {number}", "zh": f"订单 {number}"},
        "lines": [
            {"line": str(line), "title": {"en": f"Part {line}", "zh": f"构件 {line}"}, "unit": "pcs", "quantity": quantity}
            for line in range(1, lines + 1)
        ],
        "milestones": [
            {"key": key, "title": {"en": key, "zh": key}, "policy": policy, "due": "2030-01-01T00:00:00Z"}
            for key, policy in policies.items()
        ],
        "notify": [{"name": "PM", "email": "pm@example.org", "language": "en"}],
    }


def name(number: int) -> str:
    """An order's number."""
    return f"B-{number}"


def events(count: int, *, orders: int, start: int, seed: int = 7) -> Iterator[Event]:
    """So many observations: nine of ten are scans of new pieces, seen again now and then; the others are people and machines."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    for place in range(count):
        at = start + place * _SECOND // 10
        kind = dice.random()
        if kind < 0.9:
            yield scan(dice.randrange(orders), dice.randrange(1, LINES + 1), dice.randrange(QUANTITY), at=at)
        elif kind < 0.95:
            header = _header(at, f"badge-{dice.randrange(20)}")
            direction = dice.choice(("in", "out"))
            yield CheckIn(person=f"p{dice.randrange(300)}", place="gate", method="badge", direction=direction, **header)
        else:
            state = dice.choice(("off", "idle", "working"))
            yield State(state=state, **_header(at, f"crane-{dice.randrange(40)}"))


def scan(number: int, line: int, piece: int, *, at: int) -> Scan:
    """A scan of a piece's label."""
    text = f"PL1:{name(number)}/{line}/{piece}"
    return Scan(raw=text.encode(), text=text, **_header(at, "scanner-1"))


def row(event: Event, *, received_at: int, processed_at: int | None = None) -> dict[str, Any]:
    """An inbox row as ingest writes it."""
    return {
        "event_id": event.id,
        "site": event.site,
        "gateway": event.gateway,
        "device": event.device,
        "kind": kind_of(event),
        "at": event.at,
        "received_at": received_at,
        "body": encode(event),
        "processed_at": processed_at,
        "projected": True,
    }


def _header(at: int, device: str) -> dict[str, Any]:
    return {
        "id": new_event_id(at),
        "site": SITE,
        "gateway": "gw-1",
        "device": device,
        "at": at,
        "clock": _CLOCK,
        "epoch": "e1",
        "seq": 1,
    }
