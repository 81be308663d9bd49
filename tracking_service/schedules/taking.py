"""A schedule into an order's work breakdown: tasks under lasting keys, what people added to them kept."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from tracking_service import document as documents
from tracking_service.document import OrderDocument, PolicyDocument
from tracking_service.document.fields import TextDocument
from tracking_service.document.order import MilestoneDocument
from tracking_service.document.work import AfterDocument, InspectionDocument, TaskDocument
from tracking_service.errors import OrderRefusedError
from tracking_service.schedules.naming import key_of
from tracking_service.schedules.schedule import Predecessor, Remarks, Schedule, Task
from tracking_service.schedules.working import Working

P = TypeVar("P", InspectionDocument, MilestoneDocument)

#: Who signs a milestone off that came from a schedule, until its order says what completes it.
ROLE: Final = "project_manager"
_MOST_TASKS: Final = 20_000
_MOST_MILESTONES: Final = 500
_TITLE: Final = 256
_WBS: Final = 64
#: A finish without a time means the end of its day.
_EVENING: Final = time(23, 59)


@dataclass(frozen=True, slots=True)
class Taken:
    """An order as it would be with a schedule, and what of the schedule it could not say."""

    document: OrderDocument
    remarks: Sequence[str]


def taken(order: OrderDocument, schedule: Schedule, zone: tzinfo, *, milestones: bool = True, calendar: bool = True) -> Taken:
    """The order with the schedule's tasks in place of its own, and its milestones.

    A task that was there keeps its owner, and its title in the other language while the file does not rename it. Each milestone
    of the schedule becomes one of the order (unless `milestones` is false): signed off by a project manager, until the order
    declares what completes it. The order's working days and hours are those of the calendar by which most of the schedule's
    tasks are planned (unless `calendar` is false). Times are those of `zone`, the site's.

    Raises `OrderRefusedError` where the order cannot be so.
    """
    return _Taking(order, schedule, zone, calendar=calendar).run(milestones=milestones)


class _Taking:
    def __init__(self, order: OrderDocument, schedule: Schedule, zone: tzinfo, *, calendar: bool) -> None:
        self._order = order
        self._schedule = schedule
        self._zone = zone
        self._remarks = Remarks()
        self._by_uid = {task.uid: task for task in schedule.tasks}
        self._before = {task.key: task for task in order.tasks}
        self._carried = calendar
        self._working = Working(schedule, [task for task in schedule.tasks if task.active], self._remarks)

    def run(self, *, milestones: bool) -> Taken:
        active = self._active()
        if not active:
            raise self._refused("there is no task in it")
        if len(active) > _MOST_TASKS:
            raise self._refused(f"{len(active)} tasks, an order has at most {_MOST_TASKS}; export it in parts")
        keys = self._keys(active)
        tasks = [self._made(task, keys) for task in active]
        known = {task.key for task in tasks}
        values: dict[str, Any] = {name: getattr(self._order, name) for name in OrderDocument.model_fields}
        values["tasks"] = tuple(tasks)
        if self._carried:
            values |= self._working.values()
        self._working.told()
        values["inspections"] = tuple(self._free(each, known, f"inspection {each.check}") for each in self._order.inspections)
        values["milestones"] = self._milestones(tasks, {keys[task.uid] for task in active if task.milestone}, new=milestones)
        try:
            document = OrderDocument(**values)
        except ValidationError as error:
            raise self._refused(documents.explained(error)) from None
        return Taken(document, (*self._schedule.remarks, *self._remarks.told()))

    def _refused(self, what: str) -> OrderRefusedError:
        return OrderRefusedError(f"order {self._order.number}: the schedule '{self._schedule.title}' cannot be taken: {what}")

    def _active(self) -> list[Task]:
        active: list[Task] = []
        for task in self._schedule.tasks:
            if task.active:
                active.append(task)
                if task.external:
                    self._remarks.add(
                        "it stands for a task of another project, and is taken for what waits for it", f"task {task.id}"
                    )
            else:
                self._remarks.add("the planner has put the task out of action; it is left out", f"task {task.id}")
        return active

    def _keys(self, tasks: Sequence[Task]) -> Mapping[str, str]:
        """Primavera's activities keep their ids, Microsoft Project's tasks their unique ids."""
        by_code = self._schedule.format not in {"MSPDI", "MPX"}
        keys: dict[str, str] = {}
        used: set[str] = set()
        for task in tasks:
            keys[task.uid] = key = key_of(task.id if by_code else task.uid, used)
            used.add(key)
        return keys

    def _made(self, task: Task, keys: Mapping[str, str]) -> TaskDocument:
        """The task, or a refusal that says which of the file's it is."""
        try:
            return self._task(task, keys)
        except ValidationError as error:
            raise self._refused(f"line {task.line}, task {task.id}: {documents.explained(error)}") from None

    def _task(self, task: Task, keys: Mapping[str, str]) -> TaskDocument:
        key = keys[task.uid]
        before = self._before.get(key)
        start, finish = self._times(task)
        return TaskDocument(
            key=key,
            title=self._title(task, before),
            wbs=_printable(task.wbs)[:_WBS],
            parent=keys.get(task.parent or ""),
            owner=before.owner if before is not None else None,
            start=start,
            finish=finish,
            duration_days=self._duration(task),
            after=self._after(task, keys),
            percent=round(task.percent, 2) if task.percent is not None else None,
        )

    def _title(self, task: Task, before: TaskDocument | None) -> TextDocument:
        title = " ".join(_printable(task.title).split()) or task.id
        if len(title) > _TITLE:
            self._remarks.add(f"the title has more than {_TITLE} characters; its end is left out", f"task {task.id}")
            title = title[: _TITLE - 1] + "…"
        if before is not None and title in {before.title.en, before.title.zh}:
            return before.title
        return TextDocument(en=title, zh=title)

    def _times(self, task: Task) -> tuple[datetime | None, datetime | None]:
        start, finish = task.start, task.finish
        if self._schedule.dates_only and finish is not None:
            finish = datetime.combine(finish, _EVENING)
            start = finish if task.milestone else start
        if start is not None and finish is not None and finish < start:
            if not task.milestone:
                self._remarks.add("it ends before it starts; only its end is taken", f"task {task.id}")
            start = finish if task.milestone else None
        return self._at(start), self._at(finish)

    def _at(self, local: datetime | None) -> datetime | None:
        """With the zone's offset of that day, as the order document writes it."""
        return datetime.fromisoformat(local.replace(tzinfo=self._zone).isoformat()) if local is not None else None

    def _duration(self, task: Task) -> float | None:
        """Working days of the order; a summary's follow from its parts, those of what goes on by other days from its dates."""
        if task.summary or task.duration is None:
            return None
        dated = task.start is not None and task.finish is not None
        if task.duration.elapsed and dated:
            return None
        if self._carried and dated and task.duration.minutes and not self._working.same(task):
            self._remarks.add(
                "it is planned by a calendar of its own; from its start to its finish it is counted in the order's working days",
                f"task {task.id}",
            )
            return None
        return round(task.duration.days(self._working.minutes(task)), 4)

    def _after(self, task: Task, keys: Mapping[str, str]) -> tuple[AfterDocument, ...]:
        links: list[AfterDocument] = []
        for link in task.predecessors:
            if link.uid in keys:
                lag = self._lag(link, self._by_uid[link.uid], task)
                links.append(AfterDocument(task=keys[link.uid], kind=link.kind, lag_days=round(lag, 4)))
            else:
                self._remarks.add("it waits for a task that is left out; the link is left out too", f"task {task.id}")
        return tuple(links)

    def _lag(self, link: Predecessor, other: Task, task: Task) -> float:
        if link.lag_percent is not None:
            of = other.duration
            days = of.days(self._working.minutes(other)) * link.lag_percent / 100 if of is not None else 0.0
        else:
            days = link.lag.days(self._working.minutes(other))
        if not days or not link.lag.elapsed:
            return days
        self._remarks.add("a lag by the clock is taken as working days of the same length", f"task {task.id}")
        calendar = self._working.calendar
        return days * (len(calendar.weekdays) if calendar is not None else 5) / 7

    def _free(self, part: P, known: Container[str], name: str) -> P:
        """A part without its task where that is gone."""
        if part.task is None or part.task in known:
            return part
        self._remarks.add("its task is not in the schedule any more; it stands alone now", name)
        return part.model_copy(update={"task": None})

    def _milestones(self, tasks: Sequence[TaskDocument], meant: Container[str], *, new: bool) -> tuple[MilestoneDocument, ...]:
        """The order's own milestones, those of tasks with the dates of the schedule, and the schedule's new ones."""
        by_key = {task.key: task for task in tasks}
        signature = PolicyDocument.model_validate({"signed_off": {"role": ROLE}})
        paid = {payment.milestone for payment in self._order.payments}
        made: list[MilestoneDocument] = []
        for each in self._order.milestones:
            own = each.key == each.task and each.policy == signature and each.key not in paid
            if own and each.key not in by_key:
                continue  # it came from a schedule and goes with it
            kept = self._free(each, by_key, f"milestone {each.key}")
            made.append(kept if kept.task is None else self._dated(kept, by_key[kept.task]))
        if not new:
            return tuple(made)
        covered = {each.task for each in made} | {each.key for each in made}
        added = [task for task in tasks if task.key in meant and task.key not in covered]
        if len(made) + len(added) > _MOST_MILESTONES:
            raise self._refused(
                f"with it the order has {len(made) + len(added)} milestones, at most {_MOST_MILESTONES};"
                " take the schedule without its milestones, and declare those that matter"
            )
        made += [
            MilestoneDocument(key=task.key, title=task.title, due=task.finish, task=task.key, policy=signature)
            for task in added
        ]
        return tuple(made)

    def _dated(self, milestone: MilestoneDocument, task: TaskDocument) -> MilestoneDocument:
        """With the date of its task, and its title where they had the same one."""
        before = self._before.get(task.key)
        same = before is not None and milestone.title == before.title
        return milestone.model_copy(
            update={"due": task.finish or milestone.due, "title": task.title if same else milestone.title}
        )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
