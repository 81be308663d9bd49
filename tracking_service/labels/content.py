"""What stands on the labels of an order's lines and of a site's zones."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from plumbline.counted import counted
from plumbline.errors import PlumblineError
from plumbline.linking import own_label, zone_label
from plumbline.measured import is_measure
from plumbline.site import SiteFile
from plumbline.text import Text
from tracking_service.document import OrderDocument
from tracking_service.document.order import LineDocument

#: So many labels are made at once: some 200 sheets.
MOST: Final = 5_000
_KINDS: Final = {
    "gate": Text("Gate", "大门"),
    "storage": Text("Storage", "堆场"),
    "work": Text("Work area", "作业区"),
    "office": Text("Office", "办公室"),
    "traffic": Text("Traffic", "通道"),
}


class LabelError(PlumblineError):
    """These labels cannot be made."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label."""

    code: str
    """What scanning it gives; of a GS1 code its element strings with the identifiers in brackets."""
    symbol: Literal["qr", "gs1"]
    title: Text
    under: tuple[Text, ...]
    """Smaller lines below the title."""
    foot: str
    """The code in characters that a person can type."""


def of_order(order: OrderDocument, *, lines: Collection[str] = (), pieces: bool = False, gs1: bool = False) -> Sequence[Label]:
    """Labels of an order's lines.

    Args:
        order: its document.
        lines: only these; empty: all.
        pieces: one for each piece of a line, so that each is told from the next; else one a line, which counts each scan. What
            is weighed or measured has no pieces.
        gs1: GS1 DataMatrix instead of QR, where a line has a GTIN: (01), (10) where its batch is fixed, (21) with `pieces`.

    Raises `LabelError`.
    """
    known = {line.line: line for line in order.lines}
    if strange := sorted(set(lines) - known.keys()):
        raise LabelError(
            f"order {order.number} has no line {', '.join(strange)}; it has {', '.join(list(known)[:20]) or 'none'}"
        )
    chosen = [line for line in order.lines if not lines or line.line in lines]
    total = sum(_count(line, pieces=pieces) for line in chosen)
    if total > MOST:
        raise LabelError(f"{total} labels, at most {MOST} are made at once; name some lines")
    return [label for line in chosen for label in _of_line(order, line, pieces=pieces, gs1=gs1)]


def of_zones(site: SiteFile, *, zones: Collection[str] = ()) -> Sequence[Label]:
    """Labels of a site's zones; `zones`: only these. Raises `LabelError`."""
    if strange := sorted(set(zones) - site.zones_by_id.keys()):
        raise LabelError(f"site {site.id} has no zone {', '.join(strange)}; it has {', '.join(site.zones_by_id) or 'none'}")
    return [
        Label(
            zone_label(site.id, zone.id),
            "qr",
            Text(zone.title_en, zone.title_zh),
            (_KINDS[zone.kind], Text(site.title_en, site.title_zh)),
            zone_label(site.id, zone.id),
        )
        for zone in site.zones
        if not zones or zone.id in zones
    ]


def _count(line: LineDocument, *, pieces: bool) -> int:
    return max(1, int(line.quantity)) if pieces and not is_measure(line.unit) else 1


def _of_line(order: OrderDocument, line: LineDocument, *, pieces: bool, gs1: bool) -> Iterator[Label]:
    count = _count(line, pieces=pieces)
    pieces = pieces and not is_measure(line.unit)
    title = Text(line.title.en, line.title.zh)
    number = Text(f"{order.number} · line {line.line}", f"{order.number} 第 {line.line} 行")
    for piece in range(1, count + 1):
        under = [number]
        if pieces:
            under.append(Text(f"piece {piece} of {count}", f"第 {piece} 件，共 {count} 件"))
        else:
            ordered = counted(line.quantity, line.unit)
            under.append(Text(f"{ordered.en} ordered", f"订购 {ordered.zh}"))
        if line.batch is not None:
            under.append(Text(f"batch {line.batch}", f"批号 {line.batch}"))
        if gs1 and line.gtin is not None:
            code = _gs1(line, f"{order.number}.{line.line}.{piece}" if pieces else None)
            yield Label(code, "gs1", title, tuple(under), code)
        else:
            code = own_label(order.number, line.line, str(piece) if pieces else None)
            yield Label(code, "qr", title, tuple(under), code)


def _gs1(line: LineDocument, serial: str | None) -> str:
    """Element strings (GS1 General Specifications, 3): serial numbers have at most 20 characters."""
    code = f"(01){line.gtin}"
    if line.batch is not None:
        if len(line.batch) > 20:
            raise LabelError(
                f"line {line.line}: batch '{line.batch}' is longer than the 20 characters of AI (10); leave --gs1 out"
            )
        code += f"(10){line.batch}"
    if serial is not None:
        if len(serial) > 20:
            raise LabelError(
                f"line {line.line}: the serial '{serial}' is longer than the 20 characters of AI (21); leave --gs1 out"
            )
        code += f"(21){serial}"
    return code
