"""One plan in every format, each written as its programs may: the same tasks come out, the same file again changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tracking_service.difference import difference
from tracking_service.document import OrderDocument
from tracking_service.schedules import Schedule, chosen, read
from tracking_service.schedules.naming import key_of
from tracking_service.schedules.taking import taken

TITLE = {"en": "Hall", "zh": "厂房"}
HANDOVER = {"key": "handover", "title": TITLE, "policy": {"signed_off": {"role": "project_manager"}}}
ORDER = OrderDocument.model_validate({"number": "PO-1", "site": "harbour", "title": TITLE, "milestones": [HANDOVER]})
ZONE = ZoneInfo("Asia/Shanghai")
KINDS = ("FF", "FS", "SF", "SS")
IN_P6 = {"FF": "Finish to Finish", "FS": "Finish to Start", "SF": "Start to Finish", "SS": "Start to Start"}


@dataclass(frozen=True)
class Item:
    """A task of a plan that any format can say: `hours` of eight a day, `days` from the plan's first until it starts."""

    title: str
    hours: int
    days: int
    percent: int
    after: dict[int, tuple[str, int]]


@dataclass(frozen=True)
class Way:
    """How a program writes: what must not matter."""

    newline: str
    encoding: str
    prefix: str
    cdata: bool
    spaces: bool
    reverse: bool


TITLES = st.text(
    alphabet=st.sampled_from("abcXYZ0189 .,;:/&<>'\"%()[]-+_äéßØñ钢结构柱、（）Бетон€"), min_size=1, max_size=24
).filter(lambda text: " ".join(text.split()) == text)


@st.composite
def plans(draw) -> list[Item]:
    count = draw(st.integers(1, 6))
    items: list[Item] = []
    for place in range(count):
        after = draw(
            st.dictionaries(st.integers(0, place - 1), st.tuples(st.sampled_from(KINDS), st.integers(-40, 40)), max_size=3)
            if place
            else st.just({})
        )
        hours = draw(st.sampled_from([0, 1, 8, 12, 40, 800]))
        item = Item(draw(TITLES), hours, draw(st.integers(0, 27)), draw(st.integers(0, 100)), after)
        items.append(item)
    return items


WAYS = st.builds(
    Way,
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    prefix=st.sampled_from(["", "p:"]),
    cdata=st.booleans(),
    spaces=st.booleans(),
    reverse=st.booleans(),
)


def start(item: Item) -> str:
    return f"2024-05-{item.days + 1:02}T08:00:00"


def finish(item: Item) -> str:
    return start(item) if not item.hours else f"2024-06-{item.days + 1:02}T17:00:00"


class Xml:
    """Elements as a program writes them."""

    def __init__(self, way: Way) -> None:
        self.way = way

    def of(self, tag: str, *parts: str, **fields: object) -> str:
        inside = [*(self.of(name, self.text(str(value))) for name, value in fields.items()), *parts]
        gap = self.way.newline if self.way.spaces and fields else ""
        return f"<{self.way.prefix}{tag}>{gap}{gap.join(inside)}{gap}</{self.way.prefix}{tag}>"

    def text(self, text: str) -> str:
        return f"<![CDATA[{text}]]>" if self.way.cdata else escape(text)

    def file(self, root: str, namespace: str, *parts: str) -> bytes:
        encoding = self.way.encoding.removesuffix("-sig")
        declared = f' xmlns{":" * bool(self.way.prefix)}{self.way.prefix[:-1]}="{namespace}"'
        text = self.of(root, *parts).replace(f"<{self.way.prefix}{root}>", f"<{self.way.prefix}{root}{declared}>", 1)
        return f'<?xml version="1.0" encoding="{encoding}"?>{self.way.newline}{text}'.encode(self.way.encoding)


def as_mspdi(items: list[Item], way: Way) -> bytes:
    xml = Xml(way)
    rows = [
        xml.of(
            "Task",
            *(
                xml.of("PredecessorLink", PredecessorUID=other, Type=KINDS.index(kind), LinkLag=lag * 600, LagFormat=5)
                for other, (kind, lag) in item.after.items()
            ),
            UID=place,
            ID=place,
            Name=item.title,
            OutlineLevel=1,
            Start=start(item),
            Finish=finish(item),
            Duration=f"PT{item.hours}H0M0S",
            Milestone=int(not item.hours),
            PercentComplete=item.percent,
        )
        for place, item in enumerate(items)
    ]
    return xml.file("Project", "http://schemas.microsoft.com/project", xml.of("Tasks", *rows))


def as_pmxml(items: list[Item], way: Way) -> bytes:
    xml = Xml(way)
    activities = [
        xml.of(
            "Activity",
            ObjectId=place,
            Id=place,
            Name=item.title,
            Type="Task Dependent" if item.hours else "Finish Milestone",
            StartDate=start(item),
            FinishDate=finish(item),
            PlannedDuration=item.hours,
            PercentCompleteType="Physical",
            PhysicalPercentComplete=item.percent / 100,
        )
        for place, item in enumerate(items)
    ]
    links = [
        xml.of(
            "Relationship",
            PredecessorActivityObjectId=other,
            SuccessorActivityObjectId=place,
            Type=IN_P6[kind],
            Lag=lag,
        )
        for place, item in enumerate(items)
        for other, (kind, lag) in item.after.items()
    ]
    parts = [xml.of("ObjectId", "1"), xml.of("Id", "P"), *activities, *links]
    namespace = "http://xmlns.oracle.com/Primavera/P6/V8.3/API/BusinessObjects"
    return xml.file("APIBusinessObjects", namespace, xml.of("Project", *(parts[::-1] if way.reverse else parts)))


def as_xer(items: list[Item], way: Way) -> bytes:
    def table(name: str, rows: list[dict[str, object]]) -> str:
        if not rows:
            return ""
        columns = list(rows[0])[:: -1 if way.reverse else 1]
        lines = [f"%T\t{name}", "\t".join(["%F", *columns])]
        lines += ["\t".join(["%R", *(str(row[column]).replace('"', '""') for column in columns)]) for row in rows]
        return "".join(line + way.newline for line in lines)

    tasks: list[dict[str, object]] = [
        {
            "task_id": place,
            "proj_id": 1,
            "wbs_id": "",
            "task_code": place,
            "task_name": item.title,
            "task_type": "TT_Task" if item.hours else "TT_FinMile",
            "complete_pct_type": "CP_Phys",
            "phys_complete_pct": item.percent,
            "target_drtn_hr_cnt": item.hours,
            "remain_drtn_hr_cnt": 0,
            "target_start_date": start(item).replace("T", " ")[:16],
            "target_end_date": finish(item).replace("T", " ")[:16],
        }
        for place, item in enumerate(items)
    ]
    links: list[dict[str, object]] = [
        {"task_id": place, "pred_task_id": other, "pred_type": f"PR_{kind}", "lag_hr_cnt": lag}
        for place, item in enumerate(items)
        for other, (kind, lag) in item.after.items()
    ]
    tables = [table("PROJECT", [{"proj_id": 1, "proj_short_name": "P"}]), table("TASK", tasks), table("TASKPRED", links)]
    text = "".join(tables[::-1] if way.reverse else tables)
    return f"ERMHDR\t8.0{way.newline}{text}%E{way.newline}".encode(way.encoding)


def as_mpx(items: list[Item], way: Way) -> bytes:
    def field(text: object) -> str:
        return '"' + str(text).replace('"', '""') + '"'

    def when(told: str) -> str:
        return f"{told[8:10]}/{told[5:7]}/{told[:4]} {told[11:16]}"

    lines = ["MPX,P,4.0,ANSI", "12,1,1,480,/,:", "60,Name,Duration,% Complete,Start,Finish,Predecessors,Milestone,ID"]
    lines.append("61,1,40,44,50,51,70,81,90")
    for place, item in enumerate(items):
        after = ",".join(f"{other}{kind}{lag:+}h" for other, (kind, lag) in item.after.items())
        row = [item.title, f"{item.hours}h", f"{item.percent}%", when(start(item)), when(finish(item)), after]
        lines.append(",".join(["70", *map(field, row), "No" if item.hours else "Yes", str(place)]))
    return "".join(line + way.newline for line in lines).encode(way.encoding)


FORMATS: list[Callable[[list[Item], Way], bytes]] = [as_mspdi, as_pmxml, as_xer, as_mpx]


def read_back(data: bytes, way: Way) -> Schedule:
    encoding = way.encoding if way.encoding == "gb18030" else None
    return chosen(read(data, "plan", encoding), "plan", None)


def sayable(items: list[Item], way: Way) -> bool:
    return not way.cdata or all("]]>" not in item.title for item in items)


@pytest.mark.parametrize("write", FORMATS)
@given(plans(), WAYS)
@settings(max_examples=40, deadline=None)
def test_a_plan_has_the_same_tasks_in_every_format(write, items, way):
    assume(sayable(items, way))
    plan = read_back(write(items, way), way)
    found = {task.id: task for task in plan.tasks}
    assert len(plan.tasks) == len(items)
    for place, item in enumerate(items):
        task = found[str(place)]
        assert task.title == item.title
        assert (task.start.isoformat(), task.finish.isoformat()) == (start(item), finish(item))
        assert (task.duration.minutes, task.milestone, task.percent) == (item.hours * 60, not item.hours, item.percent)
        assert not task.summary
        uids = {other: found[str(other)].uid for other in item.after}
        assert {each.uid: (each.kind, each.lag.minutes) for each in task.predecessors} == {
            uids[other]: (kind, lag * 60) for other, (kind, lag) in item.after.items()
        }


@pytest.mark.parametrize("write", FORMATS)
@given(plans(), WAYS, TITLES)
@settings(max_examples=25, deadline=None)
def test_the_same_file_again_changes_nothing_and_another_shows_what_changed(write, items, way, title):
    changed = [*items[:-1], replace(items[-1], title=title)]
    assume(sayable([*items, *changed], way))
    once = taken(ORDER, read_back(write(items, way), way), ZONE).document
    again = taken(once, read_back(write(items, way), way), ZONE).document
    assert not difference(once, again)
    other = taken(once, read_back(write(changed, way), way), ZONE).document
    key = key_of(str(len(items) - 1))
    assert {change.key for change in difference(once, other)} == ({key} if title != items[-1].title else set())
