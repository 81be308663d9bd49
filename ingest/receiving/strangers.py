"""Devices that the site file does not name: whether their events come in, and what to do where they do not.

The site file decides (`unknown_devices`). A gateway's own health is of the gateway, which no site file names: never a stranger.
"""

from collections.abc import Iterable

from plumbline.event import Event, Health
from plumbline.site import SiteFile


def strangers(site: SiteFile, devices: Iterable[str], *, direct: bool = False) -> set[str]:
    """Those of `devices` whose events are set aside; nearly always none, and then this costs one look at a set."""
    return set() if site.takes_unknown_devices(direct=direct) else set(devices) - site.devices_by_id.keys()


def stranger(event: Event, site: SiteFile, *, direct: bool = False) -> tuple[str, str] | None:
    """What stands against an event of a device that is not named: (reason, detail), or `None`."""
    if type(event) is Health or not strangers(site, (event.device,), direct=direct):
        return None
    return "unknown_device", told(event.device, site)


def told(device: str, site: SiteFile) -> str:
    """What a person is told of a device that is not named."""
    near = site.near_devices.to(device)
    hint = f"; did you mean '{near}'? Then mend the name where it is sent from. If it is new," if near else ";"
    return (
        f"{site.file} names no device '{device}'{hint} add it there ([[devices]] with id = \"{device}\", title_en, title_zh, kind),"
        " then 'plumbline deadletters replay --reason unknown_device'"
    )
