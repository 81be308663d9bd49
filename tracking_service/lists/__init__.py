"""Lists that people keep in spreadsheets (CSV, XLSX): bills of materials, deliveries, task lists."""

from datetime import tzinfo

from tracking_service.document import OrderDocument
from tracking_service.lists import csv_table, lines, tasks, xlsx
from tracking_service.lists.cells import Cells
from tracking_service.lists.mapping import Kind, ListMapping, laid_out, read_mapping
from tracking_service.schedules.schedule import Format
from tracking_service.schedules.taking import Taken, taken

__all__ = ["Kind", "ListMapping", "read_mapping", "with_list"]

_ZIP = b"PK\x03\x04"


def with_list(
    order: OrderDocument,
    data: bytes,
    name: str,
    mapping: ListMapping,
    zone: tzinfo,
    *,
    remove: bool = False,
    milestones: bool = True,
) -> Taken:
    """The order with what a list says: its materials, its deliveries or its tasks, told by the headings or the mapping.

    Args:
        order: as it is.
        data: the file, CSV or XLSX.
        name: what it is called in errors.
        mapping: which column means what, where the headings do not say it.
        zone: of the order's site; dates in lists are its clock's.
        remove: lines or deliveries that the list does not have are taken out. A task list is always the whole of the tasks.
        milestones: milestones among the tasks become the order's.

    Raises `FileRefusedError`: file, row, column, reason; `OrderRefusedError` where the order cannot be so.
    """
    form: Format = "XLSX" if data.startswith(_ZIP) else "CSV"
    if form == "XLSX":
        table = xlsx.read(data, name, sheet=mapping.sheet)
    else:
        table = csv_table.read(data, name, encoding=mapping.encoding, separator=mapping.separator)
    cells = Cells(laid_out(table, mapping, name), mapping, name)
    if cells.layout.kind == "tasks":
        made = taken(order, tasks.schedule(cells, form, name), zone, milestones=milestones)
    elif cells.layout.kind == "materials":
        made = lines.with_materials(order, cells, zone, remove=remove)
    else:
        made = lines.with_deliveries(order, cells, remove=remove)
    return Taken(made.document, (*table.remarks, *made.remarks))
