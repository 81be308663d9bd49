"""Who wants to hear of what, and how: recipients with their wishes, and the addresses that orders name."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Language
from tracking_service.domain.hours import Quiet
from tracking_service.notices.tables import recipient, wish
from tracking_service.tables import subscription

Mode = Literal["immediate", "digest", "weekly", "off"]
#: The kind of a wish that holds for every kind which has none of its own.
ALL: Final = "all"


class Address(NamedTuple):
    """Where a notice goes: a way out, and whom it reaches there."""

    way: str
    to: str

    @property
    def recipient(self) -> str:
        """The outbox's word for it; of mail the address itself."""
        return self.to if self.way == "mail" else f"{self.way}:{self.to}"[:254]


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient."""

    id: str | None
    """`None`: only an order names this address."""
    name: str
    language: Language
    addresses: tuple[Address, ...]
    zone: tzinfo | None = None
    quiet: Quiet | None = None
    urgent: frozenset[str] = frozenset()
    """The kinds that pass the quiet hours."""
    digest_at: int = 7 * 60
    weekday: int = 1
    next_person: str | None = None
    next_after_s: int | None = None
    next_kinds: frozenset[str] = frozenset()

    def clock(self, site: str, zones: Mapping[str, tzinfo]) -> tzinfo:
        """The person's own time zone, or else the site's."""
        return self.zone or zones.get(site, UTC)


class Circle(NamedTuple):
    """Everybody who may want to hear of some sites and orders."""

    people: Mapping[str, Person]
    wishes: Mapping[str, Mapping[tuple[str, str, str], Mode]]
    """By recipient: mode by (site, order, kind)."""
    named: Mapping[str, Sequence[Person]]
    """By order: the people whom its document names."""

    def of(self, site: str, order: str | None, kind: str) -> list[tuple[Person, Mode]]:
        """Who hears of this, and how. The most specific wish decides; an order's own list is the least specific of all."""
        heard: list[tuple[Person, Mode]] = []
        reached: set[Address] = set()
        for name, person in self.people.items():
            mode = _chosen(self.wishes.get(name, {}), site, order, kind)
            if mode is None:
                continue
            reached.update(person.addresses)  # also of those who want nothing: an order's list does not overrule them
            if mode in {"immediate", "digest"}:
                heard.append((person, mode))
        unreached = (named for named in self.named.get(order or "", ()) if not reached.intersection(named.addresses))
        return [*heard, *((self._known(named), "immediate") for named in unreached)]

    def _known(self, named: Person) -> Person:
        """The recipient behind an address that an order names: quiet hours and language are the person's, not the order's."""
        for person in self.people.values():
            if set(named.addresses) <= set(person.addresses):
                return person
        return named


def _chosen(wishes: Mapping[tuple[str, str, str], Mode], site: str, order: str | None, kind: str) -> Mode | None:
    places = ([("", order), (site, order)] if order else []) + [(site, ""), ("", "")]
    for place in places:
        for wanted in (kind, ALL):
            if (mode := wishes.get((*place, wanted))) is not None:
                return mode
    return None


async def circle(connection: AsyncConnection, sites: Collection[str], orders: Collection[str]) -> Circle:
    """Read who may want to hear of these sites and orders."""
    people = await everybody(connection)
    wishes: dict[str, dict[tuple[str, str, str], Mode]] = {}
    if people:
        here = wish.c.site.in_({"", *sites}) & wish.c.order_number.in_({"", *orders})
        for row in await connection.execute(select(wish).where(here)):
            wishes.setdefault(row.recipient, {})[row.site, row.order_number, row.kind] = row.mode
    named: dict[str, list[Person]] = {}
    for row in await connection.execute(select(subscription).where(subscription.c.order_number.in_(set(orders)))):
        address = Address("mail", row.email)
        named.setdefault(row.order_number, []).append(Person(None, row.name, row.language, (address,)))
    return Circle(people, wishes, named)


async def everybody(connection: AsyncConnection) -> Mapping[str, Person]:
    """All recipients, by id."""
    return {row.id: _person(row) for row in await connection.execute(select(recipient).order_by(recipient.c.id))}


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        language=row.language,
        addresses=tuple(Address(way, to) for way, to in json.loads(row.ways)),
        zone=zone_of(row.zone),
        quiet=Quiet(row.quiet_from, row.quiet_until) if row.quiet_from is not None else None,
        urgent=frozenset(json.loads(row.urgent)),
        digest_at=row.digest_at,
        weekday=row.weekday,
        next_person=row.next_person,
        next_after_s=row.next_after_s,
        next_kinds=frozenset(json.loads(row.next_kinds)),
    )


def zone_of(name: str | None) -> tzinfo | None:
    """An IANA zone; `None` where none is named, or this machine does not know it any more."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
