"""What changes in an order between two of its documents: shown to people before it is done."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, cast

from plumbline.text import amount
from tracking_service.document import OrderDocument
from tracking_service.document.fields import Part, TextDocument
from tracking_service.document.work import AfterDocument

PartName = Literal["order", "task", "milestone", "line", "delivery", "inspection"]
Kind = Literal["added", "removed", "moved", "renamed", "relinked", "regrouped", "changed"]

#: What a change of a field is called; any other is `changed`.
_KINDS: Final[Mapping[str, Kind]] = {
    "start": "moved",
    "finish": "moved",
    "due": "moved",
    "promised": "moved",
    "needed_by": "moved",
    "duration_days": "moved",
    "title": "renamed",
    "after": "relinked",
    "parent": "regrouped",
    "wbs": "regrouped",
}
_LONGEST: Final = 200
_RUNS: Final = 12
#: Of these the days are told that come or go, not all that there are.
_DAYS: Final = ("holidays", "extra_workdays")
_LISTS: Final = ("tasks", "milestones", "lines", "deliveries", "inspections")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after, as people read it; empty: none."""

    field: str
    before: str
    after: str

    def told(self) -> str:
        """For example `start: 2024-05-06 08:00 → 2024-05-07 08:00`."""
        if not (self.before or self.after):
            return self.field
        return f"{self.field}: {self.before or 'none'} → {self.after or 'none'}"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a part of an order."""

    part: PartName
    key: str
    title: str
    kinds: Sequence[Kind]
    fields: Sequence[FieldChange] = ()

    def told(self) -> str:
        """One line."""
        what = f"{self.part} {self.key} '{self.title}'" if self.title else f"{self.part} {self.key}"
        changes = "; ".join(each.told() for each in self.fields)
        return f"{', '.join(self.kinds)}  {what}" + (f"  {changes}" if changes else "")


def difference(before: OrderDocument | None, after: OrderDocument) -> Sequence[Change]:
    """What changes, in the order of the parts; nothing where the documents say the same."""
    changes: list[Change] = []
    if before is not None:
        changes += _changed("order", after.number, before, after, skipped=_LISTS)
    for part, old, new in _parts(before, after):
        changes += [
            Change(part, key, _title(each), ("removed",), _values(each, gone=True))
            for key, each in old.items()
            if key not in new
        ]
        for key, each in new.items():
            if key not in old:
                changes.append(Change(part, key, _title(each), ("added",), _values(each, gone=False)))
            elif each != old[key]:
                changes += _changed(part, key, old[key], each)
    if before is not None and not changes and before.canonical() != after.canonical():
        changes.append(
            Change("order", after.number, _title(after), ("changed",), (FieldChange("sequence of its parts", "", ""),))
        )
    return changes


def counts(changes: Sequence[Change]) -> Mapping[str, int]:
    """How many parts of the order are added, removed, moved …, by kind; a part that is moved and renamed counts in both."""
    found: dict[str, int] = {}
    for change in changes:
        for kind in change.kinds:
            found[kind] = found.get(kind, 0) + 1
    return found


def _parts(
    before: OrderDocument | None, after: OrderDocument
) -> Iterator[tuple[PartName, Mapping[str, Part], Mapping[str, Part]]]:
    def each(document: OrderDocument | None) -> tuple[dict[str, Part], ...]:
        if document is None:
            return {}, {}, {}, {}, {}
        return (
            {task.key: task for task in document.tasks},
            {milestone.key: milestone for milestone in document.milestones},
            {line.line: line for line in document.lines},
            {f"{unit.sscc} on line {unit.line}": unit for unit in document.deliveries},
            {inspection.check: inspection for inspection in document.inspections},
        )

    names: tuple[PartName, ...] = ("task", "milestone", "line", "delivery", "inspection")
    yield from zip(names, each(before), each(after), strict=True)


def _changed(part: PartName, key: str, old: Part, new: Part, *, skipped: Sequence[str] = ()) -> list[Change]:
    fields: list[FieldChange] = []
    kinds: list[Kind] = []
    for name in type(new).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in skipped:
            continue
        kind: Kind = _KINDS.get(name, "changed")
        if kind not in kinds:
            kinds.append(kind)
        fields.append(_days(name, before, after) if name in _DAYS else FieldChange(name, _said(before), _said(after)))
    return [Change(part, key, _title(new), tuple(kinds), tuple(fields))] if fields else []


def _values(part: Part, *, gone: bool) -> Sequence[FieldChange]:
    """The dates and quantities of a part that comes or goes."""
    told: list[FieldChange] = []
    for name in ("start", "finish", "due", "quantity", "needed_by"):
        value = _said(getattr(part, name, None))
        if value:
            told.append(FieldChange(name, value if gone else "", "" if gone else value))
    return tuple(told)


def _days(name: str, before: Sequence[date], after: Sequence[date]) -> FieldChange:
    return FieldChange(name, _runs(set(before) - set(after)), _runs(set(after) - set(before)))


def _runs(days: Collection[date]) -> str:
    """Days, those in a row as one: `2026-10-01 to 2026-10-07`."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][1] == timedelta(1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    told = [f"{first}" if first == last else f"{first} to {last}" for first, last in runs[:_RUNS]]
    return ", ".join(told) + (f" and {len(runs) - _RUNS} more" if len(runs) > _RUNS else "")


def _title(part: Part) -> str:
    title = getattr(part, "title", None)
    return _said(title) if isinstance(title, TextDocument) else ""


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_said(each) for each in cast("tuple[object, ...]", value))
    for kind, telling in _TELLING:
        if isinstance(value, kind):
            return telling(value)
    return "" if value is None else str(value)[:_LONGEST]


def _two(title: TextDocument) -> str:
    return title.en if title.en == title.zh else f"{title.en} / {title.zh}"


def _link(link: AfterDocument) -> str:
    return f"{link.task}{link.kind}" + (f"{link.lag_days:+g}d" if link.lag_days else "")


#: How values are told, most special first.
_TELLING: Final[Sequence[tuple[type, Callable[[Any], str]]]] = (
    (datetime, lambda at: at.strftime("%Y-%m-%d %H:%M")),
    (Decimal, amount),
    (float, "{:g}".format),
    (TextDocument, _two),
    (AfterDocument, _link),
    (Part, lambda part: part.model_dump_json(exclude_defaults=True)[:_LONGEST]),
)
