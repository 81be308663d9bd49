"""MPX 4.0, the exchange format of Microsoft Project 4 to 98 and many programs since: numbered records, in several languages."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import StringIO
from typing import Final

from tracking_service import charset
from tracking_service.errors import FileRefusedError
from tracking_service.schedules import mpx_words
from tracking_service.schedules.calendars import MINUTES_PER_DAY
from tracking_service.schedules.fields import clock_minutes, local_time, number
from tracking_service.schedules.mpx_calendars import Calendars
from tracking_service.schedules.mpx_words import ENGLISH, LANGUAGES
from tracking_service.schedules.outline import parents_by_level, with_summaries
from tracking_service.schedules.schedule import (
    MAX_TASKS,
    Predecessor,
    Remarks,
    Schedule,
    Span,
    Task,
)

#: Task fields by their number in record 61.
_NAME, _WBS, _LEVEL, _DURATION, _PERCENT, _START, _FINISH = 1, 2, 3, 40, 44, 50, 51
_AFTER_ID, _AFTER_UID, _MILESTONE, _ID, _UID = 70, 74, 81, 90, 98
#: What record 60 calls them in English, for files without record 61.
_ENGLISH: Final = {
    "name": _NAME,
    "wbs": _WBS,
    "outline level": _LEVEL,
    "duration": _DURATION,
    "% complete": _PERCENT,
    "start": _START,
    "finish": _FINISH,
    "predecessors": _AFTER_ID,
    "unique id predecessors": _AFTER_UID,
    "milestone": _MILESTONE,
    "id": _ID,
    "unique id": _UID,
}
_CODE_PAGES: Final = {"MAC": "mac_roman"}
_DURATION_TEXT: Final = re.compile(r"\s*([+-]?[\d.,' \u00a0]*\d)\s*([^\d+?-]*?)\s*\??\s*\Z")
_LINK: Final = re.compile(r"\s*(\d{1,9})\s*([^\d\s+\-]{2})?\s*([+-].+)?\Z")
#: A number that can be parted only by thousands.
_GROUPS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
#: Decimals of a lag, in a file that parts links by the same sign.
_LAG_DECIMALS: Final = re.compile(r"([+-]\s*\d+),(?=\d)")
_TIME: Final = re.compile(r"(?<!\S)(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([^\d\s]*)\s*\Z")
_WORD: Final = re.compile(r"[^\W\d_]+")
_MAX_RECORD: Final = 200_000
_ORDERS: Final = {"0": "mdy", "1": "dmy", "2": "ymd"}


def read(data: bytes, name: str, encoding: str | None = None) -> list[Schedule]:
    """Read the project of a file. Raises `FileRefusedError`."""
    head = data[:800].replace(b"\0", b"").decode("latin-1")
    head = head[head.find("MPX") :].splitlines()[0]
    separator = head[3:4]
    if not separator or separator.isalnum():
        raise FileRefusedError(f"{name}: line 1: MPX is not followed by a separator; export the file again")
    parts = head.split(separator)
    if encoding is None and len(parts) > 3 and not data.startswith(charset.MARKS):
        page = parts[3].strip().upper()
        encoding = _CODE_PAGES.get(page) or (charset.codec_of(f"cp{page}") if page.isdecimal() else None)
    decoded = charset.decode(data, name, encoding)
    remarks = Remarks()
    if decoded.guessed and decoded.encoding != "cp1252":
        remarks.add(f"the file says ANSI; read as {decoded.encoding} (another can be said)", "line 1")
    return [_Reading(decoded.text, separator, name, remarks).schedule()]


class _Reading:
    def __init__(self, text: str, separator: str, name: str, remarks: Remarks) -> None:
        self._text = text
        self._separator = separator
        self._name = name
        self._remarks = remarks
        self._language = ENGLISH
        self._fields: Mapping[int, int] = {}
        self._minutes = MINUTES_PER_DAY
        self._order = "dmy"
        self._pm = "pm"
        self._am = "am"
        self._decimal = "."
        self._thousands = ""
        self._dates_only = True
        self._calendars = Calendars(self._told_date)

    def schedule(self) -> Schedule:
        tasks: list[Task] = []
        names: Sequence[str] = ()
        project: Sequence[str] = ()
        for line, (record, *fields) in self._records():
            match record:
                case "10" | "11" | "12":
                    self._settings(record, fields, line)
                case "20" | "25" | "26":
                    self._calendar(record, fields, line)
                case "30":
                    project = fields
                case "60":
                    names = fields
                    self._told_by_name(fields)
                case "61":
                    self._told_by_number(fields, names, line)
                case "70":
                    tasks += self._task(fields, line)
                case _:
                    pass  # costs, resources, assignments, notes
            if len(tasks) > MAX_TASKS:
                raise self._refused(line, f"more than {MAX_TASKS} tasks; export it in parts")
        placed = parents_by_level(tasks)
        title = _at(project, 0) or self._name
        calendar = _at(project, 3)
        calendars = self._calendars.made(self._minutes)
        return Schedule(
            format="MPX",
            project=title,
            title=title,
            tasks=self._linked(with_summaries(placed)),
            calendars=calendars,
            calendar=calendar if calendar in calendars else None,
            minutes_per_day=self._minutes,
            dates_only=self._dates_only,
            remarks=self._remarks.told(),
        )

    def _settings(self, record: str, fields: Sequence[str], line: int) -> None:
        """How numbers, durations and dates are written: records 10, 11 and 12."""
        if record == "10":
            self._thousands, self._decimal = _at(fields, 3), _at(fields, 4) or "."
        elif record == "11":
            hours = self._number(_at(fields, 3), line, "hours a day")
            self._minutes = hours * 60 if hours is not None and 0 < hours <= 24 else MINUTES_PER_DAY
        else:
            self._order = _ORDERS.get(_at(fields, 0), "dmy")
            self._am, self._pm = _at(fields, 5).casefold(), _at(fields, 6).casefold()
            self._calendars.am, self._calendars.pm = self._am, self._pm

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._lines(), delimiter=self._separator)
        try:
            for fields in reader:
                if fields and fields[0].strip():
                    yield reader.line_num, [field.replace("\x7f", "\n").strip() for field in fields]
        except csv.Error as error:
            raise self._refused(reader.line_num, f"{error}; this is no MPX record") from None

    def _lines(self) -> Iterator[str]:
        for place, line in enumerate(StringIO(self._text.removeprefix("\ufeff"), newline=None), 1):
            if len(line) > _MAX_RECORD:
                raise self._refused(place, f"a record of more than {_MAX_RECORD} characters; this is no MPX file")
            yield line

    def _told_by_name(self, names: Sequence[str]) -> None:
        """Which fields stand where, by their names; the language shows in them too."""
        found = {_ENGLISH[name.casefold()]: place for place, name in enumerate(names) if name.casefold() in _ENGLISH}
        self._fields = found if _NAME in found else {}
        for name in names:
            if (language := LANGUAGES.get(name.casefold())) is not None:
                self._language = language

    def _told_by_number(self, numbers: Sequence[str], names: Sequence[str], line: int) -> None:
        told = [(self._number(text, line, "field number"), place) for place, text in enumerate(numbers)]
        self._fields = {int(field): place for field, place in told if field is not None}
        place = self._fields.get(_DURATION)
        if place is not None and place < len(names):
            self._language = LANGUAGES.get(names[place].casefold(), self._language)

    def _task(self, fields: Sequence[str], line: int) -> Iterator[Task]:
        if not self._fields:
            raise self._refused(line, "a task (70) before the table of its fields (61); export the file again as MPX 4.0")

        def told(field: int) -> str:
            place = self._fields.get(field)
            return _at(fields, place) if place is not None else ""

        title = " ".join(told(_NAME).split())
        if not title:
            self._remarks.add("a row without a name is left out", f"line {line}")
            return
        uid = told(_UID) or told(_ID)
        if not uid:
            raise self._refused(line, "a task without ID and Unique ID; export them too")
        level = self._number(told(_LEVEL), line, "outline level")
        percent = self._number(told(_PERCENT).rstrip("% "), line, "% complete")
        duration = self._span(told(_DURATION), line) if told(_DURATION) else None
        yield Task(
            uid=uid,
            id=told(_ID) or uid,
            title=title,
            wbs=told(_WBS),
            level=int(min(max(level, 0), 1_000)) if level is not None else 1,
            start=self._date(told(_START), line, "start"),
            finish=self._date(told(_FINISH), line, "finish"),
            duration=duration,
            milestone=self._yes(told(_MILESTONE)) if _MILESTONE in self._fields else duration == Span(0.0),
            percent=min(max(percent, 0.0), 100.0) if percent is not None else None,
            predecessors=tuple(self._links(told(_AFTER_UID), "uid", line)) or tuple(self._links(told(_AFTER_ID), "id", line)),
            line=line,
        )

    def _links(self, text: str, by: str, line: int) -> Iterator[Predecessor]:
        """Links such as `10FS+1d,9`; by row number they are followed when all rows are there."""
        if self._decimal == ",":
            text = _LAG_DECIMALS.sub(r"\1\0", text)
        for part in (each.replace("\0", ",") for each in re.split(r"[,;\n]", text)):
            if not part.strip():
                continue
            if "\\" in part or "/" in part:
                self._remarks.add("a link to a task of another project is left out", f"line {line}")
                continue
            found = _LINK.match(part)
            kind = mpx_words.link_kind(found[2] or "", self._language) if found is not None else None
            if found is None or kind is None:
                raise self._refused(line, f"predecessor '{part.strip()[:40]}' is not understood; expected for example 10FS+1d")
            lag = (found[3] or "").strip()
            uid = f"{by}:{int(found[1])}"
            if lag.endswith("%"):
                told = lag[:-1].rstrip()
                elapsed = told[-1:].isalpha()
                share = self._number(told.rstrip(_letters(told)).rstrip(), line, "lag")
                yield Predecessor(uid, kind, Span(0.0, elapsed), lag_percent=share)
            else:
                yield Predecessor(uid, kind, self._span(lag, line) if lag else Span(0.0))

    def _linked(self, tasks: Sequence[Task]) -> list[Task]:
        names = {f"id:{task.id}": task.uid for task in tasks} | {f"uid:{task.uid}": task.uid for task in tasks}
        if len({task.uid for task in tasks}) != len(tasks):
            seen: dict[str, int] = {}
            for task in tasks:
                if seen.setdefault(task.uid, task.line) != task.line:
                    raise self._refused(task.line, f"task {task.uid} stands on line {seen[task.uid]} already")
        done: list[Task] = []
        for task in tasks:
            links = [replace(link, uid=names[link.uid]) for link in task.predecessors if link.uid in names]
            if len(links) < len(task.predecessors):
                self._remarks.add(
                    "a link to a task that the file does not have is left out", f"line {task.line}, task {task.id}"
                )
            done.append(replace(task, predecessors=tuple(link for link in links if link.uid != task.uid)))
        return done

    def _calendar(self, record: str, fields: Sequence[str], line: int) -> None:
        try:
            self._calendars.take(record, fields)
        except ValueError as error:
            self._remarks.add(f"a record of a calendar is left out: it {error}", f"line {line}")

    def _span(self, text: str, line: int) -> Span:
        found = _DURATION_TEXT.match(text)
        unit = mpx_words.unit_minutes(found[2] or self._language.units[2], self._language, self._minutes) if found else None
        amount = self._number(found[1], line, "duration") if found is not None else None
        if unit is None or amount is None:
            raise self._refused(line, f"duration '{text[:40]}' is not understood; expected for example 5d or 4eh")
        minutes, elapsed = unit
        return Span(amount * minutes, elapsed)

    def _number(self, text: str, line: int, what: str) -> float | None:
        plain = re.sub(r"[ \u00a0']", "", text)
        if self._decimal == ",":
            in_groups = "," in plain or (self._thousands == "." and _GROUPS.fullmatch(plain))
            plain = (plain.replace(".", "") if in_groups else plain).replace(",", ".")
        elif "," in plain:
            plain = plain.replace(",", "" if "." in plain or self._thousands == "," else ".")
        try:
            return number(plain)
        except ValueError as error:
            raise self._refused(line, f"{what} '{text[:40]}' {error}") from None

    def _yes(self, text: str) -> bool:
        return mpx_words.is_yes(text, self._language)

    def _date(self, text: str, line: int, what: str) -> datetime | None:
        try:
            at = self._told_date(text)
        except ValueError as error:
            raise self._refused(line, f"{what} '{text[:40]}' is no date in the file's order ({self._order}): {error}") from None
        self._dates_only = self._dates_only and (at is None or _TIME.search(text) is None or _only_date(text))
        return at

    def _told_date(self, text: str) -> datetime | None:
        """A date in the file's own order, with or without weekday, month's name and time. Raises `ValueError`."""
        if not any(character.isdigit() for character in text):
            return None  # NA, NV, NC: none
        if (time := _TIME.search(text)) is None or _only_date(text):
            return local_time(*self._day(text))
        minutes = clock_minutes(text[time.start() :], self._am, self._pm) or 0
        return local_time(*self._day(text[: time.start()]), minutes // 60, minutes % 60, int(time[3] or 0))

    def _day(self, text: str) -> tuple[int, int, int]:
        numbers = [int(each) for each in re.findall(r"\d{1,4}", text)]
        named = next((found for word in reversed(_WORD.findall(text)) if (found := mpx_words.month(word)) is not None), None)
        if len(numbers) == 2 and named is not None:
            date, year = numbers if self._order != "ymd" else reversed(numbers)
            return _year(year), named, date
        if len(numbers) != 3:
            raise ValueError("expected day, month and year")
        told = dict(zip("ymd" if numbers[0] > 31 else self._order, numbers, strict=True))
        return _year(told["y"]), told["m"], told["d"]

    def _refused(self, line: int, what: str) -> FileRefusedError:
        return FileRefusedError(f"{self._name}: line {line}: {what}")


def _at(fields: Sequence[str], place: int) -> str:
    return fields[place] if place < len(fields) else ""


def _letters(text: str) -> str:
    return "".join({character for character in text if character.isalpha()})


def _only_date(text: str) -> bool:
    """What looks like a time at its end is the date itself, with dots."""
    time = _TIME.search(text)
    return time is not None and not any(character.isdigit() for character in text[: time.start()])


def _year(told: int) -> int:
    """Two digits are 1984 to 2083: what Microsoft Project's calendar begins with."""
    return told if told >= 100 else told + (1900 if told >= 84 else 2000)
