"""A manifest as questions need it: by code. Built in a thread; not changed after that."""

import hashlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from edge_agent.expected import by_identifier, listed
from plumbline.linking import Catalogue, Known
from plumbline.manifest import Elsewhere, ExpectedLine, ExpectedOrder, Manifest
from plumbline.material import Coded, DeliveryUnit, Line, part_id
from plumbline.text import Text


class Pieces:
    """A set of (line, piece) in 8 bytes each: the first 64 bits of their BLAKE2 hashes, sorted.

    A hundred thousand pieces as texts would take a gateway 25 MB. That one of them is taken for another has a chance of 1 in 10^14.
    """

    def __init__(self, pieces: Iterable[tuple[str, str]]) -> None:
        self._hashes = array("Q", sorted(_hash(*each) for each in pieces))

    def __contains__(self, piece: tuple[str, str]) -> bool:
        wanted = _hash(*piece)
        at = bisect_left(self._hashes, wanted)
        return at < len(self._hashes) and self._hashes[at] == wanted


def _hash(line: str, piece: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{line}\0{piece}".encode(), digest_size=8).digest())


@dataclass(frozen=True)
class Index:
    """What a site expects, by code; an `Expectation` as well."""

    site: str
    epoch: str
    version: int
    at: int
    """When tracking made it: UTC, ns."""
    lines: int
    catalogue: Catalogue
    arrived: Mapping[str, Decimal]
    """What the office had counted, by line id, of this site."""
    pieces: Pieces
    """What the office had counted that can be told from its like, by line id."""
    counted: frozenset[str]
    """The last 12 digits of the ids of scans that are counted although nothing tells their pieces apart."""
    values: Mapping[str, frozenset[str]]
    """Expected values by application identifier."""

    def knows(self, ai: str, value: str) -> bool:
        """Whether `value` of the application identifier `ai` is expected on this site."""
        return listed(self.values, ai, value)


def index_of(manifest: Manifest) -> Index:
    """Index a manifest."""
    own = {part_id(order.number, line.line): (order, line) for order in manifest.orders for line in order.lines}
    here = {name: _line(manifest.site, order, line) for name, (order, line) in own.items()}
    units: dict[str, list[DeliveryUnit]] = defaultdict(list)
    for unit in manifest.units:
        if (line := here.get(part_id(unit.order, unit.line))) is not None:
            units[unit.sscc].append(DeliveryUnit(unit.sscc, line, Decimal(unit.quantity), unit.delivery_note))
    items: dict[str, list[Line]] = defaultdict(list)
    orders: dict[str, list[Line]] = defaultdict(list)
    labels: dict[str, list[Line]] = defaultdict(list)
    codes: dict[str, list[Coded]] = defaultdict(list)
    for name, (_, expected) in own.items():
        for each in expected.codes:
            codes[each.code].append(Coded(here[name], Decimal(each.quantity)))
    for line in here.values():
        orders[line.order].append(line)
        if line.gtin is not None:
            items[line.gtin].append(line)
        if line.label is not None:
            labels[line.label].append(line)
    for other in manifest.elsewhere:
        _add(other, units, items, orders, labels)
    return Index(
        site=manifest.site,
        epoch=manifest.epoch,
        version=manifest.version,
        at=manifest.at,
        lines=len(here),
        catalogue=Catalogue(
            units=dict(units),
            items=dict(items),
            orders=dict(orders),
            labels=dict(labels),
            codes=dict(codes),
            names={(manifest.site, k.code): Known(k.kind, k.id, Text(k.title_en, k.title_zh)) for k in manifest.known},
        ),
        arrived={name: Decimal(line.arrived) for name, (_, line) in own.items()},
        pieces=Pieces((name, piece) for name, (_, line) in own.items() for piece in line.pieces),
        counted=frozenset(manifest.counted),
        values=by_identifier(
            gtins=chain((line.gtin for line in here.values() if line.gtin is not None), codes),
            ssccs=(unit.sscc for unit in manifest.units),
            batches=_batches(list(here.values())),
            orders=(order.number for order in manifest.orders),
        ),
    )


def _line(site: str, order: ExpectedOrder, line: ExpectedLine) -> Line:
    return Line(
        id=part_id(order.number, line.line),
        order=order.number,
        number=line.line,
        site=site,
        title=Text(line.title_en, line.title_zh),
        unit=line.unit,
        expected=Decimal(line.quantity),
        gtin=line.gtin,
        batch=line.batch,
        label=line.label,
        certificate_required=line.certificate_required,
        certificates=line.certificates,
    )


def _batches(lines: Sequence[Line]) -> frozenset[str]:
    found = {line.batch for line in lines if line.batch is not None}
    return frozenset(found.union(*(line.certificates for line in lines)) - {""})


def _add(
    other: Elsewhere,
    units: dict[str, list[DeliveryUnit]],
    items: dict[str, list[Line]],
    orders: dict[str, list[Line]],
    labels: dict[str, list[Line]],
) -> None:
    """Codes of another site: of its lines no more matters than that they are there."""

    def line(order: str, number: str) -> Line:
        return Line(part_id(order, number), order, number, other.site, Text("", ""), "", Decimal(0))

    some = line("", "")
    for number, numbers in other.orders.items():
        orders[number].extend(line(number, each) for each in numbers)
    for gtin in other.gtins:
        items[gtin].append(some)
    for label in other.labels:
        labels[label].append(some)
    for sscc in other.ssccs:
        units[sscc].append(DeliveryUnit(sscc, some, Decimal(0), ""))
