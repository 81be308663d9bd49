"""Which material line a scan speaks of, and how much of it: or why that cannot be told.

In this order: a person's badge or a machine's tag, a zone's sign, our own label, the logistic unit (SSCC, AI 00) by its delivery
note, the trade item (GTIN, AI 01 or 02) or a pack of it with its batch (AI 10), a text that a line declares as its label or that
stands for it by another name: a supplier's number, another code of the same article, what a clerk taught. Application identifiers as in the GS1 General
Specifications, section 3.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from plumbline.material import Coded, DeliveryUnit, Line
from plumbline.measured import Dimension, in_unit, measures
from plumbline.text import Text, visible

Reason = Literal[
    "unknown_code",
    "unknown_unit",
    "unknown_item",
    "unknown_order",
    "unknown_line",
    "wrong_batch",
    "batch_missing",
    "wrong_site",
    "ambiguous",
    "bad_quantity",
    "unreadable",
    "unlinked",
]

#: Begins the identity of what is told from the next only by having been scanned.
ANONYMOUS: Final = "event:"
#: Instead of a site: on each of them.
EVERYWHERE: Final = ""
_OWN_LABEL: Final = re.compile(r"PL1:(?P<order>[^/\s]{1,64})/(?P<line>[^/\s]{1,64})(?:/(?P<piece>[^/\s]{1,64}))?\Z")
#: A zone's label: who scans it says where he is.
_ZONE_LABEL: Final = re.compile(r"PLZ1:(?P<site>[^/\s]{1,64})/(?P<zone>[^/\s]{1,64})\Z")
_GTIN_LENGTHS: Final = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a scan says about itself."""

    text: str
    own: tuple[str, str, str | None] | None = None
    """Order, line and piece of our own label."""
    sscc: str | None = None
    gtin: str | None = None
    """14 digits."""
    batch: str | None = None
    serial: str | None = None
    count: str | None = None
    """AI 30 or 37 as scanned."""
    measured: Mapping[Dimension, Decimal] = field(default_factory=dict[Dimension, Decimal])
    """Net weight, length, area, volume of the item (of all that AI 02 names), in kg, m, m², m³."""


@dataclass(frozen=True, slots=True)
class Known:
    """A person, a thing or a place of the site whose code is no material."""

    kind: Literal["person", "equipment", "zone"]
    id: str
    title: Text


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of the codes in question, on every site."""

    units: Mapping[str, Sequence[DeliveryUnit]] = field(default_factory=dict[str, Sequence[DeliveryUnit]])
    """By SSCC."""
    items: Mapping[str, Sequence[Line]] = field(default_factory=dict[str, Sequence[Line]])
    """By GTIN in 14 digits."""
    orders: Mapping[str, Sequence[Line]] = field(default_factory=dict[str, Sequence[Line]])
    """By order number: all its lines."""
    labels: Mapping[str, Sequence[Line]] = field(default_factory=dict[str, Sequence[Line]])
    """By the line's declared label."""
    codes: Mapping[str, Sequence[Coded]] = field(default_factory=dict[str, Sequence[Coded]])
    """By any other code, a GTIN in 14 digits or a text: packs, suppliers' numbers, what was taught."""
    names: Mapping[tuple[str, str], Known] = field(default_factory=dict[tuple[str, str], Known])
    """By site (or `EVERYWHERE`) and code: badges and tags."""


@dataclass(frozen=True, slots=True)
class Share:
    """So much of a line."""

    line: Line
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Linked:
    """The scan is an arrival of these lines (more than one where a unit is mixed)."""

    shares: tuple[Share, ...]
    piece: str | None
    """What was scanned, as an identity: seen twice it is one arrival. `None`: nothing tells this piece from the next."""

    def piece_of(self, event_id: str) -> str:
        """The identity under which the scan `event_id` is counted within a line."""
        return visible(self.piece, 300) if self.piece is not None else f"{ANONYMOUS}{event_id}"


@dataclass(frozen=True, slots=True)
class Unlinked:
    """The scan waits for a person, with the reason."""

    reason: Reason
    text: Text


def own_label(order: str, line: str, piece: str | None = None) -> str:
    """What our own label of a line says, or of one piece of it."""
    return f"PL1:{order}/{line}" if piece is None else f"PL1:{order}/{line}/{piece}"


def zone_label(site: str, zone: str) -> str:
    """What the label of a zone says."""
    return f"PLZ1:{site}/{zone}"


def zone_of(text: str) -> tuple[str, str] | None:
    """Site and zone of a zone's label; `None`: it is none."""
    found = _ZONE_LABEL.match(text)
    return None if found is None else (found["site"], found["zone"])


def identify(text: str, gs1: Sequence[tuple[str, str]] | None) -> Identity:
    """Read the identities in a scan: our own label, GS1 elements, or a bare GTIN (EAN-8, UPC-A, EAN-13, ITF-14)."""
    if own := _OWN_LABEL.match(text):
        return Identity(text, own=(own["order"], own["line"], own["piece"]))
    if gs1 is None:
        bare = len(text) in _GTIN_LENGTHS and text.isascii() and text.isdigit() and check_digit_fits(text)
        return Identity(text, gtin=text.zfill(14) if bare else None)
    elements: dict[str, str] = {}
    for identifier, value in gs1:
        elements.setdefault(identifier, value)
    gtin = elements.get("01", elements.get("02"))
    told: Mapping[Dimension, Decimal] = measures(gs1)
    if "01" in elements and told:  # so much each
        told = {what: amount * (counted(elements.get("30")) or 1) for what, amount in told.items()}
    return Identity(
        text,
        sscc=elements.get("00"),
        gtin=gtin.zfill(14) if gtin is not None else None,
        batch=elements.get("10"),
        serial=elements.get("21"),
        count=elements.get("37", elements.get("30")),
        measured=told,
    )


def quantity_of(identity: Identity, coded: Coded) -> Decimal | None:
    """How much of a line a scan brings that goes by this code; `None`: it says a count that is none.

    A measure in the line's unit counts before the number of things; of a pack the number of packs times what one holds.
    """
    if (weighed := in_unit(identity.measured, coded.line.unit)) is not None:
        return weighed
    count = Decimal(1) if identity.count is None else counted(identity.count)
    return None if count is None else count * coded.quantity


def counted(told: str | None) -> Decimal | None:
    """A count of things (AI 30, 37) as a number; `None`: it is none, or nothing."""
    if told is None or not (told.isascii() and told.isdigit() and 0 < len(told) <= 8):
        return None
    return Decimal(told) or None


def code_of(identity: Identity) -> str:
    """The code by which more like it are told: the item's GTIN in 14 digits, else the text."""
    return identity.gtin if identity.gtin is not None else identity.text


def is_item(code: str) -> bool:
    """Whether a code is a GTIN in 14 digits."""
    return len(code) == 14 and code.isascii() and code.isdigit() and check_digit_fits(code)


def check_digit_fits(digits: str) -> bool:
    """Whether the last digit is the check digit of those before (GS1 General Specifications, 7.9.1)."""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return weighted % 10 == 0


def link(identity: Identity, site: str, catalogue: Catalogue) -> Linked | Unlinked | Known:  # noqa: PLR0911 - a way out for each rule
    """Find the lines that a scan on `site` speaks of, or the person or machine."""
    known = catalogue.names.get((site, identity.text)) or catalogue.names.get((EVERYWHERE, identity.text))
    if known is not None:
        return known
    if (place := zone_of(identity.text)) is not None:
        return _zone(*place, site=site, catalogue=catalogue)
    count: Decimal | None = None
    if identity.count is not None:
        count = counted(identity.count)
        if count is None:
            return Unlinked(
                "bad_quantity",
                Text(
                    f"the count '{visible(identity.count, 20)}' is not a number",
                    f"数量「{visible(identity.count, 20)}」不是有效数字",
                ),
            )
    if identity.own is not None:
        return _by_own_label(*identity.own, site=site, catalogue=catalogue)
    if identity.sscc is not None and (units := catalogue.units.get(identity.sscc)):
        return _by_unit(identity.sscc, units, count, site)
    if identity.gtin is not None:
        return _by_item(identity, identity.gtin, site, catalogue)
    if identity.sscc is not None:
        return Unlinked(
            "unknown_unit",
            Text(
                f"no delivery note lists the unit {visible(identity.sscc, 20)}",
                f"没有送货单包含物流单元 {visible(identity.sscc, 20)}",
            ),
        )
    if coded := _coded(catalogue.labels, catalogue, identity.text):
        return _only(coded, site, identity, None)
    return Unlinked("unknown_code", Text("no order knows this code", "没有订单包含此条码"))


def _coded(named: Mapping[str, Sequence[Line]], catalogue: Catalogue, code: str) -> Sequence[Coded]:
    """What a code may stand for: the lines that are named by it, one each, and what goes by it as another code."""
    lines = named.get(code, ())
    known = {line.id for line in lines}
    return [*map(Coded, lines), *(one for one in catalogue.codes.get(code, ()) if one.line.id not in known)]


def _zone(there: str, zone: str, *, site: str, catalogue: Catalogue) -> Known | Unlinked:
    if there != site:
        return Unlinked("wrong_site", Text(f"this sign belongs to site {there}", f"此标牌属于工地 {there}"))
    known = catalogue.names.get((site, zone_label(site, zone)))
    return known if known is not None else Known("zone", zone, Text(zone, zone))


def _by_own_label(order: str, number: str, piece: str | None, *, site: str, catalogue: Catalogue) -> Linked | Unlinked:
    lines = catalogue.orders.get(order)
    if not lines:
        return Unlinked("unknown_order", Text(f"there is no order {order}", f"没有订单 {order}"))
    chosen = [line for line in lines if line.number == number]
    if not chosen:
        return Unlinked("unknown_line", Text(f"order {order} has no line {number}", f"订单 {order} 没有第 {number} 行"))
    return _only([Coded(line) for line in chosen], site, Identity(""), f"label:{number}/{piece}" if piece is not None else None)


def _by_unit(sscc: str, units: Sequence[DeliveryUnit], count: Decimal | None, site: str) -> Linked | Unlinked:
    here = [unit for unit in units if unit.line.site == site]
    if not here:
        return _elsewhere([unit.line for unit in units])
    if len(here) == 1 and count is not None:
        return Linked((Share(here[0].line, count),), f"sscc:{sscc}")
    return Linked(tuple(Share(unit.line, unit.quantity) for unit in here), f"sscc:{sscc}")


def _by_item(identity: Identity, gtin: str, site: str, catalogue: Catalogue) -> Linked | Unlinked:
    coded = _coded(catalogue.items, catalogue, gtin)
    if not coded:
        return Unlinked(
            "unknown_item", Text(f"no order asks for item {visible(gtin, 20)}", f"没有订单需要物料 {visible(gtin, 20)}")
        )
    here = [one for one in coded if one.line.site == site]
    if not here:
        return _elsewhere([one.line for one in coded])
    if identity.batch is not None and (exact := [one for one in here if one.line.batch == identity.batch]):
        fitting = exact
    else:
        fitting = [one for one in here if one.line.batch is None]
    if not fitting:
        wanted = " / ".join(sorted({visible(one.line.batch, 24) for one in here if one.line.batch is not None})[:4])
        if identity.batch is None:
            return Unlinked(
                "batch_missing", Text(f"the code names no batch; {wanted} is ordered", f"条码没有批号；订购批号为 {wanted}")
            )
        found = visible(identity.batch, 24)
        return Unlinked(
            "wrong_batch", Text(f"batch {found} was scanned; {wanted} is ordered", f"扫描到批号 {found}；订购批号为 {wanted}")
        )
    if identity.serial is not None:
        piece = f"item:{gtin}/{identity.serial}"
    else:
        piece = f"sscc:{identity.sscc}" if identity.sscc is not None else None
    return _only(fitting, site, identity, piece)


def _only(coded: Sequence[Coded], site: str, identity: Identity, piece: str | None) -> Linked | Unlinked:
    """The one thing of this site that a code stands for, as much as it says."""
    here = [one for one in coded if one.line.site == site]
    if not here:
        return _elsewhere([one.line for one in coded])
    if len(here) > 1:
        named = ", ".join(sorted(f"{one.line.order}/{one.line.number}" for one in here)[:4])
        return Unlinked(
            "ambiguous", Text(f"it could belong to {len(here)} lines: {named}", f"可能属于 {len(here)} 行：{named}")
        )
    return Linked((Share(here[0].line, quantity_of(identity, here[0]) or Decimal(1)),), piece)


def _elsewhere(lines: Sequence[Line]) -> Unlinked:
    sites = ", ".join(sorted({line.site for line in lines})[:4])
    return Unlinked("wrong_site", Text(f"it was ordered for another site: {sites}", f"此物料是为其他工地订购的：{sites}"))
