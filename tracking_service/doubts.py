"""What an order document names that nobody knows, and that may be right all the same: said with the answer, never refused.

A zone with a slip in its name would never be entered, so that is refused (`document.naming`). A supplier may be newer than the
company document, and a machine's device may be added to the site file later.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.near import Near
from plumbline.site import SiteFile
from tracking_service import company
from tracking_service.document import OrderDocument

#: So many names are told, and how many more there are.
_TOLD: Final = 20


async def doubts(connection: AsyncConnection, order: OrderDocument, site: SiteFile | None) -> Sequence[str]:
    """A sentence for each name, with where it stands and what to do; people and suppliers only where a company document has some."""
    found = [
        *_unknown(_suppliers(order), await company.suppliers(connection), "supplier"),
        *_unknown(_owners(order), await company.people(connection), "person"),
        *(() if site is None else _devices(order, site)),
    ]
    return [*found[:_TOLD], f"and {len(found) - _TOLD} names more that nobody knows"] if len(found) > _TOLD else found


def _suppliers(order: OrderDocument) -> Iterator[tuple[str, str]]:
    yield from ((line.supplier, f"lines.{line.line}.supplier") for line in order.lines if line.supplier is not None)


def _owners(order: OrderDocument) -> Iterator[tuple[str, str]]:
    yield from ((task.owner, f"tasks.{task.key}.owner") for task in order.tasks if task.owner is not None)
    yield from ((one.owner, f"milestones.{one.key}.owner") for one in order.milestones if one.owner is not None)


def _devices(order: OrderDocument, site: SiteFile) -> Iterator[str]:
    """Devices of policies; where the site sets unknown ones aside the order was refused before."""
    named = [
        (name, path)
        for one in order.milestones
        for path, kind, name in one.policy.mentions(f"milestones.{one.key}.policy")
        if kind == "device" and name not in site.devices_by_id
    ]
    for name, (path, more) in _places(named).items():
        near = site.near_devices.to(name)
        meant = f"did you mean '{near}'?" if near else "add it there, or correct the order, else this may never be seen"
        yield f"{path}{more}: {site.file} has no device '{name}'; {meant}"


def _unknown(named: Iterator[tuple[str, str]], known: Collection[str], what: str) -> Iterator[str]:
    if not known:
        return
    strange = _places([(name, path) for name, path in named if name not in known])
    near = Near(known) if strange else None
    for name, (path, more) in strange.items():
        meant = near.to(name) if near is not None else None
        remedy = f"did you mean '{meant}'?" if meant else "add it there, or correct the order"
        yield f"{path}{more}: the company document has no {what} '{name}'; {remedy}"


def _places(named: Sequence[tuple[str, str]]) -> Mapping[str, tuple[str, str]]:
    """By name: where it stands first, and how often else."""
    found: dict[str, list[str]] = {}
    for name, path in named:
        found.setdefault(name, []).append(path)
    return {name: (paths[0], f" and {len(paths) - 1} more" if len(paths) > 1 else "") for name, paths in found.items()}
