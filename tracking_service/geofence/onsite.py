"""Who and what is on site, and where: from check-ins and from visits together, everybody once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from plumbline.site import SiteFile
from plumbline.text import Text

_MINUTE: Final = 60_000_000_000
#: Who checked in longer ago is at home, whether the badge reader saw it or not (ns).
SHIFT_NS: Final = 16 * 60 * _MINUTE
#: A position that is older than this says where somebody was, not where somebody is (ns).
FRESH_NS: Final = 15 * _MINUTE
#: Who is no further than this from every zone is still on site (metres).
BESIDE_M: Final = 300.0

Known = Literal["here", "unknown"]


class Badge(NamedTuple):
    """Where a person last checked in or out."""

    person: str
    place: str
    direction: Literal["in", "out"]
    at: int


class Tracked(NamedTuple):
    """What the fixes of a device say now."""

    device: str
    at: int
    """Of the newest."""
    visits: Mapping[str, int]
    """The zones it is in, and since when."""
    beside: bool
    """It is in a zone, or near one."""


class Present(NamedTuple):
    """Somebody or something on site."""

    id: str
    title: Text
    zones: Sequence[str]
    """All that hold it, in the site file's order; a place that is no zone stands here too."""
    since: int
    seen_at: int
    by: Literal["gps", "check_in", "site_file"]
    state: Known
    """`unknown`: it was there when it was last heard of, and that is a while ago."""


def people(site: SiteFile, badges: Iterable[Badge], tracked: Iterable[Tracked], *, now: int) -> Sequence[Present]:
    """Everybody on site, by name. The newer of a person's badge and phone decides; a check-out holds until the phone comes back."""
    owners = {code: device.id for device in site.devices if device.kind == "person" for code in (device.id, *device.codes)}
    newest: dict[str, Badge] = {}
    for badge in sorted(badges, key=lambda one: one.at):
        newest[owners.get(badge.person, badge.person)] = badge
    phones = {one.device: one for one in tracked if _kind(site, one.device) == "person"}
    found = [_person(site, who, newest.get(who), phones.get(who), now) for who in sorted({*newest, *phones})]
    return [one for one in found if one is not None]


def machines(site: SiteFile, tracked: Iterable[Tracked], *, now: int) -> Sequence[Present]:
    """Every machine on site, by id: those with a tracker where it is, those without where the site file says they stand."""
    found = {one.device: _there(site, one, now) for one in tracked if _kind(site, one.device) == "machine"}
    for device in site.devices:
        if device.kind == "machine" and device.zone is not None and device.id not in found:
            title = Text(device.title_en, device.title_zh)
            found[device.id] = Present(device.id, title, [device.zone], 0, now, "site_file", "here")
    return [one for _, one in sorted(found.items()) if one is not None]


def by_zone(site: SiteFile, present: Iterable[Present]) -> Sequence[tuple[str, int]]:
    """How many are in each zone (every zone of the site, then other places); one inside of another counts in both."""
    counts = dict.fromkeys((zone.id for zone in site.zones), 0)
    for one in present:
        for zone in one.zones:
            counts[zone] = counts.get(zone, 0) + 1
    return list(counts.items())


def _person(site: SiteFile, who: str, badge: Badge | None, phone: Tracked | None, now: int) -> Present | None:
    if badge is not None and (badge.at <= now - SHIFT_NS or badge.at > now):
        badge = None
    if badge is not None and badge.direction == "out":
        came_back = phone is not None and any(since > badge.at for since in phone.visits.values())
        badge = None
        if not came_back:
            return None
    if phone is not None and (badge is None or phone.at > badge.at):
        there = _there(site, phone, now)
        if badge is None:
            return there
        if phone.at > now - FRESH_NS:
            return there._replace(since=min(there.since, badge.at)) if there is not None else None
    if badge is None:
        return None
    return Present(who, _title(site, who), [badge.place], badge.at, badge.at, "check_in", "here")


def _there(site: SiteFile, one: Tracked, now: int) -> Present | None:
    if not (one.beside or one.visits) or one.at <= now - SHIFT_NS:
        return None
    zones = [zone.id for zone in site.zones if zone.id in one.visits]
    since = min(one.visits.values(), default=one.at)
    state: Known = "here" if one.at > now - FRESH_NS else "unknown"
    return Present(one.device, _title(site, one.device), zones, since, one.at, "gps", state)


def _kind(site: SiteFile, device: str) -> str | None:
    known = site.devices_by_id.get(device)
    return known.kind if known is not None else None


def _title(site: SiteFile, who: str) -> Text:
    known = site.devices_by_id.get(who)
    return Text(known.title_en, known.title_zh) if known is not None else Text(who, who)
