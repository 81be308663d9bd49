"""Workbooks of Excel, WPS and LibreOffice (XLSX: Office Open XML, ISO/IEC 29500-1, 18), read as values, in bounded memory."""

import posixpath
import re
import zipfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from tracking_service.archive import opened
from tracking_service.errors import FileRefusedError
from tracking_service.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    Number,
    NumberFrom1904,
    Row,
    Table,
    Trouble,
)
from tracking_service.schedules.elements import Each, Element, parse
from tracking_service.schedules.fields import local_time
from tracking_service.schedules.schedule import Remarks

#: A part of a workbook unpacked: more is a bomb, or no list.
_MAX_PART: Final = 64 * 1024 * 1024
_MAX_STRINGS: Final = 1_000_000
#: All sheets together that are looked through for the one with known headings.
_MAX_SHEETS: Final = 16
_MAX_ALL: Final = _MAX_PART
#: So many cells are filled from those they are merged with.
_MAX_MERGED: Final = 500_000
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})\Z")
#: Built-in formats of dates and times (18.8.30), those of East Asia among them.
_DATES: Final = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
#: In a format: what is literal, and what colours or chooses.
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_SHEET: Final = frozenset({"worksheet", "sheetData", "row", "c", "v", "f", "is", "t", "r", "mergeCells", "mergeCell"})
_RELATION: Final = "id"
#: Built-in formats of percentages.
_PERCENTAGES: Final = frozenset({9, 10})


class _Styles(NamedTuple):
    """Which cell styles show dates, and which percentages."""

    dates: frozenset[int] = frozenset()
    percentages: frozenset[int] = frozenset()


def read(
    data: bytes, name: str, *, sheet: str | None = None, fits: Callable[[Table], bool] = lambda table: bool(table.rows)
) -> Table:
    """Read the rows of a sheet: the one named, else the first that is not hidden and `fits`, else the first with any.

    A formula stands for the value that it had when the workbook was saved; cells that are merged with one above have its text
    or date. Raises `FileRefusedError`.
    """
    with opened(data, name) as archive:
        return _Workbook(archive, name).table(sheet, fits)


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._name = name
        self._parts = {_part(part.filename): part for part in archive.infolist()}
        main: Mapping[str, _Relation] = self._relations("_rels/.rels", "") if "_rels/.rels" in self._parts else {}
        self._book = next((each.path for each in main.values() if each.kind == "officeDocument"), "xl/workbook.xml")
        if self._book not in self._parts or self._book.endswith(".bin"):
            if "content.xml" in self._parts:
                raise FileRefusedError(f"{name}: an OpenDocument table (.ods); save it as .xlsx or CSV")
            if "xl/workbook.bin" in self._parts:
                raise FileRefusedError(f"{name}: a binary workbook (.xlsb); save it as .xlsx or CSV")
            raise FileRefusedError(f"{name}: an archive that is no Excel workbook; unpack it, or save the list as .xlsx or CSV")
        folder, _, title = self._book.rpartition("/")
        self._beside = f"{folder}/" if folder else ""
        self._told = self._relations(f"{self._beside}_rels/{title}.rels", self._beside)

    def table(self, wanted: str | None, fits: Callable[[Table], bool]) -> Table:
        book = self._xml(self._book, {"workbook", "workbookPr", "sheets", "sheet"})
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
        styles = self._styles()
        size = 0
        first: Table | None = None
        for title in chosen[:_MAX_SHEETS]:
            data = self._bytes(sheets[title])
            size += len(data)
            if size > _MAX_ALL and first is not None:
                break
            table = _Sheet(self._name, title, strings, styles, from_1904=from_1904).table(data)
            if len(chosen) > 1:
                why = f"read from sheet '{title}', the first of {len(chosen)} that can be; another can be said"
                table = Table(table.rows, (why, *table.remarks))
            if wanted is not None or fits(table):
                return table
            first = first or (table if table.rows else None)
        return first or Table([])

    def _sheets(self, book: Element) -> Mapping[str, str]:
        """Titles of the visible sheets → where they lie."""
        found: dict[str, str] = {}
        listed = book.find("sheets")
        for each in listed.all("sheet") if listed is not None else ():
            told = {key.rpartition(":")[2]: value for key, value in each.attributes.items()}
            to = self._told.get(told.get(_RELATION, ""))
            known = to is not None and to.path in self._parts and to.path not in found.values()
            if to is not None and known and told.get("state", "visible") == "visible":
                found[told.get("name", "")] = to.path
        if not found:
            raise FileRefusedError(f"{self._name}: there is no visible sheet in the workbook")
        return found

    def _relations(self, part: str, beside: str) -> Mapping[str, "_Relation"]:
        """What a part names: other parts by id (ECMA-376-2, 6.5)."""
        relations = self._xml(part, {"Relationships", "Relationship"})
        found: dict[str, _Relation] = {}
        for each in relations.all("Relationship"):
            target = each.attributes.get("Target", "")
            path = target if target.startswith("/") else posixpath.normpath(beside + target)
            found[each.attributes.get("Id", "")] = _Relation(each.attributes.get("Type", "").rpartition("/")[2], _part(path))
        return found

    def _named(self, kind: str, usual: str) -> str:
        """Where the workbook says that its texts or styles lie."""
        told = next((each.path for each in self._told.values() if each.kind == kind), usual)
        return told if told in self._parts else usual

    def _strings(self) -> Sequence[str]:
        strings: list[str] = []

        def take(element: Element) -> None:
            if len(strings) == _MAX_STRINGS:
                raise FileRefusedError(f"{self._name}: more than {_MAX_STRINGS} texts in the workbook; split the list")
            strings.append(_text(element))

        part = self._named("sharedStrings", "xl/sharedstrings.xml")
        if part in self._parts:
            data = self._bytes(part)
            parse(data, self._name, frozenset({"sst", "si", "t", "r"}), each=Each("si", take))
        return strings

    def _styles(self) -> _Styles:
        part = self._named("styles", "xl/styles.xml")
        if part not in self._parts:
            return _Styles()
        styles = self._xml(part, {"styleSheet", "numFmts", "numFmt", "cellXfs", "xf"})
        dates, percentages = set(_DATES), set(_PERCENTAGES)
        formats = styles.find("numFmts")
        for each in formats.all("numFmt") if formats is not None else ():
            told = _LITERAL.sub("", each.attributes.get("formatCode", "")).lower()
            if any(letter in told for letter in "yd年月日") or ("h" in told and "m" in told):
                dates.add(_integer(each.attributes.get("numFmtId")))
            elif "%" in told:
                percentages.add(_integer(each.attributes.get("numFmtId")))
        cells = styles.find("cellXfs")
        listed = cells.all("xf") if cells is not None else ()
        shown = [_integer(each.attributes.get("numFmtId")) for each in listed]
        return _Styles(*(frozenset(place for place, each in enumerate(shown) if each in some) for some in (dates, percentages)))

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


class _Relation(NamedTuple):
    kind: str
    path: str


class _Sheet:
    """A sheet's rows as they come by."""

    def __init__(self, name: str, title: str, strings: Sequence[str], styles: _Styles, *, from_1904: bool) -> None:
        self._where = f"{name}: sheet '{title}'"
        self._strings = strings
        self._styles = styles
        self._kept: type[Number] = NumberFrom1904 if from_1904 else Number
        self._day_0 = local_time(1904, 1, 1) if from_1904 else local_time(1900, 1, 1) - timedelta(days=2)
        self._rows: list[Row] = []
        self._number = 0
        self._remarks = Remarks()

    def table(self, data: bytes) -> Table:
        root = parse(data, self._where, _SHEET, each=Each("row", self._take))
        merged = root.find("mergeCells")
        if merged is not None:
            self._fill([each.attributes.get("ref", "") for each in merged.all("mergeCell")])
        return Table(self._rows, self._remarks.told())

    def _fill(self, areas: Sequence[str]) -> None:
        """Give cells that are merged with one above its text or date; a quantity stands for all of them, and stays alone."""
        numbers = [row.number for row in self._rows]
        if numbers != sorted(set(numbers)):
            return
        left = _MAX_MERGED
        for area in areas:
            begin, _, end = (_REFERENCE.match(part) if part != ":" else None for part in area.partition(":"))
            if begin is None or end is None or int(begin[2]) == int(end[2]) or (column := _column(begin[1])) >= MAX_COLUMNS:
                continue
            top = bisect_left(numbers, int(begin[2]))
            if top == len(numbers) or numbers[top] != int(begin[2]):
                continue
            cell = self._rows[top].at(column)
            if not isinstance(cell, str | datetime) or isinstance(cell, Number | Trouble):
                continue
            for place in range(top + 1, bisect_right(numbers, int(end[2]))):
                left -= 1
                if left < 0:
                    self._remarks.add("more merged cells than are followed", f"row {numbers[place]}")
                    return
                row = self._rows[place]
                if row.at(column) in {None, ""}:
                    cells = list(row.cells) + [None] * (column + 1 - len(row.cells))
                    cells[column] = cell
                    self._rows[place] = Row(row.number, cells)

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
        if element.attributes.get("hidden") in {"1", "true"}:
            self._remarks.add("the row is hidden, by a filter perhaps; it is read all the same", f"row {self._number}")
        self._rows.append(row)

    def _cell(self, cell: Element) -> Cell:
        kind = cell.attributes.get("t", "n")
        value = cell.find("v")
        if kind == "inlineStr":
            inline = cell.find("is")
            return _text(inline) if inline is not None else None
        if value is not None and not value.text and kind == "str":  # a formula that gives an empty text
            return ""
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
        number = self._kept(text[:64])
        try:
            if style in self._styles.percentages:
                return f"{(Decimal(text) * 100).normalize():f}%" if abs(Decimal(text).adjusted()) < 30 else number
            if style not in self._styles.dates or not 0 < float(text) < 110_000:  # up to the year 2200
                return number
            return self._day_0 + timedelta(seconds=round(float(text) * 86_400))
        except (ValueError, OverflowError, InvalidOperation):
            return number


def _text(element: Element) -> str:
    """A text, plain or in runs of several fonts; phonetic readings are not among them."""
    if not element.children:
        return element.text[:MAX_CELL]
    parts = [each.text if each.tag == "t" else _text(each) for each in element.children if each.tag in {"t", "r"}]
    return "".join(parts)[:MAX_CELL]


def _part(path: str) -> str:
    """The name of a part; case does not count (ECMA-376-2, 6.2.2.3)."""
    return path.lstrip("/").lower()


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _integer(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0
