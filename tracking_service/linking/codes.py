"""The codes of an order's lines: from its document, from the company's articles, and from what clerks taught.

They are made anew whenever one of the three changes. Of a code that is told several times for a line the document's word
counts before the articles' and these before what was taught.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.linking import code_of, identify
from plumbline.material import part_id
from tracking_service import company
from tracking_service.document import OrderDocument
from tracking_service.document.order import LineDocument
from tracking_service.linking.tables import alias, line_code
from tracking_service.tables import insert_new, material_line, orders

Source = Literal["supplier", "pack", "article", "taught"]
_ONE: Final = Decimal(1)
#: The most values of one `IN (…)`.
_SOME: Final = 500


class _Code(NamedTuple):
    quantity: Decimal
    source: Source


async def write(connection: AsyncConnection, document: OrderDocument) -> None:
    """Make the codes of an order's lines anew. Its lines must be written before."""
    number = document.number
    found = {part_id(number, line.line): _declared(line) for line in document.lines}
    await _add_articles(connection, document, found)
    await _add_taught(connection, document, found)
    here = select(material_line.c.id).where(material_line.c.order_number == number)
    await connection.execute(delete(line_code).where(line_code.c.line_id.in_(here)))
    rows = [
        {"line_id": line, "code": code, "quantity": one.quantity, "source": one.source}
        for line, codes in found.items()
        for code, one in codes.items()
    ]
    await insert_new(connection, line_code, rows)


async def teach(connection: AsyncConnection, act_id: str, *, text: str, gs1: Any, line_id: str, quantity: Decimal) -> set[str]:
    """A clerk linked a scan and says that its code stands for the line from now on. Returns the orders this may change."""
    row = (await connection.execute(select(material_line).where(material_line.c.id == line_id))).first()
    if row is None:
        return set()
    code = code_of(identify(text, gs1))
    if not code or len(code) > 256 or "\0" in code:
        return set()
    item = row.gtin or row.label
    values = {"act_id": act_id, "code": code, "line_id": line_id, "item": item, "quantity": quantity}
    await insert_new(connection, alias, [values])
    return await _concerned(connection, line_id, item)


async def unteach(connection: AsyncConnection, act_id: str) -> set[str]:
    """What an act taught does not hold any more. Returns the orders this may change."""
    row = (await connection.execute(select(alias).where(alias.c.act_id == act_id))).first()
    if row is None:
        return set()
    await connection.execute(delete(alias).where(alias.c.act_id == act_id))
    return await _concerned(connection, row.line_id, row.item)


async def orders_of_articles(connection: AsyncConnection, codes: Collection[str]) -> set[str]:
    """The orders that have lines under one of these codes: what a change of the company's articles may change."""
    found: set[str] = set()
    every = sorted(codes)
    for start in range(0, len(every), _SOME):
        some = every[start : start + _SOME]
        by_code = select(line_code.c.line_id).where(line_code.c.code.in_(some))
        named = material_line.c.gtin.in_(some) | material_line.c.label.in_(some) | material_line.c.id.in_(by_code)
        found.update((await connection.execute(select(material_line.c.order_number).where(named))).scalars())
    return found


def _declared(line: LineDocument) -> dict[str, _Code]:
    codes = {code: _Code(_ONE, "supplier") for code in line.codes}
    for pack in line.packs:
        for code in (pack.gtin, pack.code):
            if code is not None:
                codes[code] = _Code(pack.quantity, "pack")
    return {code: one for code, one in codes.items() if code not in (line.gtin, line.label)}


async def _add_articles(connection: AsyncConnection, document: OrderDocument, found: Mapping[str, dict[str, _Code]]) -> None:
    """One thing under another code of the same article is one thing."""
    own = {part_id(document.number, line.line): {line.gtin, line.label, *line.codes} - {None} for line in document.lines}
    asked = sorted({code for codes in own.values() for code in codes if code is not None})
    same: dict[str, frozenset[str]] = {}
    for start in range(0, len(asked), _SOME):
        same |= await company.articles_of(connection, asked[start : start + _SOME])
    for line, codes in own.items():
        for code in codes:
            for other in sorted(same.get(code or "", ())):
                if other not in codes:
                    found[line].setdefault(other, _Code(_ONE, "article"))


async def _add_taught(connection: AsyncConnection, document: OrderDocument, found: Mapping[str, dict[str, _Code]]) -> None:
    own = {part_id(document.number, line.line): line for line in document.lines}
    items: defaultdict[str, list[str]] = defaultdict(list)
    for line_id, line in own.items():
        if line.gtin is not None or line.label is not None:
            items[line.gtin or line.label or ""].append(line_id)
    keys, names = sorted(items), sorted(own)
    taught: list[Any] = []
    for start in range(0, max(len(keys), len(names)), _SOME):
        known = or_(alias.c.item.in_(keys[start : start + _SOME]), alias.c.line_id.in_(names[start : start + _SOME]))
        taught += (await connection.execute(select(alias).where(known))).all()
    for row in sorted(taught, key=lambda row: row.act_id, reverse=True):  # the newest word counts
        for line_id in {row.line_id, *items.get(row.item or "", ())}:
            if line_id in own and row.code not in (own[line_id].gtin, own[line_id].label):
                found[line_id].setdefault(str(row.code), _Code(row.quantity, "taught"))


async def _concerned(connection: AsyncConnection, line_id: str, item: str | None) -> set[str]:
    known = material_line.c.id == line_id
    if item is not None:
        known |= (material_line.c.gtin == item) | (material_line.c.label == item)
    statement = select(material_line.c.order_number).where(known).distinct()
    return set((await connection.execute(statement.join(orders, orders.c.number == material_line.c.order_number))).scalars())
