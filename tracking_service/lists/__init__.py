"""Lists that people keep in spreadsheets (CSV, XLSX): bills of materials, deliveries, task lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from tracking_service.document import OrderDocument
from tracking_service.lists import csv_table, lines, tasks, xlsx
from tracking_service.lists.cells import Cells
from tracking_service.lists.mapping import MAX_MAPPING_BYTES, Kind, Layout, ListMapping, laid_out, read_mapping, understood
from tracking_service.schedules.schedule import Format
from tracking_service.schedules.taking import Taken, taken

__all__ = ["MAX_MAPPING_BYTES", "Kind", "ListMapping", "Listing", "read_list", "read_mapping"]

_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that was read: which column means what is known, what stands in its cells is not looked at yet."""

    name: str
    form: Format
    layout: Layout
    mapping: ListMapping
    remarks: Sequence[str]

    def onto(self, order: OrderDocument, zone: tzinfo, *, remove: bool = False, milestones: bool = True) -> Taken:
        """The order with what the list says: its materials, its deliveries or its tasks.

        Args:
            order: as it is.
            zone: of the order's site; dates in lists are its clock's.
            remove: lines or deliveries that the list does not have are taken out. A task list is always the whole of the tasks.
            milestones: milestones among the tasks become the order's.

        Raises `FileRefusedError`: file, row, column, reason; `OrderRefusedError` where the order cannot be so.
        """
        cells = Cells(self.layout, self.mapping, self.name)
        if self.layout.kind == "tasks":
            made = taken(order, tasks.schedule(cells, self.form, self.name), zone, milestones=milestones)
        elif self.layout.kind == "materials":
            made = lines.with_materials(order, cells, zone, remove=remove)
        else:
            made = lines.with_deliveries(order, cells, remove=remove)
        return Taken(made.document, (*self.remarks, *cells.remarks.told(), *made.remarks))


def read_list(data: bytes, name: str, mapping: ListMapping) -> Listing:
    """Read a list, CSV or XLSX; what it is a list of is told by its headings, or by the mapping.

    `name` is the file or request it came from. Raises `FileRefusedError`.
    """
    form: Format = "XLSX" if data.startswith(_ZIP) else "CSV"
    if form == "XLSX":
        table = xlsx.read(data, name, sheet=mapping.sheet, fits=lambda table: understood(table, mapping))
    else:
        table = csv_table.read(data, name, encoding=mapping.encoding, separator=mapping.separator)
    return Listing(name, form, laid_out(table, mapping, name), mapping, table.remarks)
