"""Bills of materials and deliveries into an order: rows become lines and logistic units, what the list does not say stays."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from tracking_service import document as documents
from tracking_service.document import OrderDocument
from tracking_service.document.fields import Part, TextDocument
from tracking_service.document.order import DeliveryDocument, LineDocument
from tracking_service.errors import OrderRefusedError
from tracking_service.lists.cells import Cells
from tracking_service.lists.dates import last_moment
from tracking_service.lists.table import MAX_COLUMNS, Cell, Row, text_of
from tracking_service.lists.values import code_of, measure_of, yes
from tracking_service.schedules.naming import key_of
from tracking_service.schedules.schedule import Remarks
from tracking_service.schedules.taking import Taken

_TITLE: Final = 256
_CODES: Final = ";"
_TOTAL: Final = re.compile(r"\s*(?:sub-?total|total|sum|summe|合计|总计|小计|共计)", re.IGNORECASE)


def with_materials(order: OrderDocument, cells: Cells, zone: tzinfo, *, remove: bool) -> Taken:
    """The order with the lines of a bill of materials.

    A line that was there keeps what the list has no column for (packs, certificates …). Lines that the list does not have stay,
    unless `remove`. Raises `FileRefusedError` for the rows, `OrderRefusedError` where the order cannot be so.
    """
    remarks = Remarks()
    before = {line.line: line for line in order.lines}
    made: dict[str, LineDocument] = {}
    rows: dict[str, int] = {}
    reading = _reading(cells, zone)
    for row in cells.rows():
        name = cells.get(row, "line", code_of)
        if not name:
            if _is_heading(row, cells):
                remarks.add("a row without a line is taken for a heading or a total, and left out", f"row {row.number}")
            else:
                cells.mistake(row, "line", "is empty; give the line a number")
            continue
        key = key_of(name)
        if key != name:
            remarks.add(
                "what may not name a line is written otherwise in the order", f"row {row.number}: '{name[:40]}' → {key}"
            )
        if key in rows:
            cells.mistake(row, "line", f"stands in row {rows[key]} already; a line stands there once")
            continue
        rows[key] = row.number
        line = _built(LineDocument, _line(row, key, before.get(key), cells, reading), row, cells)
        if line is not None:
            made[key] = line
    cells.check()
    return _order(order, remarks, "lines", _merged(before, made, "line", remarks, remove=remove))


def with_deliveries(order: OrderDocument, cells: Cells, *, remove: bool) -> Taken:
    """The order with the logistic units of a list of deliveries; others stay, unless `remove`. Raises as above."""
    remarks = Remarks()
    known = {line.line: line.unit for line in order.lines}
    before = {f"{unit.sscc} on line {unit.line}": unit for unit in order.deliveries}
    made: dict[str, DeliveryDocument] = {}
    rows: dict[str, int] = {}
    for row in cells.rows():
        name = key_of(cells.get(row, "line", code_of) or "-")
        if name not in known:
            cells.mistake(row, "line", f"there is no such line in order {order.number}; import its materials first")
            continue
        values: dict[str, Any] = {"line": name, "sscc": cells.get(row, "sscc", code_of) or ""}
        values["quantity"], _unit = _measured(row, cells, known[name])
        for field in ("batch", "delivery_note"):
            if text := cells.get(row, field, code_of):
                values[field] = text
        unit = _built(DeliveryDocument, values, row, cells)
        if unit is None:
            continue
        key = f"{unit.sscc} on line {unit.line}"
        if key in rows:
            cells.mistake(row, "sscc", f"stands with this line in row {rows[key]} already")
        rows[key] = row.number
        made[key] = unit
    cells.check()
    units = _merged(before, made, "delivery", remarks, remove=remove)
    return _order(order, remarks, "deliveries", units)


def _is_heading(row: Row, cells: Cells) -> bool:
    """Whether a row without a line's number is no line: it has no quantity, or says that it sums others up."""
    quantity = row.at(cells.layout.columns.get("quantity", MAX_COLUMNS))
    if quantity is None or (isinstance(quantity, str) and not any(character.isdigit() for character in quantity)):
        return True
    return any(isinstance(cell, str) and _TOTAL.match(cell) for cell in row.cells)


def _reading(cells: Cells, zone: tzinfo) -> Mapping[str, Callable[[Row], Any]]:
    """How the fields of a line are read, of those that the list has."""

    def codes(cell: Cell) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.strip() for part in code_of(cell).split(_CODES) if part.strip()))

    def as_cell(field: str, convert: Callable[[Cell], Any]) -> Callable[[Row], Any]:
        return lambda row: cells.get(row, field, convert)

    def as_time(field: str) -> Callable[[Row], Any]:
        def read(row: Row) -> datetime | None:
            told = cells.time(row, field)
            return datetime.fromisoformat(last_moment(told).replace(tzinfo=zone).isoformat()) if told is not None else None

        return read

    kinds: Mapping[str, Callable[[Cell], Any]] = {
        "gtin": code_of,
        "batch": code_of,
        "label": text_of,
        "codes": codes,
        "supplier": lambda cell: key_of(text) if (text := text_of(cell)) else None,
        "certificate_required": yes,
    }
    reading = {field: as_cell(field, convert) for field, convert in kinds.items()}
    reading |= {field: as_time(field) for field in ("promised", "needed_by")}
    return {field: read for field, read in reading.items() if cells.has(field)}


def _line(
    row: Row, key: str, before: LineDocument | None, cells: Cells, reading: Mapping[str, Callable[[Row], Any]]
) -> dict[str, Any]:
    fields = {name: getattr(before, name) for name in LineDocument.model_fields} if before is not None else {}
    fields |= {"line": key, "title": _titles(row, before, cells)}
    told = {field: read(row) for field, read in reading.items()}
    unit = cells.get(row, "unit", text_of) or None
    told["quantity"], behind = _measured(row, cells, unit)
    if cells.has("unit") or behind is not None:
        told["unit"] = unit or behind
    for field, value in told.items():
        if value in {None, ""}:
            fields.pop(field, None)
        else:
            fields[field] = value
    return fields


def _measured(row: Row, cells: Cells, unit: str | None) -> tuple[Decimal | None, str | None]:
    """The quantity of a row, and its unit where that stands behind the number; it must be `unit` where one is told."""
    told = cells.get(row, "quantity", lambda cell: measure_of(cell, cells.decimal("quantity")))
    if told is None or not told[1]:
        return (told[0] if told is not None else None), None
    behind = cells.mapping.values.get("unit", {}).get(told[1], told[1])
    if unit is not None and unit.casefold() != behind.casefold():
        cells.mistake(row, "quantity", f"is in '{behind[:20]}', but its unit is '{unit[:20]}'; say one of them")
    return told[0], behind


def _titles(row: Row, before: LineDocument | None, cells: Cells) -> TextDocument | dict[str, str]:
    title = (cells.get(row, "title", text_of) or "")[:_TITLE]
    en = (cells.get(row, "title_en", text_of) or "")[:_TITLE] or title
    zh = (cells.get(row, "title_zh", text_of) or "")[:_TITLE] or title
    if not (title or en or zh) and not cells.wrong(row):
        cells.mistake(row, "title", "is empty; say what it is")
    told_apart = cells.has("title_en") or cells.has("title_zh")
    if before is not None and not told_apart and title in {before.title.en, before.title.zh}:
        return before.title
    return {"en": en or zh, "zh": zh or en}


def _built(kind: type[Any], values: Mapping[str, Any], row: Row, cells: Cells) -> Any:
    """A part of the order from a row; nothing where the row is wrong, which is noted."""
    if cells.wrong(row):
        return None
    try:
        return kind(**values)
    except ValidationError as error:
        for mistake in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
            field = str(mistake["loc"][0]) if mistake["loc"] else "line"
            why = mistake["msg"].removeprefix("Value error, ")
            empty = values.get(field) is None
            cells.mistake(row, field, "is empty" if empty else why[:1].lower() + why[1:])
        return None


def _merged(
    before: Mapping[str, Part], made: Mapping[str, Part], what: str, remarks: Remarks, *, remove: bool
) -> Sequence[Part]:
    """What was there in its place, what is new behind it."""
    kept = [made.get(key, part) for key, part in before.items() if key in made or not remove]
    for key in before:
        if key not in made and not remove:
            remarks.add(f"a {what} of the order is not in the list; it stays (--remove takes it out)", f"{what} {key}")
    return [*kept, *(part for key, part in made.items() if key not in before)]


def _order(order: OrderDocument, remarks: Remarks, part: str, parts: Sequence[Part]) -> Taken:
    values: dict[str, Any] = {name: getattr(order, name) for name in OrderDocument.model_fields}
    values[part] = tuple(parts)
    try:
        made = OrderDocument(**values)
    except ValidationError as error:
        raise OrderRefusedError(f"order {order.number}: the list cannot be taken: {documents.explained(error)}") from None
    return Taken(made, remarks.told())
