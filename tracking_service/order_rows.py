"""Write an order document into its tables: its lines, what is to come, its milestones and what these count on."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.material import part_id
from tracking_service import acts
from tracking_service.document import OrderDocument, nanoseconds
from tracking_service.document.order import MilestoneDocument
from tracking_service.domain.policies import levels
from tracking_service.linking import codes
from tracking_service.log.tables import act, voided
from tracking_service.planning.work import start_of
from tracking_service.plans import Place, bound, lines_of, scope_of
from tracking_service.rooms import counting, minutes
from tracking_service.rooms.ground import portions
from tracking_service.tables import (
    certificate,
    delivery_unit,
    insert,
    insert_all,
    inspection_point,
    material_line,
    milestone,
    milestone_need,
    orders,
    subscription,
)


async def write(connection: AsyncConnection, document: OrderDocument, *, zones: Mapping[str, tzinfo], now: int) -> None:
    """Bring an order's rows to its document. What has arrived stays with the lines that stay."""
    number = document.number
    values = {
        "site": document.site,
        "title_en": document.title.en,
        "title_zh": document.title.zh,
        "customer": document.customer,
        "document": document.canonical(),
        "imported_at": now,
    }
    statement = insert(connection, orders).values(number=number, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["number"], set_=values))
    lines = {part_id(number, line.line) for line in document.lines}
    milestones = {part_id(number, plan.key) for plan in document.milestones}
    for table, kept in ((material_line, lines), (milestone, milestones)):
        here = select(table.c.id).where(table.c.order_number == number)
        gone = set((await connection.execute(here)).scalars()) - kept
        for some in portions(sorted(gone)):
            await connection.execute(delete(table).where(table.c.id.in_(some)))
    await _upsert(connection, material_line, [_line(number, ordinal, line) for ordinal, line in enumerate(document.lines)])
    await _upsert(
        connection, milestone, [_milestone(document, ordinal, one) for ordinal, one in enumerate(document.milestones)]
    )
    await codes.write(connection, document)
    await write_units(connection, document)
    await write_certificates(connection, document)
    await _replace(
        connection,
        subscription,
        subscription.c.order_number == number,
        [
            {"order_number": number, "email": person.email, "name": person.name, "language": person.language}
            for person in document.notify
        ],
    )
    await _write_needs(connection, document, zones.get(document.site, UTC))


async def write_units(connection: AsyncConnection, document: OrderDocument) -> None:
    """What delivery notes say of units: the document's, over them those that the office noted, the newest on top."""
    number = document.number
    rows = {
        (unit.sscc, unit.line): {
            "sscc": unit.sscc,
            "line_id": part_id(number, unit.line),
            "quantity": unit.quantity,
            "delivery_note": unit.delivery_note,
        }
        for unit in document.deliveries
    }
    known = {part_id(number, line.line): line.line for line in document.lines}
    for _, done in await _noted(connection, number, "delivery_note"):
        if done.line in known:
            rows[done.sscc, known[done.line]] = {
                "sscc": done.sscc,
                "line_id": done.line,
                "quantity": done.quantity,
                "delivery_note": done.note,
            }
    await _replace(connection, delivery_unit, delivery_unit.c.line_id.in_(_lines(number)), list(rows.values()))


async def write_certificates(connection: AsyncConnection, document: OrderDocument) -> None:
    """The certificates that are there: the document's, and those that the office noted, each from when it came."""
    number = document.number
    rows = {
        (part_id(number, line.line), each.batch or ""): {"document": each.document, "at": 0}
        for line in document.lines
        for each in line.certificates
    }
    known = {part_id(number, line.line) for line in document.lines}
    for row, done in await _noted(connection, number, "certificate"):
        key = (done.line, done.batch or "")
        if done.line in known and (key not in rows or rows[key]["at"] > row.at):
            rows[key] = {"document": done.document, "at": row.at}
    values = [{"line_id": line, "batch": batch, **row} for (line, batch), row in rows.items()]
    await _replace(connection, certificate, certificate.c.line_id.in_(_lines(number)), values)


async def read(connection: AsyncConnection, number: str) -> OrderDocument:
    """The document of an order that is there."""
    text = (await connection.execute(select(orders.c.document).where(orders.c.number == number))).scalar_one()
    return OrderDocument.model_validate(json.loads(text))


async def _write_needs(connection: AsyncConnection, document: OrderDocument, zone: tzinfo) -> None:
    number = document.number
    rows: list[dict[str, Any]] = []
    wanted = set[Any]()
    checks = set[str]()
    expected = {part_id(number, line.line): line.quantity for line in document.lines}
    rows_of = select(material_line).where(material_line.c.order_number == number).order_by(material_line.c.ordinal)
    found = lines_of((await connection.execute(rows_of)).all())
    for plan in document.milestones:
        milestone_id = part_id(number, plan.key)
        scope = scope_of(Place(document.site, number, milestone_id, zone), found, {})
        policy = bound(_policy(plan), scope)
        rows += [{"milestone_id": milestone_id, "kind": need.kind, "key": need.key} for need in sorted(policy.needs())]
        checks |= {need.key.partition("/")[2] for need in policy.needs() if need.kind == "check"}
        wanted |= levels(policy, expected)
    here = milestone_need.c.milestone_id.in_(select(milestone.c.id).where(milestone.c.order_number == number))
    await _replace(connection, milestone_need, here, rows)
    await _write_points(connection, document, checks)
    await counting.settle_levels(connection, number, wanted)
    await minutes.watch(connection)


async def _write_points(connection: AsyncConnection, document: OrderDocument, checks: Collection[str]) -> None:
    """The inspection and test plan, and the checks that only a policy names."""
    number = document.number
    plain = {"order_number": number, "site": document.site}
    rows = {
        check: plain | {"point": check, "title_en": check, "title_zh": check, "role": None, "photo": False} for check in checks
    }
    for one in document.inspections:
        title = {"title_en": one.title.en, "title_zh": one.title.zh}
        rows[one.check] = plain | {"point": one.check, **title, "role": one.role, "photo": one.photo_required}
    await _replace(connection, inspection_point, inspection_point.c.order_number == number, [*rows.values()])


async def _noted(connection: AsyncConnection, number: str, kind: str) -> Sequence[tuple[Row[Any], Any]]:
    """The office's acts of a kind about an order that count, in order."""
    here = (act.c.order_number == number) & (act.c.kind == kind) & act.c.id.not_in(select(voided.c.ref))
    rows = (await connection.execute(select(act).where(here).order_by(act.c.position))).all()
    return [(row, acts.read(row.body, f"act {row.id}")) for row in rows]


def _lines(number: str) -> Any:
    return select(material_line.c.id).where(material_line.c.order_number == number)


def _line(number: str, ordinal: int, line: Any) -> dict[str, Any]:
    return {
        "id": part_id(number, line.line),
        "order_number": number,
        "ordinal": ordinal,
        "line": line.line,
        "title_en": line.title.en,
        "title_zh": line.title.zh,
        "gtin": line.gtin,
        "batch": line.batch,
        "label": line.label,
        "unit": line.unit,
        "expected": line.quantity,
        "arrived": Decimal(0),
        "needed_by": nanoseconds(line.needed_by),
        "promised": nanoseconds(line.promised),
        "supplier": line.supplier,
        "certificate_required": line.certificate_required,
    }


def _policy(plan: Any) -> str:
    told = plan.policy.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _milestone(document: OrderDocument, ordinal: int, plan: MilestoneDocument) -> dict[str, Any]:
    number = document.number
    return {
        "id": part_id(number, plan.key),
        "order_number": number,
        "ordinal": ordinal,
        "title_en": plan.title.en,
        "title_zh": plan.title.zh,
        "start": start_of(plan, document),
        "due": nanoseconds(plan.due),
        "policy": _policy(plan),
        "percent": Decimal(0),
        "evidence": 0,
    }


#: What a row begins with, and what no document changes.
_STATE = frozenset(("id", "arrived", "percent", "evidence"))


async def _upsert(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert, or update and leave what was counted alone."""
    by_columns: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_columns[frozenset(row)].append(row)
    for columns, alike in by_columns.items():
        statement = insert(connection, table)
        told = {name: statement.excluded[name] for name in columns - _STATE}
        await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=told), alike)


async def _replace(connection: AsyncConnection, table: Table, here: Any, rows: Sequence[dict[str, Any]]) -> None:
    await connection.execute(delete(table).where(here))
    await insert_all(connection, table, rows)
