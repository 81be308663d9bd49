"""Workbooks of Excel, WPS and LibreOffice (XLSX: Office Open XML, ISO/IEC 29500-1, 18), read as values, in bounded memory."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from tracking_service.archive import opened
from tracking_service.errors import FileRefusedError
from tracking_service.lists.table import MAX_CELL, MAX_COLUMNS, MAX_ROWS, Cell, Number, Row, Table, Trouble
from tracking_service.schedules.elements import Each, Element, parse
from tracking_service.schedules.fields import local_time

#: A part of a workbook unpacked: more is a bomb, or no list.
_MAX_PART: Final = 64 * 1024 * 1024
_MAX_STRINGS: Final = 1_000_000
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})\Z")
#: Built-in formats of dates and times (18.8.30), those of East Asia among them.
_DATES: Final = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
#: In a format: what is literal, and what colours or chooses.
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_SHEET: Final = frozenset({"worksheet", "sheetData", "row", "c", "v", "f", "is", "t", "r"})
_RELATION: Final = "id"


def read(data: bytes, name: str, *, sheet: str | None = None) -> Table:
    """Read the rows of a sheet: the one named, else the first that is not hidden and has any.

    A formula stands for the value that it had when the workbook was saved. Raises `FileRefusedError`.
    """
    with opened(data, name) as archive:
        return _Workbook(archive, name).table(sheet)


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._name = name
        self._parts = {part.filename.lstrip("/"): part for part in archive.infolist()}
        if "xl/workbook.xml" not in self._parts:
            if "content.xml" in self._parts:
                raise FileRefusedError(f"{name}: an OpenDocument table (.ods); save it as .xlsx or CSV")
            if "xl/workbook.bin" in self._parts:
                raise FileRefusedError(f"{name}: a binary workbook (.xlsb); save it as .xlsx or CSV")
            raise FileRefusedError(f"{name}: an archive that is no Excel workbook; unpack it, or save the list as .xlsx or CSV")

    def table(self, wanted: str | None) -> Table:
        book = self._xml("xl/workbook.xml", {"workbook", "workbookPr", "sheets", "sheet"})
        sheets = self._sheets(book)
        if wanted is not None:
            if wanted not in sheets:
                raise FileRefusedError(f"{self._name}: there is no sheet '{wanted[:64]}'; there are {', '.join(sheets)[:300]}")
            chosen: Sequence[str] = [wanted]
        else:
            chosen = list(sheets)
        properties = book.find("workbookPr")
        from_1904 = properties is not None and properties.attributes.get("date1904") in {"1", "true"}
        strings = self._strings()
        dates = self._date_styles()
        for title in chosen:
            rows = _Sheet(self._name, title, strings, dates, from_1904=from_1904).rows(self._bytes(sheets[title]))
            if rows or wanted is not None:
                others = len(chosen) - 1
                told = (
                    [f"read from sheet '{title}', the first with rows of {others + 1}; another can be said"] if others else []
                )
                return Table(rows, told)
        return Table([])

    def _sheets(self, book: Element) -> Mapping[str, str]:
        """Titles of the visible sheets → where they lie."""
        relations = self._xml("xl/_rels/workbook.xml.rels", {"Relationships", "Relationship"})
        targets = {each.attributes.get("Id", ""): each.attributes.get("Target", "") for each in relations.all("Relationship")}
        found: dict[str, str] = {}
        listed = book.find("sheets")
        for each in listed.all("sheet") if listed is not None else ():
            told = {key.rpartition(":")[2]: value for key, value in each.attributes.items()}
            target = targets.get(told.get(_RELATION, ""), "")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if path in self._parts and told.get("state", "visible") == "visible":
                found[told.get("name", "")] = path
        if not found:
            raise FileRefusedError(f"{self._name}: there is no visible sheet in the workbook")
        return found

    def _strings(self) -> Sequence[str]:
        strings: list[str] = []

        def take(element: Element) -> None:
            if len(strings) == _MAX_STRINGS:
                raise FileRefusedError(f"{self._name}: more than {_MAX_STRINGS} texts in the workbook; split the list")
            strings.append(_text(element))

        if "xl/sharedStrings.xml" in self._parts:
            data = self._bytes("xl/sharedStrings.xml")
            parse(data, self._name, frozenset({"sst", "si", "t", "r"}), each=Each("si", take))
        return strings

    def _date_styles(self) -> frozenset[int]:
        """Which cell styles show dates."""
        if "xl/styles.xml" not in self._parts:
            return frozenset()
        styles = self._xml("xl/styles.xml", {"styleSheet", "numFmts", "numFmt", "cellXfs", "xf"})
        dates = set(_DATES)
        formats = styles.find("numFmts")
        for each in formats.all("numFmt") if formats is not None else ():
            told = _LITERAL.sub("", each.attributes.get("formatCode", "")).lower()
            if any(letter in told for letter in "yd年月日") or ("h" in told and "m" in told):
                dates.add(_integer(each.attributes.get("numFmtId")))
        cells = styles.find("cellXfs")
        listed = cells.all("xf") if cells is not None else ()
        return frozenset(place for place, each in enumerate(listed) if _integer(each.attributes.get("numFmtId")) in dates)

    def _xml(self, part: str, wanted: set[str]) -> Element:
        if part not in self._parts:
            raise FileRefusedError(f"{self._name}: the workbook has no {part}; save it again as .xlsx")
        return parse(self._bytes(part), f"{self._name}: {part}", wanted)

    def _bytes(self, part: str) -> bytes:
        info = self._parts[part]
        if info.flag_bits & 1:
            raise FileRefusedError(f"{self._name}: {part} is protected by a password; save the workbook without")
        with self._archive.open(info) as file:
            data = file.read(_MAX_PART + 1)
        if len(data) > _MAX_PART:
            raise FileRefusedError(f"{self._name}: {part} unpacks to more than {_MAX_PART // 1_048_576} MB; split the list")
        return data


class _Sheet:
    """A sheet's rows as they come by."""

    def __init__(self, name: str, title: str, strings: Sequence[str], dates: frozenset[int], *, from_1904: bool) -> None:
        self._where = f"{name}: sheet '{title}'"
        self._strings = strings
        self._dates = dates
        self._day_0 = local_time(1904, 1, 1) if from_1904 else local_time(1900, 1, 1) - timedelta(days=2)
        self._rows: list[Row] = []
        self._number = 0

    def rows(self, data: bytes) -> Sequence[Row]:
        parse(data, self._where, _SHEET, each=Each("row", self._take))
        return self._rows

    def _take(self, element: Element) -> None:
        self._number = _integer(element.attributes.get("r")) or self._number + 1
        cells: list[Cell] = []
        for cell in element.all("c"):
            found = _REFERENCE.match(cell.attributes.get("r", ""))
            column = _column(found[1]) if found is not None else len(cells)
            if column >= MAX_COLUMNS:
                break
            cells += [None] * (column - len(cells))
            if column == len(cells):
                cells.append(self._cell(cell))
        row = Row(self._number, cells)
        if row.blank:
            return
        if len(self._rows) == MAX_ROWS:
            raise FileRefusedError(f"{self._where}: row {self._number}: more than {MAX_ROWS} rows; split the list")
        self._rows.append(row)

    def _cell(self, cell: Element) -> Cell:
        kind = cell.attributes.get("t", "n")
        value = cell.find("v")
        if kind == "inlineStr":
            inline = cell.find("is")
            return _text(inline) if inline is not None else None
        if value is None or not value.text:
            return Trouble("is a formula without a value; open the workbook in Excel and save it") if cell.find("f") else None
        text = value.text
        if kind == "s":
            place = _integer(text)
            return self._strings[place] if 0 <= place < len(self._strings) else Trouble("names a text that is not there")
        told: Mapping[str, Cell] = {
            "b": text.strip() == "1",
            "e": Trouble(f"is the error {text[:20]}; correct the formula"),
            "str": text[:MAX_CELL],
            "d": text[:MAX_CELL],
        }
        return told[kind] if kind in told else self._number_or_date(text.strip(), _integer(cell.attributes.get("s")))

    def _number_or_date(self, text: str, style: int) -> Cell:
        if style not in self._dates:
            return Number(text[:64])
        try:
            days = float(text)
            if not 0 < days < 110_000:  # up to the year 2200
                return Number(text[:64])
            return self._day_0 + timedelta(seconds=round(days * 86_400))
        except (ValueError, OverflowError):
            return Number(text[:64])


def _text(element: Element) -> str:
    """A text, plain or in runs of several fonts; phonetic readings are not among them."""
    if not element.children:
        return element.text[:MAX_CELL]
    parts = [each.text if each.tag == "t" else _text(each) for each in element.children if each.tag in {"t", "r"}]
    return "".join(parts)[:MAX_CELL]


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _integer(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0
