"""Lists as people lay them out: headings in two rows, merged and hidden cells, dates and quantities as they are shown."""

import io
import re
import zipfile
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from openpyxl.styles import numbers

from tracking_service.document import OrderDocument
from tracking_service.errors import FileRefusedError
from tracking_service.lists import read_list, read_mapping
from tracking_service.schedules.taking import Taken

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = {"en": "Hall", "zh": "厂房"}
HANDOVER = {"key": "handover", "title": TITLE, "policy": {"signed_off": {"role": "project_manager"}}}
ORDER = {"number": "PO-1", "site": "harbour", "title": TITLE, "milestones": [HANDOVER]}


def read(data: str | bytes, mapping: str = "", **changes) -> Taken:
    told = read_mapping(mapping.encode(), "mapping.toml")
    order = OrderDocument.model_validate(ORDER | changes)
    return read_list(data.encode() if isinstance(data, str) else data, "list", told).onto(order, SHANGHAI)


def refused(data: str | bytes, mapping: str = "", **changes) -> str:
    with pytest.raises(FileRefusedError) as error:
        read(data, mapping, **changes)
    return str(error.value)


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def rewritten(data: bytes, change) -> bytes:
    """A workbook with its parts otherwise: `change` takes a name and a text and gives both."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(file, "w") as after:
        for name in before.namelist():
            made = change(name, before.read(name).decode())
            after.writestr(made[0], made[1])
    return file.getvalue()


def lines(made: Taken) -> list[tuple]:
    return [(each.line, each.title.en, each.quantity, each.unit) for each in made.document.lines]


# Headings


def test_headings_in_two_merged_rows_are_put_together():
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["序号", "材料名称", "数量", None, "单位"], [None, None, "设计", "实际", None], [1, "钢梁", 12, 13, "根"]):
        sheet.append(row)
    for area in ("A1:A2", "B1:B2", "C1:D1", "E1:E2"):
        sheet.merge_cells(area)
    assert lines(read(saved(book))) == [("1", "钢梁", Decimal(12), "根")]
    assert lines(read(saved(book), '[columns]\nquantity = "实际"')) == [("1", "钢梁", Decimal(13), "根")]


def test_headings_in_two_rows_of_a_csv_file_are_put_together():
    assert lines(read("Item,Description,Quantity,,UoM\n,,design,as built,\n1,Beam,12,13,m\n")) == [("1", "Beam", 12, "m")]
    assert lines(read("Item,Description,,,UoM\n,,Qty,as built,\n1,Beam,12,13,m\n")) == [("1", "Beam", 12, "m")]


def test_headings_that_stand_on_every_page_are_told_and_passed_over():
    made = read("Item,Description,Qty\n1,Beam,12\nItem,Description,Qty\n2,Bolt,5\n")
    assert [each[0] for each in lines(made)] == ["1", "2"]
    assert made.remarks == ("row 3: the headings stand there again",)


def test_the_sheet_whose_headings_are_known_is_found():
    book = openpyxl.Workbook()
    for row in (["Project", "Hall 3"], ["Revision", "C"]):
        book.active.append(row)
    bill = book.create_sheet("Bill")
    for row in (["Item", "Description", "Qty"], [1, "Beam", 12]):
        bill.append(row)
    made = read(saved(book))
    assert len(made.document.lines) == 1
    assert made.remarks == ("read from sheet 'Bill', the first of 2 that can be; another can be said",)
    assert "row 1 has 'Project', 'Hall 3'" in refused(saved(book), 'sheet = "Sheet"')


# Cells


def test_text_and_dates_of_merged_cells_are_those_of_every_row_and_quantities_are_not():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Item", "Description", "Qty", "Supplier", "Needed by"])
    for number in (1, 2, 3):
        first = number == 1
        sheet.append([number, "Beam", 12, "ACME" if first else None, datetime(2024, 5, 6) if first else None])  # noqa: DTZ001 - no zone in Excel
    sheet.merge_cells("D2:D4")
    sheet.merge_cells("E2:E3")
    made = read(saved(book)).document.lines
    assert [each.supplier for each in made] == ["ACME"] * 3
    assert [each.needed_by is not None for each in made] == [True, True, False]
    sheet["C3"] = None
    sheet.merge_cells("C2:C3")
    assert "row 3, Qty: is empty" in refused(saved(book))


def test_hidden_rows_are_read_and_told():
    book = openpyxl.Workbook()
    for row in (["Item", "Description", "Qty"], [1, "Beam", 12], [2, "Bolt", 5]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    made = read(saved(book))
    assert len(made.document.lines) == 2
    assert made.remarks == ("row 3: the row is hidden, by a filter perhaps; it is read all the same",)


def test_a_formula_that_gives_an_empty_text_is_an_empty_cell():
    book = openpyxl.Workbook()
    for row in (["Item", "Description", "Qty", "Supplier"], [1, "Beam", 12, "x"]):
        book.active.append(row)

    def with_formula(name, text):
        return name, re.sub(r'<c r="D2".*?</c>', '<c r="D2" t="str"><f>IF(A2="","x","")</f><v></v></c>', text)

    assert read(rewritten(saved(book), with_formula)).document.lines[0].supplier is None


@pytest.mark.parametrize("form", ["0%", "0.0%", '0.00%;[Red]"-"0.00%'])
def test_percentages_are_what_the_workbook_shows(form):
    book = openpyxl.Workbook()
    for row in (["ID", "Task", "% Complete"], [1, "Dig", 0.55], [2, "Pour", 1], [3, "Cure", 0]):
        book.active.append(row)
    for row in (2, 3, 4):
        book.active[f"C{row}"].number_format = form
    assert [each.percent for each in read(saved(book)).document.tasks] == [55, 100, 0]
    for row in (2, 3, 4):
        book.active[f"C{row}"].number_format = numbers.FORMAT_GENERAL
    assert [each.percent for each in read(saved(book)).document.tasks] == [0.55, 1, 0]


def test_parts_of_a_workbook_lie_where_it_says():
    book = openpyxl.Workbook()
    for row in (["Item", "Description", "Qty"], [1, "Beam", 12]):
        book.active.append(row)

    def moved(name, text):
        text = text.replace("/xl/sharedStrings.xml", "/xl/SharedStrings.XML").replace("xl/workbook.xml", "xl/Book2.xml")
        name = name.replace("sharedStrings.xml", "SharedStrings.xml").replace("xl/workbook.xml", "xl/Book2.xml")
        return name.replace("xl/_rels/workbook.xml.rels", "xl/_rels/Book2.xml.rels"), text

    assert lines(read(rewritten(saved(book), moved))) == [("1", "Beam", Decimal(12), "pcs")]


# Dates


def needed(written: str, mapping: str = "", more: str = "") -> str:
    made = read(f'Item,Description,Qty,Needed by\n1,Beam,12,"{written}"\n{more}', mapping)
    return made.document.lines[0].needed_by.isoformat()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("06-May-24", "2024-05-06T23:59"),
        ("6 May 2024", "2024-05-06T23:59"),
        ("May 6, 2024", "2024-05-06T23:59"),
        ("Mon 06-May-24", "2024-05-06T23:59"),
        ("06-May-24 A", "2024-05-06T23:59"),
        ("06-May-24 08:00*", "2024-05-06T08:00"),
        ("Mon, May 6, 2024", "2024-05-06T23:59"),
        ("mar 7 mai 2024 9:00", "2024-05-07T09:00"),
        ("Mar 13/05/2024", "2024-05-13T23:59"),
        ("6. Mai 2024", "2024-05-06T23:59"),
        ("2024-05-06 2:30 PM", "2024-05-06T14:30"),
        ("2024-05-06T14:30:00Z", "2024-05-06T14:30"),
        ("2024年5月6日星期一", "2024-05-06T23:59"),
        ("2024年5月6日14:30", "2024-05-06T14:30"),
        ("2024/5/6 下午 2:30", "2024-05-06T14:30"),
        ("2024-05-06（周一）", "2024-05-06T23:59"),
        ("06.05.2024", "2024-05-06T23:59"),
        ("45418", "2024-05-06T23:59"),
        ("45418.5", "2024-05-06T12:00"),
    ],
)
def test_dates_as_programs_show_them_are_understood(written, meant):
    assert needed(written) == f"{meant}:00+08:00"


def test_the_order_of_dates_is_what_the_column_shows_or_the_mapping_says():
    assert needed("05/06/2024", more="2,Bolt,5,13/06/2024\n") == "2024-06-05T23:59:00+08:00"
    assert needed("05/06/2024", more="2,Bolt,5,06/13/2024\n") == "2024-05-06T23:59:00+08:00"
    assert needed("32/05/16") == "2032-05-16T23:59:00+08:00"
    assert needed("Mon 5/6/24 8:00 AM", 'dates = "mdy"') == "2024-05-06T08:00:00+08:00"
    assert needed("03/04/05", 'dates = "ymd"') == "2003-04-05T23:59:00+08:00"
    for several in ("05/06/2024", "03/04/05"):
        said = refused(f"Item,Description,Qty,Needed by\n1,Beam,12,{several}\n")
        assert "row 2, Needed by" in said
        assert "several orders" in said


def test_a_number_in_a_column_of_dates_is_told():
    book = openpyxl.Workbook()
    for row in (["Item", "Description", "Qty", "Needed by"], [1, "Beam", 12, 45418]):
        book.active.append(row)
    made = read(saved(book))
    assert made.document.lines[0].needed_by.isoformat() == "2024-05-06T23:59:00+08:00"
    assert made.remarks == ("row 2, needed_by: a number in a column of dates is a spreadsheet's count of days",)
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    assert read(saved(book)).document.lines[0].needed_by.isoformat() == "2028-05-07T23:59:00+08:00"
    book.active["D2"] = 12
    assert "row 2, Needed by: '12' is a number, expected a date" in refused(saved(book))


# Quantities and durations


@pytest.mark.parametrize(
    ("written", "quantity", "unit"),
    [
        ("12.5 m", Decimal("12.5"), "m"),
        ("100pcs", 100, "pcs"),
        ("10 根", 10, "根"),
        ("1,250.5 kg", Decimal("1250.5"), "kg"),
        ("1’250.5 kg", Decimal("1250.5"), "kg"),
        ("1\u2009250 kg", 1250, "kg"),
        ("1e3", 1000, "pcs"),
    ],
)
def test_a_unit_behind_a_quantity_is_its_unit(written, quantity, unit):
    assert lines(read(f'Item,Description,Qty\n1,Beam,"{written}"\n')) == [("1", "Beam", quantity, unit)]


def test_a_unit_behind_a_quantity_is_the_one_of_its_column_or_refused():
    table = "Item,Description,Qty,UoM\n1,Beam,12 {},{}\n"
    assert lines(read(table.format("M", "m"))) == [("1", "Beam", 12, "m")]
    assert lines(read(table.format("Stk", "pcs"), '[values.unit]\nStk = "pcs"')) == [("1", "Beam", 12, "pcs")]
    assert "row 2, Qty: '12 kg' is in 'kg', but its unit is 'm'" in refused(table.format("kg", "m"))
    line = {"line": "1", "title": {"en": "Beam", "zh": "梁"}, "quantity": 12, "unit": "m"}
    delivered = "SSCC,Line,Quantity\n106141412345678908,1,12 {}\n"
    assert read(delivered.format("m"), lines=[line]).document.deliveries[0].quantity == 12
    assert "is in 'kg'" in refused(delivered.format("kg"), lines=[line])


@pytest.mark.parametrize("written", ["12/13", "5-10", "about 5", "5 (five)", "12 %", "m"])
def test_what_is_no_quantity_is_refused(written):
    assert "row 2, Qty" in refused(f'Item,Description,Qty\n1,Beam,"{written}"\n')


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("5 个工作日", 5),
        ("5 工作日", 5),
        ("16 工时", 2),
        ("2 周工时", 10),
        ("1 月工时", 20),
        ("3 edays", 3),
        ("1,200.5 days", 1_200.5),
        ("5 days?", 5),
        ("1 mon", 20),
    ],
)
def test_durations_as_planning_programs_show_them(written, days):
    made = read(f'ID,Task,Duration\n1,Dig,"{written}"\n')
    assert made.document.tasks[0].duration_days == days


def test_a_duration_that_may_be_two_is_refused():
    assert "may be thousands or decimals" in refused('ID,Task,Duration\n1,Dig,"1,200 days"\n')


def test_lags_in_chinese_units_are_understood():
    made = read('标识号,任务名称,工期,前置任务\n1,开挖,5 个工作日,\n2,浇筑,3 个工作日,"1FS+2 个工作日"\n')
    assert made.document.tasks[1].after[0].lag_days == 2


def test_a_sheet_that_the_workbook_names_twice_is_read_once():
    book = openpyxl.Workbook()
    book.active.append(["nothing", "known"])

    def twice(name, text):
        sheet = re.search(r"<sheet [^>]*/>", text)
        return name, text.replace(sheet[0], sheet[0] + sheet[0].replace("Sheet", "Other")) if sheet else text

    data = rewritten(saved(book), twice)
    assert data != saved(book)
    assert "there are Sheet" in refused(data, 'sheet = "Other"')
