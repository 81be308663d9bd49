"""What else says where something is: a scan of its tag, a badge at a gate. And whether its own fixes can be true as well."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from plumbline.event import CheckIn, Event, Scan
from plumbline.linking import identify
from plumbline.site import Device, SiteFile
from plumbline.text import visible
from tracking_service.geofence.stay import Seen

_SECOND: Final = 1_000_000_000
#: Fixes further from the claim than this say nothing of it (ns).
WINDOW_NS: Final = 900 * _SECOND
#: So many fixes on either side are asked: one that is wrong by itself contradicts nobody.
ASKED: Final = 2
#: Nothing here is faster between two places (metres per second: 90 km/h).
_SPEED_MPS: Final = 25.0
#: Nearer than this to a zone is no contradiction: a label is carried, a badge is lent over a fence (metres).
NEAR_M: Final = 300.0
#: Fixes that agree again so long after resolve a contradiction (ns).
AGREES_NS: Final = 12 * 3600 * _SECOND


class Claim(NamedTuple):
    """Something with a tracker of its own was seen by somebody else."""

    event_id: str
    device: str
    """Whose fixes must agree."""
    site: str
    at: int
    kind: Literal["scan", "check_in"]
    source: str
    """The device that saw it."""
    zone: str
    """Where; empty: where the source is by its own fixes."""
    text: str


class Contradicted(NamedTuple):
    """The fix that a claim cannot be true with."""

    fix: Seen
    distance_m: float
    resolved: Seen | None
    """A later fix that agrees again."""


def claims_of(event: Event, site: SiteFile) -> Iterator[Claim]:
    """What an event claims of things and people with a tracker of their own."""
    if isinstance(event, Scan):
        zone = _zone_of(event.device, site)
        for device in _owners(site, _codes_of(event)):
            if device.id != event.device:
                yield Claim(event.id, device.id, site.id, event.at, "scan", event.device, zone, visible(event.text))
        holder = _owners(site, (event.person,), people=True) if event.person else ()
        for device in holder:
            if device.id != event.device:
                yield Claim(event.id, device.id, site.id, event.at, "scan", event.device, zone, visible(event.person or ""))
    elif isinstance(event, CheckIn):
        zone = event.place if event.place in site.zones_by_id else _zone_of(event.device, site)
        for device in _owners(site, (event.person,), people=True):
            if zone or device.id != event.device:
                yield Claim(event.id, device.id, site.id, event.at, "check_in", event.device, zone, visible(event.person))


def _codes_of(scan: Scan) -> Sequence[str | None]:
    """What a tracker's code may be in a scan; only GS1 elements hold an SSCC or a serial number."""
    if scan.gs1 is None:
        return (scan.text,)
    identity = identify(scan.text, scan.gs1)
    return scan.text, identity.sscc, identity.serial


def _zone_of(device: str, site: SiteFile) -> str:
    known = site.devices_by_id.get(device)
    return known.zone if known is not None and known.zone is not None else ""


def _owners(site: SiteFile, codes: Sequence[str | None], *, people: bool = False) -> Sequence[Device]:
    """The devices that carry one of these codes, or whose name it is, and that may move."""
    asked = dict.fromkeys(code for code in codes if code)
    found = {device.id: device for code in asked for device in site.devices_by_code.get(code, ())}
    return [device for device in found.values() if device.zone is None and (device.kind == "person" or not people)]


def judge(at: int, around: Sequence[Seen], later: Sequence[Seen], distance: Callable[[Seen], float]) -> Contradicted | None:
    """Whether what was seen at a time contradicts the fixes nearest to it.

    Args:
        at: of the claim.
        around: the fixes of the device within `WINDOW_NS`, at most `ASKED` on either side.
        later: its fixes after `at`, in order, up to `AGREES_NS` later.
        distance: metres from a fix to where it was seen; 0 inside.

    Every fix is taken as near as its accuracy (three sigma) and the time between allow. `None`: at least one agrees, or there
    is none to ask.
    """
    if not around or any(_agrees(fix, at, distance) for fix in around):
        return None
    nearest = min(around, key=lambda fix: (abs(fix.at - at), fix.at, fix.id))
    back = next((fix for fix in later if fix.at > nearest.at and _near(fix, distance)), None)
    return Contradicted(nearest, distance(nearest), back)


def _agrees(fix: Seen, at: int, distance: Callable[[Seen], float]) -> bool:
    return distance(fix) - 3 * fix.sigma - _SPEED_MPS * abs(fix.at - at) / _SECOND <= NEAR_M


def _near(fix: Seen, distance: Callable[[Seen], float]) -> bool:
    return distance(fix) - 3 * fix.sigma <= NEAR_M


def from_point(point: Seen) -> Callable[[Seen], float]:
    """Distance from where another device was, as near as its accuracy allows."""
    return lambda fix: max(0.0, math.hypot(fix.east - point.east, fix.north - point.north) - 3 * point.sigma)
