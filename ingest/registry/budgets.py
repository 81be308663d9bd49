"""Budgets of names: how many devices, measurements and metrics a site may give to its time series.

A name that is new to a site is admitted once, in a table, under a lock that all workers share: the number of names never
exceeds the budget, however many workers there are. Names seen before cost a look at a set for each group. Over budget, the
events that bring the name become dead letters `over_budget`; the names of zones, cells and sources are made here, of the site
file and the ground, and the devices that a site file names are people's: they have no budget.

A row stays for ever: what was written stays in the store. Who wants room again for names that were a mistake raises the budget.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple, cast

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.receiving.parcel import Letter, Parcel
from ingest.tables import tag_value
from ingest.upsert import insert_into, is_postgresql
from plumbline import codec
from plumbline.event import Event, Health, Reading
from plumbline.site import SiteFile

#: The measurement of gateways' health: its metrics are named by them.
_HEALTH: Final = "gateway_health"
#: Names asked for in one statement.
_AT_ONCE: Final = 500
#: PostgreSQL's advisory lock, with a number for each site: any, as long as nobody else uses it.
_ADVISORY: Final = 0x504C_6204


class Name(NamedTuple):
    """A value of a tag, or a metric of a measurement."""

    tag: str
    """`device`, `measurement` or `field`."""
    scope: str
    """A metric's measurement; else empty."""
    value: str


class Budgets:
    """Admits the names of all sites, by the site files of now.

    Args:
        engine: the SQL database, migrated.
        sites: the site files by id.
        clock: UTC in ns.
    """

    def __init__(self, *, engine: AsyncEngine, sites: Mapping[str, SiteFile], clock: Callable[[], int]) -> None:
        self._engine = engine
        self._sites = sites
        self._clock = clock
        self._known: dict[str, Seen] = defaultdict(Seen)

    async def apply(self, parcels: Sequence[Parcel]) -> None:
        """Refuse, in place, the events of parcels that bring names over budget. Raises what a database that is away raises."""
        by_site: dict[str, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            if parcel.header is not None and parcel.events:
                by_site[parcel.header.site].append(parcel)
        for site, some in by_site.items():
            over = await self.over(site, list(chain.from_iterable(parcel.events for parcel in some)))
            for parcel in some if over else ():
                _refuse(parcel, over, self._sites[site])

    async def over(self, site: str, events: Sequence[Event]) -> frozenset[Name]:
        """The names in events of a site that its budgets do not allow; all others are admitted from now on."""
        found = self._sites.get(site)
        if found is None:
            return frozenset()
        seen = self._known[site]
        new = seen.new(events, found)
        if not new:
            return frozenset()
        return frozenset(new - await self._admit(found, new, seen))

    async def _admit(self, site: SiteFile, new: set[Name], seen: "Seen") -> set[Name]:
        """Which of the new names are in the table already, or came into it."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            there = await _there(connection, site.id, new)
        if len(there) < len(new):
            async with self._engine.begin() as connection:
                if is_postgresql(connection):
                    key = {"ours": _ADVISORY, "site": zlib.crc32(site.id.encode()) - 2**31}
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:ours, :site)"), key)
                there = await _there(connection, site.id, new)
                there |= await self._insert(connection, site, new - there)
        seen.add(there)
        return there

    async def _insert(self, connection: AsyncConnection, site: SiteFile, wanted: set[Name]) -> set[Name]:
        """Admit what there is room for, in the order of the names."""
        table = tag_value.c
        room: dict[tuple[str, str], int] = {}
        admitted: list[Name] = []
        homeless = {name.value for name in wanted if name.tag == "measurement"}
        for name in sorted(wanted, key=_order):
            if name.tag == "field" and name.scope in homeless:
                continue  # no room for the metrics of a measurement that has none itself
            place = name.tag, name.scope
            if place not in room:
                count = select(func.count()).where(table.site == site.id, table.tag == name.tag, table.scope == name.scope)
                room[place] = limit(site, name.tag) - int(await connection.scalar(count) or 0)
            if room[place] > 0:
                room[place] -= 1
                admitted.append(name)
                if name.tag == "measurement":
                    homeless.discard(name.value)
        now = self._clock()
        if admitted:
            rows = [{"site": site.id, **name._asdict(), "first_at": now} for name in admitted]
            await connection.execute(insert_into(connection, tag_value).on_conflict_do_nothing(), rows)
        return set(admitted)


class Seen:
    """The names of one site that are known to be in the table."""

    def __init__(self) -> None:
        self._devices: set[str] = set()
        self._fields: dict[str, set[str]] = {}

    def new(self, events: Sequence[Event], site: SiteFile) -> set[Name]:
        """The names in events that are not known yet: empty, and cheap, nearly always."""
        found: set[Name] = set()
        devices = {event.device for event in events} - self._devices
        if devices:
            found.update(Name("device", "", device) for device in devices - site.devices_by_id.keys())
        kinds: set[type[Event]] = set(map(type, events))
        if Reading in kinds:
            readings = (
                [event for event in events if type(event) is Reading] if len(kinds) > 1 else cast("Sequence[Reading]", events)
            )
            names = {reading.measurement for reading in readings}
            for name in names:
                some = readings if len(names) == 1 else [one for one in readings if one.measurement == name]
                found |= self._fields_of(name, some)
        if Health in kinds:
            found |= self._fields_of(_HEALTH, [event for event in events if type(event) is Health])
        return found

    def _fields_of(self, measurement: str, events: Sequence[Reading | Health]) -> set[Name]:
        known = self._fields.get(measurement)
        fields = set[str]().union(*[event.values for event in events])
        found = {Name("field", measurement, field) for field in fields - (known or set())}
        if known is None and measurement != _HEALTH:
            found.add(Name("measurement", "", measurement))
        return found

    def add(self, names: Iterable[Name]) -> None:
        """These are in the table."""
        for tag, scope, value in sorted(names, key=_order):
            if tag == "device":
                self._devices.add(value)
            elif tag == "measurement":
                self._fields.setdefault(value, set())
            elif scope in self._fields or scope == _HEALTH:
                self._fields.setdefault(scope, set()).add(value)


def _order(name: Name) -> tuple[int, Name]:
    """Measurements before their metrics."""
    return ("device", "measurement", "field").index(name.tag), name


def limit(site: SiteFile, tag: str) -> int:
    """How many names of that kind a site may have."""
    budgets = site.budgets
    return {"device": budgets.devices, "measurement": budgets.measurements, "field": budgets.fields}[tag]


def names_of(event: Event) -> set[Name]:
    """The names that an event brings."""
    found = {Name("device", "", event.device)}
    if type(event) is Reading:
        found.add(Name("measurement", "", event.measurement))
        found.update(Name("field", event.measurement, field) for field in event.values)
    elif type(event) is Health:
        found.update(Name("field", _HEALTH, field) for field in event.values)
    return found


def told(over: Iterable[Name], site: SiteFile) -> str:
    """What a person is told of an event with names over budget."""
    name = min(over, key=_order)
    what = {"device": "device", "measurement": "measurement", "field": f"metric of '{name.scope}'"}[name.tag]
    key = {"device": "devices", "measurement": "measurements", "field": "fields"}[name.tag]
    return (
        f"'{name.value}' would be one {what} more than the {limit(site, name.tag)} that '{site.id}' may have; if it is meant, "
        f"raise '{key}' under [budgets] in {site.file}, then 'plumbline deadletters replay --reason over_budget'"
    )


def _refuse(parcel: Parcel, over: frozenset[Name], site: SiteFile) -> None:
    assert parcel.header is not None
    stream = parcel.header.stream
    good: list[Event] = []
    for event in parcel.events:
        if found := names_of(event) & over:
            detail = f"{parcel.topic} #{event.seq}: {told(found, site)}"
            parcel.refused.append(Letter(parcel.topic, "over_budget", detail, codec.encode(event), stream, event.seq))
        else:
            good.append(event)
    if len(good) < len(parcel.events):
        parcel.events = good
        parcel.refused.sort(key=lambda letter: letter.seq or 0)


async def _there(connection: AsyncConnection, site: str, names: Iterable[Name]) -> set[Name]:
    table = tag_value.c
    columns = table.tag, table.scope, table.value
    wanted = sorted(names)
    found: set[Name] = set()
    for at in range(0, len(wanted), _AT_ONCE):
        some = select(*columns).where(table.site == site, tuple_(*columns).in_(wanted[at : at + _AT_ONCE]))
        found.update(Name(*row) for row in (await connection.execute(some)).all())
    return found
