"""Workbooks: what openpyxl writes is read the same; what was made to hurt is refused."""

import io
import string
import zipfile
from datetime import datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.errors import FileRefusedError
from tracking_service.lists import csv_table, xlsx
from tracking_service.lists.table import Number, Trouble, plain, text_of

RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>'
)
BOOK = '<workbook xmlns:r="x"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'


def made(sheet: str, *, book: str = BOOK, relations: str = RELATIONS, **parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", book)
        archive.writestr("xl/_rels/workbook.xml.rels", relations)
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{sheet}</sheetData></worksheet>")
        for name, text in parts.items():
            archive.writestr(f"xl/{name}.xml", text)
    return file.getvalue()


def cells(data: bytes) -> list:
    return [list(row.cells) for row in xlsx.read(data, "b.xlsx").rows]


TEXTS = st.text(alphabet=string.ascii_letters + string.digits + " äß钢梁<&>\"'", min_size=1, max_size=20).filter(str.strip)
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(10**14), 10**14),
    st.floats(-1e9, 1e9).map(lambda value: round(value, 4)),
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001 - no zone in Excel
    st.none(),
)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_what_openpyxl_writes_is_read_the_same(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    found = {row.number: list(row.cells) for row in xlsx.read(file.getvalue(), "b.xlsx").rows}
    for number, row in enumerate(rows, 1):
        told = found.get(number, [])
        told += [None] * (len(row) - len(told))
        for value, cell in zip(row, told, strict=True):
            if isinstance(cell, Number):
                assert float(plain(cell)) == pytest.approx(float(value), rel=1e-12, abs=1e-12)
            else:
                assert cell == value


def test_shared_inline_and_rich_texts_are_texts():
    sheet = (
        '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="C2" t="inlineStr"><is><r><t>a</t></r><r><t> b</t></r></is></c></row>'
        '<row><c t="str"><f>A2</f><v>told</v></c><c t="e"><v>#N/A</v></c><c t="s"><v>9</v></c><c><f>1+1</f></c></row>'
    )
    shared = "<sst><si><r><t>钢</t></r><rPh><t>gang</t></rPh><r><t>梁</t></r></si></sst>"
    first, second = cells(made(sheet, sharedStrings=shared))
    assert first == ["钢梁", None, "a b"]
    assert second[0] == "told"
    assert all(isinstance(cell, Trouble) for cell in second[1:])
    with pytest.raises(ValueError, match="is the error #N/A"):
        text_of(second[1])


def test_dates_are_told_by_their_format_in_both_calendars():
    styles = '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="[Red]yyyy&quot;年&quot;m"/><numFmt numFmtId="171" formatCode="0.0 &quot;days&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>'
    sheet = '<row r="1">' + "".join(f'<c s="{style}"><v>45418.5</v></c>' for style in range(4)) + "</row>"
    (row,) = cells(made(sheet, styles=styles))
    noon = datetime(2024, 5, 6, 12)  # noqa: DTZ001 - no zone in Excel
    assert row == ["45418.5", noon, noon, "45418.5"]
    book = BOOK.replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    (row,) = cells(made(sheet.replace("45418.5", "43956.5"), styles=styles, book=book))
    assert row[1] == noon


def test_a_bomb_is_refused_before_it_is_unpacked_whole():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS)
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(70):
                part.write(b" " * 1_048_576)
    assert len(file.getvalue()) < 200_000
    with pytest.raises(FileRefusedError, match="unpacks to more than 64 MB"):
        xlsx.read(file.getvalue(), "b.xlsx")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 and no more", "the archive is damaged"),
        (made('<row r="1"><c r="A1"><v>1</v></c></row>')[:-30], "the archive is damaged"),
        (made("<row"), "line 1"),
        (b"PK\x03\x04" + b"PK\x01\x02" * 5_001, "5001 files in the archive"),
        (made("", relations='<!DOCTYPE x [<!ENTITY a "b">]><Relationships/>'), "a document type"),
        (made("", relations="<Relationships/>"), "no visible sheet"),
        (made("", book=BOOK.replace("sheetId", 'state="hidden" sheetId')), "no visible sheet"),
        (made("".join(f'<row r="{each}"><c><v>1</v></c></row>' for each in range(1, 50_002))), "more than 50000 rows"),
        (made("<row>" + "<c>" * 80), "deep in each other"),
    ],
)
def test_damaged_and_hostile_workbooks_are_refused(data, said):
    with pytest.raises(FileRefusedError, match=said):
        xlsx.read(data, "b.xlsx")


@pytest.mark.parametrize(
    ("part", "said"), [("content.xml", ".ods"), ("xl/workbook.bin", ".xlsb"), ("word/document.xml", "no Excel")]
)
def test_other_archives_are_told_by_what_they_are(part, said):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(part, "x")
    with pytest.raises(FileRefusedError) as refused:
        xlsx.read(file.getvalue(), "b.xlsx")
    assert said in str(refused.value)


def test_cells_far_to_the_right_and_rows_far_below_cost_nothing():
    sheet = "".join(f'<row r="{1_048_576 - each}"><c r="XFD1"><v>1</v></c><c r="A1"><v>2</v></c></row>' for each in range(100))
    assert cells(made(sheet)) == []


@given(st.binary(max_size=300), st.integers(0, 2_000))
@settings(max_examples=200, deadline=None)
def test_whatever_a_workbook_holds_it_is_read_or_refused(junk, place):
    whole = made('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', sharedStrings="<sst><si><t>a</t></si></sst>")
    for data in (whole[:place] + junk + whole[place + len(junk) :], whole[:place] + junk):
        try:
            xlsx.read(data, "b.xlsx")
        except FileRefusedError as refused:
            assert "b.xlsx" in str(refused)  # noqa: PT017 - it may as well be read


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_whatever_a_csv_file_holds_it_is_read_or_refused(data):
    told = data.encode("utf-8", "replace") if isinstance(data, str) else data
    try:
        csv_table.read(told, "l.csv")
    except FileRefusedError as refused:
        assert str(refused).startswith("l.csv: ")  # noqa: PT017 - it may as well be read


@pytest.mark.parametrize(
    ("number", "told"),
    [("4006381333931", "4006381333931"), ("1.0", "1"), ("0.30000000000000004", "0.3"), ("1E3", "1000"), ("1.5E-3", "0.0015")],
)
def test_numbers_are_written_plainly(number, told):
    assert plain(number) == told


@pytest.mark.parametrize("number", ["1.0614141234567891E17", "nan", "1e999999999", "x"])
def test_numbers_that_lost_digits_are_refused(number):
    with pytest.raises(ValueError, match=r"digits|no number"):
        plain(number)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_told_by_the_rows(separator):
    text = "\n".join(separator.join(row) for row in (["a", '"x,y;z|w"', "c"], ["1", "2.5", "3"], ["4", "5", "6"]))
    assert [len(row.cells) for row in csv_table.read(text.encode(), "l.csv").rows] == [3, 3, 3]
    assert len(csv_table.read(f"sep={separator}\n{text}".encode(), "l.csv").rows) == 3
