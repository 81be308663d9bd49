"""Lists from spreadsheets: headings in two languages, units, dates, numbers; every wrong row told."""

import csv
import io
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.difference import difference
from tracking_service.document import OrderDocument
from tracking_service.errors import FileRefusedError, OrderRefusedError
from tracking_service.lists import ListMapping, read_list, read_mapping
from tracking_service.schedules.fields import local_time

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = {"en": "Hall", "zh": "厂房"}
SSCC = "106141412345678908"
LINE = {"line": "10", "title": {"en": "Bolt M16", "zh": "螺栓"}, "quantity": 5, "certificates": [{"document": "C-1"}]}


def order(**changes) -> OrderDocument:
    return OrderDocument.model_validate({"number": "PO-1", "site": "harbour", "title": TITLE, "lines": [LINE]} | changes)


def read(text: str | bytes, mapping: str = "", remove: bool = False, before: OrderDocument | None = None):
    data = text.encode() if isinstance(text, str) else text
    told = read_mapping(mapping.encode(), "mapping.toml")
    return read_list(data, "list.csv", told).onto(before or order(), SHANGHAI, remove=remove)


def workbook(*rows, **sheets) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def refused(*arguments, **named) -> str:
    with pytest.raises(FileRefusedError) as error:
        read(*arguments, **named)
    return str(error.value)


def test_a_bill_of_materials_is_read_by_its_english_headings():
    made = read(
        "Line No.,Description,Qty,UoM,GTIN,Certificate,Needed by,Supplier Code\n"
        '10,Bolt M16,"1,250.5",pcs,4006381333931,yes,2024-05-06,B16; B-16\n'
        "20,Beam HEB 300,12,m,,no,2024-05-06 09:30,\n"
    ).document
    bolt, beam = made.lines
    assert (bolt.quantity, bolt.gtin, bolt.certificate_required) == (Decimal("1250.5"), "04006381333931", True)
    assert bolt.codes == ("B16", "B-16")
    assert bolt.title.zh == "螺栓"
    assert bolt.certificates[0].document == "C-1"
    assert bolt.needed_by.isoformat() == "2024-05-06T23:59:00+08:00"
    assert (beam.unit, beam.needed_by.isoformat()) == ("m", "2024-05-06T09:30:00+08:00")


def test_a_chinese_list_of_excel_is_read_in_its_encoding_with_a_title_above():
    text = "某某项目材料表;;;\n序号;材料名称;数量;单位\n1;高强螺栓;1250,5;套\n;钢结构;;\n2;钢梁;12;根\n"
    made = read(text.encode("gb18030"))
    assert [(each.line, each.title.zh, each.quantity, each.unit) for each in made.document.lines[1:]] == [
        ("1", "高强螺栓", Decimal("1250.5"), "套"),
        ("2", "钢梁", Decimal(12), "根"),
    ]
    told = " | ".join(made.remarks)
    assert "gb18030" in told
    assert "row 4: a row without a line is taken for a heading" in told
    assert "line 10: a line of the order is not in the list; it stays" in told


def test_the_same_list_again_changes_nothing_and_another_shows_what_changes():
    text = "line,title,quantity\n10,Bolt M16,5\n20,Beam,7\n"
    first = read(text).document
    assert read(text, before=first).document.canonical() == first.canonical()
    after = read("line,title,quantity\n10,Bolt M20,6\n30,Plate,1\n", before=first, remove=True).document
    told = [each.told() for each in difference(first, after)]
    assert told == [
        "removed  line 20 'Beam'  quantity: 7 → none",
        "renamed, changed  line 10 'Bolt M20'  title: Bolt M16 / 螺栓 → Bolt M20; quantity: 5 → 6",
        "added  line 30 'Plate'  quantity: none → 1",
    ]


MAPPING = """
kind = "materials"
header_row = 3
decimal = ","
dates = "dmy"
[columns]
line = "Pos."
title_en = "Bezeichnung"
quantity = "Menge (netto)"
unit = "ME"
needed_by = "Bedarf"
[defaults]
unit = "pcs"
certificate_required = "yes"
[values.unit]
"Stk" = "pcs"
"lfm" = "m"
"""


def test_a_mapping_says_what_columns_words_and_numbers_mean():
    text = "Stückliste\nHalle 3\nPos.;Bezeichnung;ME;Menge (netto);Bedarf\n10.1;Stütze;Stk;1.250,5;3.4.24\n10.2;Rohr;lfm;7;\n10.3;Blech;;1;\n"
    made = read(text.encode("cp1252"), MAPPING).document
    first, second, third = made.lines[1:]
    assert (first.quantity, first.unit, first.needed_by.date()) == (Decimal("1250.5"), "pcs", date(2024, 4, 3))
    assert (second.unit, third.unit, third.certificate_required) == ("m", "pcs", True)
    assert first.title == type(first.title)(en="Stütze", zh="Stütze")


def test_a_workbook_has_its_dates_numbers_and_texts():
    data = workbook(
        ["Bill of materials"],
        [],
        ["No", "Name", "Quantity", "GTIN", "Needed", "Lot", "certificate required"],
        [1, "Bolt", 0.1 + 0.2, 4006381333931, local_time(2024, 5, 6, 9, 30), "0042", True],
        [2.0, "Beam", 12, None, date(2024, 5, 7), None, False],
        [3, "Formula", "=SUM(C4:C5)", None, None, None, None],
        [None, "Total", 12.3, None, None, None, None],
    )
    with pytest.raises(FileRefusedError, match="row 6, Quantity: 'is a formula without a value"):
        read(data)
    rows = openpyxl_rows(data)
    lines = read(workbook(*rows[:-2], rows[-1])).document.lines[1:]
    assert [(each.line, each.quantity, each.batch) for each in lines] == [
        ("1", Decimal("0.3"), "0042"),
        ("2", Decimal(12), None),
    ]
    assert lines[0].needed_by.isoformat() == "2024-05-06T09:30:00+08:00"
    assert lines[1].needed_by.isoformat() == "2024-05-07T23:59:00+08:00"


def openpyxl_rows(data: bytes) -> list[list]:
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(data)).active.rows]


def test_the_sheet_with_rows_is_taken_or_the_one_that_is_named():
    data = workbook(Offer=[["line", "title", "quantity"], [1, "A", 2]], Order=[["line", "title", "quantity"], [2, "B", 3]])
    made = read(data)
    assert made.document.lines[1].title.en == "A"
    assert "sheet 'Offer'" in made.remarks[0]
    assert read(data, 'sheet = "Order"').document.lines[1].title.en == "B"
    assert "there is no sheet 'X'; there are Sheet, Offer, Order" in refused(data, 'sheet = "X"')


def test_every_wrong_row_is_told_with_its_column_and_why():
    said = refused(
        "line,title,quantity,gtin,certificate,needed by\n"
        '1,A,many,,,\n1b,,5,,,\n3,C,5,4006381333930,,\n4,D,0,,maybe,\n5,E,5,,,soon\n3,F,1,,,\n,G,1,,,\n7,H,"1,234",,,\n'
    )
    for part in (
        "list.csv: row 2, quantity: 'many' is no number",
        "row 3, title: '' is empty; say what it is",
        "row 4, gtin: '4006381333930' must be a GTIN",
        "row 5, certificate: 'maybe' is neither yes nor no",
        "row 6, needed by: 'soon' is no date",
        "row 7, line: '3' stands in row 4 already",
        "row 8, line: '' is empty",
        "row 9, quantity: '1,234' may be thousands or decimals",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("quantities", "told"),
    [
        (["1,234", "2,5"], ["1.234", "2.5"]),
        (["1.234", "2,5"], ["1234", "2.5"]),
        (["1,234", "0.5"], ["1234", "0.5"]),
        (["1.234", "0.5", "1 000"], ["1.234", "0.5", "1000"]),
        (["1,234,567", "1,234"], ["1234567", "1234"]),
        (["0.125", "0,250"], ["0.125", "0.25"]),
        (["1'250.75", "12"], ["1250.75", "12"]),
    ],
)
def test_thousands_and_decimals_are_told_by_the_other_numbers_of_the_column(quantities, told):
    rows = "".join(f"{place};A;{each}\n" for place, each in enumerate(quantities))
    lines = read("line;title;quantity\n" + rows).document.lines[1:]
    assert [each.quantity for each in lines] == [Decimal(each) for each in told]


@pytest.mark.parametrize("quantity", ["1,234", "1.234"])
def test_a_number_that_may_be_two_is_refused(quantity):
    assert "may be thousands or decimals" in refused(f"line;title;quantity\n1;A;{quantity}\n")


def test_of_many_mistakes_the_first_are_told():
    said = refused("line,title,quantity\n" + "".join(f"{each},A,x\n" for each in range(1_000)))
    assert said.count("is no number") == 20
    assert said.endswith("; and 980 more")


def test_deliveries_name_lines_of_the_order_and_add_up():
    text = f"SSCC,Line,Qty,Delivery note,Batch\n{SSCC},10,3,DN-7,B1\n"
    first = read(text).document
    assert first.deliveries[0].delivery_note == "DN-7"
    other = SSCC[:-1].replace("1", "2", 1)
    digit = next(each for each in "0123456789" if accepted(other + each))
    again = read(text.replace(SSCC, other + digit), before=first)
    assert len(again.document.deliveries) == 2
    assert len(read(text, before=again.document, remove=True).document.deliveries) == 1
    assert "row 2, Line: '99' there is no such line in order PO-1" in refused(text.replace(",10,", ",99,"))
    assert "row 2, SSCC: '1.06141E+17' was rounded by a spreadsheet" in refused(text.replace(SSCC, "1.06141E+17"))
    rounded = workbook(["sscc", "line", "quantity"], [int(SSCC), 10, 3])
    assert "has 18 digits, of which a spreadsheet keeps 15" in refused(rounded)
    assert read(workbook(["sscc", "line", "quantity"], [SSCC, 10, 3])).document.deliveries[0].sscc == SSCC


def accepted(sscc: str) -> bool:
    try:
        read(f"sscc,line,quantity\n{sscc},10,1\n")
    except FileRefusedError:
        return False
    return True


TASKS = """Task ID,Task Name,WBS,Start,Finish,Duration,% Complete,Predecessors
1,Foundations,1,2024-05-06,2024-05-20,,50%,
2,Dig,1.1,2024-05-06,2024-05-10,5 days,100,
A-100,Concrete,1.2,2024-05-13,2024-05-20,6d,0,"2FS+2d"
4,Done,1.3,2024-05-20,2024-05-20,0,0,"A-100FF-50%; 2SS"
"""


def test_a_task_list_becomes_the_work_breakdown():
    made = read(TASKS).document
    tasks = {each.key: each for each in made.tasks}
    assert {key: each.parent for key, each in tasks.items()} == {"1": None, "2": "1", "A-100": "1", "4": "1"}
    assert (tasks["2"].duration_days, tasks["2"].percent, tasks["1"].percent) == (5, 100, 50)
    assert tasks["2"].finish.isoformat() == "2024-05-10T23:59:00+08:00"
    assert [(each.task, each.kind, each.lag_days) for each in tasks["4"].after] == [("A-100", "FF", -3), ("2", "SS", 0)]
    assert [each.key for each in made.milestones] == ["4"]
    assert read(TASKS, before=made).document.canonical() == made.canonical()


def test_a_chinese_task_list_goes_by_its_levels():
    text = "标识号\t任务名称\t大纲级别\t开始时间\t完成时间\t工期\t前置任务\n1\t基础\t1\t2024年5月6日\t2024年5月20日\t\t\n2\t开挖\t2\t2024年5月6日\t2024年5月10日\t5 天\t\n3\t浇筑\t2\t2024年5月13日\t2024年5月20日\t48小时\t2FS\n"
    for encoding in ("utf-16", "gb18030", "utf-8-sig"):
        tasks = {each.key: each for each in read(text.encode(encoding)).document.tasks}
        assert (tasks["2"].parent, tasks["2"].duration_days, tasks["3"].duration_days) == ("1", 5, 6)
        assert tasks["3"].title.zh == "浇筑"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("2FS+2d", "9FS"), "row 4, Predecessors: '9FS' '9FS' names no task of the list"),
        (("2FS+2d", "2FS+2x"), "x is no unit of a lag"),
        (("5 days", "five"), "row 3, Duration: 'five' is no duration"),
        (("2024-05-10", "2024-05-01"), "row 3, Finish: '2024-05-01' lies before its start"),
        (("4,Done", "2,Done"), "row 5, Task ID: '2' stands in row 3 already"),
        (("50%", "150%"), "is no percentage"),
    ],
)
def test_wrong_tasks_are_told(change, said):
    assert said in refused(TASKS.replace(*change))


def test_tasks_that_wait_for_each_other_are_refused():
    with pytest.raises(OrderRefusedError, match="waits for itself"):
        read(TASKS.replace("100,\n", "100,4\n"))


@pytest.mark.parametrize(
    ("text", "mapping", "said"),
    [
        ("", "", "there is no row in it"),
        ("a,b\n1,2\n", "", "not understood as materials (no column for line, quantity, title)"),
        ("line,title\n1,A\n", 'kind = "materials"', "materials (no column for quantity); row 1 has 'line', 'title'"),
        (
            "line,title,quantity\n",
            'kind = "materials"\ncolumns.unit = "ME"',
            "no column 'ME' for unit; there are 'line', 'title'",
        ),
        ("line,title,quantity\n", "header_row = 9", "row 9 is empty or not there"),
        ("x", 'kind = "other"', "mapping.toml: kind: Input should be"),
        ("line,title,quantity\n", 'columns.colour = "x"', "columns.colour: a list of materials has no such field"),
        ("x", 'kind = "tasks"\ncolumns.finnish = "x"', "did you mean 'finish'?"),
        ("x", "kind = ", "mapping.toml: is no TOML"),
        ("x", 'colour = "red"', "mapping.toml: colour: Extra inputs are not permitted"),
        ('line,title,quantity\n1,"A,5\n', 'separator = ","', "check the quotes and the separator ','"),
        ("line,title,quantity\n" + "," * 300 + "1\n", "", "301 columns, at most 200"),
        ("line,title,quantity\n1," + "x" * 40_000 + ",5\n", "", "a cell of more than 32767 characters"),
        ("line,title,quantity\n" + "x" * 1_000_001, "", "more than 1000000 characters"),
        ("line,title,quantity\n" + "1,a,1\n" * 50_001, "", "more than 50000 rows"),
    ],
)
def test_lists_and_mappings_that_cannot_be_read_say_why(text, mapping, said):
    assert said in refused(text, mapping)


def test_a_mapping_without_headings_of_its_kind_is_not_needed_for_known_words():
    assert ListMapping() == read_mapping(b"", "m")


CELLS = st.one_of(
    st.text(alphabet=st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)), max_size=12),
    st.sampled_from(
        [
            "1",
            "10",
            "1,5",
            "1.234,5",
            "-3",
            "1e400",
            "nan",
            "50%",
            "yes",
            "2024-05-06",
            "31.4.24",
            "5d",
            "1FS+2d",
            "2;3",
            "合计",
        ]
    ),
)
HEADS = st.sampled_from(
    [
        ["line", "title", "quantity", "gtin", "needed_by", "certificate_required", "codes"],
        ["sscc", "line", "quantity", "batch", "delivery_note"],
        ["id", "title", "wbs", "level", "start", "finish", "duration_days", "percent", "predecessors", "milestone"],
        ["id", "title", "parent", "predecessors"],
    ]
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_the_cells_of_a_list_it_is_taken_or_refused(data):
    head = data.draw(HEADS)
    rows = data.draw(st.lists(st.lists(CELLS, max_size=len(head)), max_size=6))
    file = io.StringIO()
    csv.writer(file).writerows([head, *rows])
    try:
        made = read(file.getvalue(), before=order()).document
    except (FileRefusedError, OrderRefusedError) as refusal:
        assert str(refusal).startswith(("list.csv: ", "order PO-1: "))  # noqa: PT017 - it may as well be taken
    else:
        assert OrderDocument.model_validate_json(made.canonical()).canonical() == made.canonical()
