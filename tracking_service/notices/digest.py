"""Several notices as one."""

from collections.abc import Sequence
from datetime import tzinfo
from html import escape
from typing import Final, NamedTuple

from plumbline.text import Language
from tracking_service.domain.notice import local
from tracking_service.notices import page

#: A digest lists so many; the rest it counts.
LISTED: Final = 100


class Item(NamedTuple):
    """A notice in a digest."""

    subject: str
    order: str
    """Or the site, of what belongs to no order."""
    kind: str
    at: int
    body: str


class Digest(NamedTuple):
    """A digest as it goes out."""

    subject: str
    body: str
    html: str


_COLOUR: Final = {
    "completed": "green",
    "progress": "blue",
    "late": "red",
    "shortage": "red",
    "contradiction": "yellow",
    "reopened": "yellow",
    "corrected": "yellow",
}


def fold(items: Sequence[Item], *, meanwhile: bool, zone: tzinfo, language: Language) -> Digest:
    """Write a digest of these notices; `meanwhile`: they tell what happened while the site was not heard."""
    zh = language == "zh"
    count = len(items)
    if meanwhile:
        title = f"恢复连接后的汇总：{count} 条" if zh else f"Heard again: {count} things that happened meanwhile"
        kicker = (
            "网关离线期间发生的事情，现已补传" if zh else "What the site told late, after it had not been heard for a while"
        )
    else:
        title = f"汇总：{count} 条通知" if zh else f"Digest: {count} notices"
        kicker = f"{local(items[0].at, zone)} – {local(items[-1].at, zone)}"
    orders = list(dict.fromkeys(item.order for item in items[:LISTED]))
    prefix = f"[{orders[0]}] " if len(orders) == 1 else ""
    lines = [title, kicker]
    sections: list[str] = []
    for order in orders:
        mine = [item for item in items[:LISTED] if item.order == order]
        lines += ["", order, *(f"  {local(item.at, zone)}  {_said(item)}" for item in mine)]
        cells = [
            (f"{page.dot(_COLOUR.get(item.kind, 'unknown'))} {escape(_said(item))}", local(item.at, zone)) for item in mine
        ]
        sections += [page.heading(order), page.rows(cells)]
    if count > LISTED:
        more = f"另有 {count - LISTED} 条" if zh else f"and {count - LISTED} more"
        lines += ["", more]
        sections.append(page.paragraph(more))
    html = page.page(title, sections, language=language, kicker=kicker)
    return Digest(f"{prefix}{title}", "\n".join(lines) + "\n", html)


def _said(item: Item) -> str:
    """Its subject without the order, which stands above."""
    return item.subject.removeprefix(f"[{item.order}] ")
