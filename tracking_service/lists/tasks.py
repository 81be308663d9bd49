"""Task lists: rows of a spreadsheet into a schedule."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tracking_service.lists.cells import Cells
from tracking_service.lists.table import Cell, Number, Row, text_of
from tracking_service.lists.values import code_of, decimal_of, yes
from tracking_service.schedules.mpx_words import LANGUAGES, unit_minutes
from tracking_service.schedules.outline import parents_by_level, with_summaries
from tracking_service.schedules.schedule import MINUTES_PER_DAY, Format, LinkKind, Predecessor, Remarks, Schedule, Span, Task

#: What stands behind the task that is waited for: `FS`, `SS+2d`, `FF-50%`, `FS+1 day`.
_LINK: Final = re.compile(
    r"\s*(?P<kind>FS|SS|FF|SF)?\s*(?:(?P<lag>[+-]\s*\d{1,6}(?:[.,]\d{1,4})?)\s*(?P<unit>%|[^\W\d_]{0,8}))?\Z"
)
_DURATION: Final = re.compile(r"(\d(?:[\d.,' \u00a0\u2009\u202f\u2019]*\d)?)\s*([^\W\d_]*)\s*\??\Z")
#: Chinese words for units, and English ones.
_WORDS: Final = LANGUAGES["工期"]


def schedule(cells: Cells, form: Format, name: str) -> Schedule:
    """The schedule that a task list says. Raises `FileRefusedError` for rows that cannot be read."""
    return _Reading(cells, form, name).schedule()


class _Reading:
    def __init__(self, cells: Cells, form: Format, name: str) -> None:
        self._cells = cells
        self._form: Format = form
        self._name = name
        self._remarks = Remarks()
        self._days_only = True

    def schedule(self) -> Schedule:
        rows: dict[str, Row] = {}
        tasks: list[Task] = []
        parents: dict[str, str] = {}
        for row in self._cells.rows():
            uid = self._cells.get(row, "id", code_of)
            if not uid:
                self._cells.mistake(row, "id", "is empty; every task needs one that lasts")
                continue
            if uid in rows:
                self._cells.mistake(row, "id", f"stands in row {rows[uid].number} already; a task stands there once")
                continue
            rows[uid] = row
            tasks.append(self._task(row, uid))
            if parent := self._cells.get(row, "parent", code_of):
                parents[uid] = parent
        for uid, parent in parents.items():
            if parent not in rows:
                self._cells.mistake(rows[uid], "parent", "there is no task of that name in the list")
        linked = [replace(task, predecessors=tuple(self._links(rows[task.uid], rows))) for task in tasks]
        self._cells.check()
        return Schedule(
            format=self._form,
            project=self._name,
            title=self._name,
            tasks=self._placed(linked, parents),
            dates_only=self._days_only,
            remarks=self._remarks.told(),
        )

    def _task(self, row: Row, uid: str) -> Task:
        cells = self._cells
        title = cells.get(row, "title", text_of) or cells.get(row, "title_zh", text_of) or cells.get(row, "title_en", text_of)
        wbs = cells.get(row, "wbs", code_of) or ""
        level = cells.get(row, "level", lambda cell: decimal_of(cell, self._cells.decimal("level")))
        duration = cells.get(row, "duration_days", self._duration)
        percent = cells.get(row, "percent", self._percent)
        start = cells.time(row, "start")
        finish = cells.time(row, "finish")
        self._days_only = self._days_only and (start is None or start[1]) and (finish is None or finish[1])
        if start is not None and finish is not None and finish[0] < start[0]:
            cells.mistake(row, "finish", "lies before its start")
        milestone = cells.get(row, "milestone", yes)
        return Task(
            uid=uid,
            id=uid,
            title=title or uid,
            wbs=wbs,
            level=int(min(max(level, 0), 1_000)) if level is not None else wbs.strip(".").count(".") + 1,
            start=start[0] if start is not None else None,
            finish=finish[0] if finish is not None else None,
            duration=duration,
            milestone=milestone if self._cells.has("milestone") and milestone is not None else duration == Span(0.0),
            percent=percent,
            line=row.number,
        )

    def _duration(self, cell: Cell) -> Span | None:
        """Days where nothing else is said: `5`, `5 days`, `5d?`, `40h`, `2w`, `3ed`, `5天`."""
        text = text_of(cell)
        if not text:
            return None
        found = _DURATION.match(text)
        unit = unit_minutes(found[2] or "d", _WORDS, MINUTES_PER_DAY) if found is not None else None
        if found is None or unit is None:
            raise ValueError("is no duration; write days, or for example 40h, 2w")
        amount = Decimal(text) if isinstance(cell, Number) else decimal_of(found[1], self._cells.decimal("duration_days"))
        if amount is None or amount.adjusted() > 6:
            raise ValueError("is no duration; write days, or for example 40h, 2w")
        return Span(float(amount) * unit[0], unit[1])

    def _percent(self, cell: Cell) -> float | None:
        text = text_of(cell)
        value = (
            decimal_of(text.rstrip("% "), self._cells.decimal("percent"))
            if text.endswith("%")
            else decimal_of(cell, self._cells.decimal("percent"))
        )
        if value is None:
            return None
        if not 0 <= value <= 100:
            raise ValueError("is no percentage; it lies between 0 and 100")
        return float(value)

    def _links(self, row: Row, rows: Mapping[str, Row]) -> Iterator[Predecessor]:
        text = self._cells.get(row, "predecessors", text_of) or ""
        for part in re.split(r"[,;，；、]", text):
            told = part.strip()
            if not told:
                continue
            end = next((end for end in range(min(len(told), 64), 0, -1) if told[:end].rstrip() in rows), 0)
            found = _LINK.match(told, end)
            if not end or found is None:
                self._cells.mistake(row, "predecessors", f"'{told[:40]}' names no task of the list")
                continue
            other = told[:end].rstrip()
            lag = float((found["lag"] or "0").replace(" ", "").replace(",", "."))
            kind: LinkKind = found["kind"] or "FS"  # pyright: ignore[reportAssignmentType] - one of the four by the pattern
            if found["unit"] == "%":
                yield Predecessor(other, kind, lag_percent=lag)
            elif (unit := unit_minutes(found["unit"] or "d", _WORDS, MINUTES_PER_DAY)) is not None:
                yield Predecessor(other, kind, Span(lag * unit[0], unit[1]))
            else:
                self._cells.mistake(row, "predecessors", f"'{told[:40]}': {found['unit']} is no unit of a lag; use d, h, w, %")

    def _placed(self, tasks: list[Task], parents: Mapping[str, str]) -> list[Task]:
        """Parents as the list names them, else by level, else by the codes of the breakdown."""
        if self._cells.has("parent"):
            placed = [replace(task, parent=parents.get(task.uid)) for task in tasks]
        elif self._cells.has("level"):
            placed = parents_by_level(tasks)
        else:
            by_wbs = {task.wbs.strip("."): task.uid for task in tasks if task.wbs}
            placed = [replace(task, parent=self._by_code(task, by_wbs)) for task in tasks]
        return with_summaries(placed)

    def _by_code(self, task: Task, by_wbs: Mapping[str, str]) -> str | None:
        code = task.wbs.strip(".")
        while "." in code:
            code = code.rpartition(".")[0]
            if code in by_wbs and by_wbs[code] != task.uid:
                return by_wbs[code]
        return None
