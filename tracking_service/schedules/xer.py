"""Primavera P6's XER: the projects in its tables."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from tracking_service import charset
from tracking_service.errors import FileRefusedError
from tracking_service.schedules import primavera, xer_calendars, xer_tables
from tracking_service.schedules.calendars import MINUTES_PER_DAY, Calendar
from tracking_service.schedules.fields import iso_time, number
from tracking_service.schedules.primavera import KINDS, Project, Relationship, Wbs
from tracking_service.schedules.schedule import Remarks, Schedule, Span, Task
from tracking_service.schedules.xer_tables import Row

T = TypeVar("T")

_NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "PROJECT": ("proj_id",),
    "PROJWBS": ("wbs_id", "proj_id", "parent_wbs_id", "wbs_name"),
    "TASK": ("task_id", "proj_id", "wbs_id", "task_name"),
    "TASKPRED": ("task_id", "pred_task_id"),
}
_MILESTONES: Final = frozenset({"TT_Mile", "TT_FinMile"})
#: The dates an activity goes by: what happened, else what is left to do, else what the last calculation said, else the plan.
_STARTS: Final = ("act_start_date", "restart_date", "early_start_date", "target_start_date")
_FINISHES: Final = ("act_end_date", "reend_date", "early_end_date", "target_end_date")


def read(data: bytes, name: str, encoding: str | None = None) -> list[Schedule]:
    """Read the projects of a file. Raises `FileRefusedError`."""
    decoded = charset.decode(data, name, encoding)
    tables = xer_tables.read(decoded.text, name)
    said = f"XER version {tables.version}" if tables.version else "an XER file without version"
    for table, columns in _NEEDED.items():
        rows = tables.rows.get(table)
        if rows is None and table in {"PROJECT", "TASK"}:
            raise FileRefusedError(f"{name}: {said}: there is no table {table}; export the project with its activities")
        lacking = [column for column in columns if rows and column not in rows[0].fields]
        if lacking and rows:
            raise FileRefusedError(
                f"{name}: line {rows[0].line}: {said}: table {table} has no column {', '.join(lacking)};"
                " export it from a newer Primavera (P6 7 or later)"
            )
    hint = f"nothing says how the file is encoded; read as {decoded.encoding} (another can be said)" if decoded.guessed else ""
    return _Reading(tables.rows, name, hint).schedules()


class _Reading:
    def __init__(self, rows: Mapping[str, Sequence[Row]], name: str, hint: str) -> None:
        self._rows = rows
        self._name = name
        self._hint = hint
        self._remarks: dict[str, Remarks] = {}

    def schedules(self) -> list[Schedule]:
        projects: dict[str, Project] = {}
        broken: list[tuple[str, int]] = []
        meant: set[str] = set()
        calendars = {each.uid: each for each in (self._calendar(row, broken) for row in self._table("CALENDAR"))}
        for row in self._table("PROJECT"):
            uid = self._required(row, "proj_id")
            code = row.get("proj_short_name") or uid
            projects[uid] = Project(uid, code, calendar=row.get("clndr_id") or None)
            if row.get("export_flag") == "Y":
                meant.add(uid)
            self._remarks[uid] = Remarks()
            if self._hint:
                self._remarks[uid].add(self._hint, "line 1")
            for calendar, line in broken:
                self._remarks[uid].add("a calendar's data is damaged; Monday to Friday is taken", f"line {line}, {calendar}")
        for row in self._table("SCHEDOPTIONS"):
            if row.get("proj_id") in projects:
                projects[row.get("proj_id")].lag_elapsed = "24" in row.get("sched_calendar_on_relationship_lag")
        for row in self._table("PROJWBS"):
            if (project := projects.get(row.get("proj_id"))) is not None:
                project.wbs.append(wbs := self._wbs(row))
                if wbs.is_project:
                    project.name = project.name or wbs.name
        self._activities(projects)
        # others are in the file for the relationships with them
        exported = [each for each in projects.values() if each.uid in meant and (each.wbs or each.activities)]
        told = exported or [each for each in projects.values() if each.activities]
        told = told or [each for each in projects.values() if each.wbs]
        return [primavera.made(each, calendars, "XER", self._name, self._remarks[each.uid]) for each in told]

    def _activities(self, projects: Mapping[str, Project]) -> None:
        home: dict[str, Project] = {}
        for row in self._table("TASK"):
            project = projects.get(row.get("proj_id"))
            if project is None:
                raise self._refused(row, "proj_id", "names a project that is not in the file")
            task = self._activity(row)
            project.activities.append((row.get("wbs_id"), task))
            home[task.uid] = project
        for row in self._table("TASKPRED"):
            kind = KINDS.get(row.get("pred_type") or "PR_FS")
            if kind is None:
                raise self._refused(row, "pred_type", "is no type of relationship")
            project = home.get(row.get("task_id"))
            if project is None:  # of a project that was not exported
                continue
            hours = self._field(row, "lag_hr_cnt", _hours) or 0.0
            link = Relationship(row.get("pred_task_id"), row.get("task_id"), kind, hours, row.line)
            if home.get(link.predecessor) is project:
                project.relationships.append(link)
            else:
                self._remarks[project.uid].add(
                    "a relationship with an activity of another project is left out", f"line {row.line}"
                )

    def _wbs(self, row: Row) -> Wbs:
        uid = self._required(row, "wbs_id")
        return Wbs(
            uid=uid,
            code=row.get("wbs_short_name") or uid,
            name=" ".join(row.get("wbs_name").split()),
            parent=row.get("parent_wbs_id"),
            order=self._field(row, "seq_num", _hours) or 0.0,
            line=row.line,
            is_project=row.get("proj_node_flag") == "Y",
        )

    def _activity(self, row: Row) -> Task:
        uid = self._required(row, "task_id")
        code = row.get("task_code") or uid
        hours = self._field(row, "target_drtn_hr_cnt", _hours)
        return Task(
            uid=uid,
            id=code,
            title=" ".join(row.get("task_name").split()) or code,
            start=self._first_time(row, _STARTS),
            finish=self._first_time(row, _FINISHES),
            duration=self._duration(row, hours),
            milestone=row.get("task_type") in _MILESTONES,
            percent=self._percent(row, hours),
            calendar=row.get("clndr_id") or None,
            line=row.line,
        )

    def _duration(self, row: Row, planned: float | None) -> Span | None:
        """What was planned; more where more than that is left to do."""
        left = None if row.get("status_code") == "TK_Complete" else self._field(row, "remain_drtn_hr_cnt", _hours)
        hours = max((each for each in (planned, left) if each is not None), default=None)
        return Span(max(hours, 0.0) * 60) if hours is not None else None

    def _percent(self, row: Row, hours: float | None) -> float | None:
        if row.get("status_code") == "TK_Complete":
            return 100.0
        left = self._field(row, "remain_drtn_hr_cnt", _hours)
        done = hours - left if hours is not None and left is not None else None
        return primavera.percent_of(
            row.get("complete_pct_type"),
            physical=self._field(row, "phys_complete_pct", _hours),
            units=primavera.share(self._field(row, "act_work_qty", _hours), self._field(row, "remain_work_qty", _hours)),
            duration=0.0 if row.get("status_code") == "TK_NotStart" else primavera.share(done, left),
        )

    def _first_time(self, row: Row, columns: Sequence[str]) -> datetime | None:
        for column in columns:
            if (at := self._field(row, column, iso_time)) is not None:
                return at
        return None

    def _calendar(self, row: Row, broken: list[tuple[str, int]]) -> Calendar:
        hours = self._field(row, "day_hr_cnt", _hours)
        minutes = hours * 60 if hours is not None and 0 < hours <= 24 else MINUTES_PER_DAY
        uid, name, base = self._required(row, "clndr_id"), row.get("clndr_name"), row.get("base_clndr_id") or None
        told = xer_calendars.told(row.get("clndr_data"))
        if told is None:
            broken.append((name, row.line))
            return Calendar(uid, name, minutes, base=base)
        return Calendar(uid, name, minutes, told.weekdays, told.shifts, told.exceptions, base)

    def _table(self, table: str) -> Sequence[Row]:
        return self._rows.get(table, ())

    def _required(self, row: Row, column: str) -> str:
        if not row.get(column):
            raise self._refused(row, column, "is empty")
        return row.get(column)

    def _field(self, row: Row, column: str, convert: Callable[[str], T]) -> T:
        try:
            return convert(row.get(column))
        except (ValueError, OverflowError) as error:
            raise self._refused(row, column, str(error)) from None

    def _refused(self, row: Row, column: str, what: str) -> FileRefusedError:
        return FileRefusedError(
            f"{self._name}: line {row.line}: {column} '{row.get(column)[:40]}' {what}; correct it and export the project again"
        )


def _hours(text: str) -> float | None:
    """A number as the exporting machine writes it: `12.5`, `12,5`, `1,234.5` or `1.234,5`."""
    if "," in text and "." in text:
        thousands = "," if text.rindex(",") < text.rindex(".") else "."
        text = text.replace(thousands, "")
    return number(text.replace(",", "."))
