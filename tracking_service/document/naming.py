"""What an order's policies name of its site must be there: a zone with a slip in its name would never be entered."""

from collections.abc import Iterator

from plumbline.near import Near
from plumbline.site import SiteFile
from tracking_service.document.order import OrderDocument


def strangers(order: OrderDocument, site: SiteFile) -> Iterator[str]:
    """Names of zones that the site does not have, and of devices where it takes only those of its file: path and remedy."""
    zones = Near(site.zones_by_id)
    for milestone in order.milestones:
        for path, kind, name in milestone.policy.mentions(f"milestones.{milestone.key}.policy"):
            if kind == "zone" and name not in site.zones_by_id:
                yield f"{path}: there is no zone '{name}' in {site.file}; {_meant(zones.to(name), 'zone')}"
            elif kind == "device" and name not in site.devices_by_id and not site.takes_unknown_devices():
                near = site.near_devices.to(name)
                yield f"{path}: there is no device '{name}' in {site.file}; {_meant(near, 'device')}"


def _meant(near: str | None, kind: str) -> str:
    return f"did you mean '{near}'?" if near else f"add the {kind} there first"
