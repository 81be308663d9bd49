"""A schedule into an order: lasting keys, what people added is kept, the same file again changes nothing."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.ids import is_name
from tracking_service.difference import counts, difference
from tracking_service.document import OrderDocument
from tracking_service.errors import OrderRefusedError
from tracking_service.schedules import Calendar, Predecessor, Schedule, Span, Task
from tracking_service.schedules.fields import iso_time
from tracking_service.schedules.naming import key_of
from tracking_service.schedules.taking import taken

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = {"en": "Hall", "zh": "厂房"}


def order(**changes) -> OrderDocument:
    line = {"line": "1", "title": TITLE, "quantity": 5}
    return OrderDocument.model_validate({"number": "PO-1", "site": "harbour", "title": TITLE, "lines": [line]} | changes)


def task(uid: str, title: str = "Task", **changes) -> Task:
    times = {"start": iso_time("2024-05-06T08:00:00"), "finish": iso_time("2024-05-10T17:00:00")}
    return Task(uid=uid, id=f"A{uid}", title=title, **(times | changes))


def plan(*tasks: Task, form="XER", **changes) -> Schedule:
    return Schedule(format=form, project="P", title="Plan", tasks=tasks, **changes)


def test_times_are_the_site_s_and_durations_working_days_of_the_task_s_calendar():
    calendars = {"c": Calendar("c", "ten hours", 600)}
    made = taken(
        order(),
        plan(
            task("1", duration=Span(3_000), calendar="c"),
            task("2", duration=Span(2_880, elapsed=True)),
            task("3", duration=Span(960), predecessors=[Predecessor("1", "SS", Span(-300))]),
            task(
                "4",
                predecessors=[
                    Predecessor("3", "FS", Span(0), lag_percent=50),
                    Predecessor("1", "FF", Span(10_080, elapsed=True)),
                ],
            ),
            calendars=calendars,
        ),
        SHANGHAI,
    )
    tasks = {each.key: each for each in made.document.tasks}
    assert tasks["A1"].start.isoformat() == "2024-05-06T08:00:00+08:00"
    assert (tasks["A1"].duration_days, tasks["A2"].duration_days, tasks["A3"].duration_days) == (5, None, 2)
    assert [(each.task, each.kind, each.lag_days) for each in tasks["A3"].after] == [("A1", "SS", -0.5)]
    assert [(each.task, each.lag_days) for each in tasks["A4"].after] == [("A3", 1), ("A1", 5)]
    assert "lag by the clock" in made.remarks[0]


def test_a_milestone_of_the_schedule_is_one_of_the_order_until_that_declares_it():
    schedule = plan(task("1"), task("2", "Roof on", milestone=True))
    made = taken(order(), schedule, SHANGHAI).document
    (milestone,) = made.milestones
    assert (milestone.key, milestone.task, milestone.due) == ("A2", "A2", made.tasks[1].finish)
    own = {"key": "roof", "title": {"en": "Roof", "zh": "屋面"}, "task": "A2", "policy": {"material_arrived": {}}}
    declared = taken(order(milestones=[own], tasks=[made.tasks[1].model_dump()]), schedule, SHANGHAI).document
    assert [(each.key, each.due) for each in declared.milestones] == [("roof", milestone.due)]
    assert declared.milestones[0].policy.material_arrived is not None
    assert taken(order(), schedule, SHANGHAI, milestones=False).document.milestones == ()


def test_what_people_added_to_a_task_stays_and_a_new_title_goes_into_both_languages():
    first = taken(order(), plan(task("1", "Piles")), SHANGHAI).document
    said = first.tasks[0].model_dump() | {"owner": "wang", "title": {"en": "Piles", "zh": "桩基"}}
    edited = first.model_copy(update={"tasks": (type(first.tasks[0]).model_validate(said),)})
    again = taken(edited, plan(task("1", "Piles")), SHANGHAI).document
    assert again.canonical() == edited.canonical()
    renamed = taken(edited, plan(task("1", "Bored piles")), SHANGHAI).document.tasks[0]
    assert (renamed.owner, renamed.title.zh) == ("wang", "Bored piles")


def test_the_difference_tells_added_removed_moved_renamed_and_relinked_tasks():
    before = taken(
        order(),
        plan(task("1"), task("2"), task("3", predecessors=[Predecessor("1")]), task("4"), task("5", milestone=True)),
        SHANGHAI,
    ).document
    after = taken(
        before,
        plan(
            task("1", "Better name"),
            task("2", finish=iso_time("2024-05-11T17:00:00")),
            task("3", predecessors=[Predecessor("2", "SS", Span(480))]),
            task("6", parent="1"),
        ),
        SHANGHAI,
    ).document
    changes = difference(before, after)
    assert counts(changes) == {"removed": 3, "renamed": 1, "moved": 1, "relinked": 1, "added": 1}
    told = "\n".join(each.told() for each in changes)
    assert "renamed  task A1 'Better name'  title: Task → Better name" in told
    assert "moved  task A2 'Task'  finish: 2024-05-10 17:00 → 2024-05-11 17:00" in told
    assert "relinked  task A3 'Task'  after: A1FS → A2SS+1d" in told
    assert "removed  milestone A5" in told
    assert difference(after, after) == []
    assert difference(None, after)


def test_an_inspection_loses_its_task_with_a_remark_and_never_its_place():
    own = order(tasks=[{"key": "old", "title": TITLE}], inspections=[{"check": "rebar", "title": TITLE, "task": "old"}])
    made = taken(own, plan(task("1")), SHANGHAI)
    assert made.document.inspections[0].task is None
    assert "inspection rebar: its task is not in the schedule any more" in made.remarks[0]


def test_a_milestone_that_is_paid_for_stays_when_the_schedule_drops_it():
    first = taken(order(), plan(task("1"), task("2", milestone=True)), SHANGHAI).document
    paid = OrderDocument.model_validate(first.model_dump() | {"payments": [{"percent": 30, "milestone": "A2"}]})
    made = taken(paid, plan(task("1")), SHANGHAI).document
    assert [(each.key, each.task) for each in made.milestones] == [("A2", None)]


def test_inactive_tasks_and_impossible_dates_are_left_out_with_a_remark():
    made = taken(
        order(),
        plan(
            task("1", active=False),
            task("2", finish=iso_time("2024-05-01"), predecessors=[Predecessor("1")]),
            task("3", title="x\ty" + "z" * 300, milestone=True, finish=iso_time("2024-05-01")),
        ),
        SHANGHAI,
    )
    late, long = made.document.tasks
    assert (late.start, late.after) == (None, ())
    assert (len(long.title.en), long.start) == (256, long.finish)
    assert len(made.remarks) == 4


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (plan(), "there is no task in it"),
        (plan(task("1", predecessors=[Predecessor("2")]), task("2", predecessors=[Predecessor("1")])), "waits for itself"),
        (plan(*(task(str(each), milestone=True) for each in range(501))), "501 milestones, at most 500"),
        (
            plan(task("1"), task("2", line=7, predecessors=[Predecessor("1", lag=Span(480 * 18_000))])),
            "line 7, task A2: lag_days: ",
        ),
        (plan(task("1", line=3, duration=Span(1e12))), "line 3, task A1: duration_days: "),
        (
            plan(task("1", duration=Span(480)), task("2", line=7, predecessors=[Predecessor("1", lag_percent=1e15)])),
            "line 7, task A2: lag_days: ",
        ),
        (plan(*(task(str(each)) for each in range(20_001))), "20001 tasks, an order has at most 20000"),
    ],
)
def test_a_schedule_that_no_order_can_have_is_refused_with_its_number(schedule, said):
    with pytest.raises(OrderRefusedError) as refused:
        taken(order(), schedule, SHANGHAI)
    assert str(refused.value).startswith("order PO-1: the schedule 'Plan' cannot be taken: ")
    assert said in str(refused.value)


def test_a_task_that_stands_for_one_of_another_project_is_told():
    made = taken(order(), plan(task("1", external=True), task("2", predecessors=[Predecessor("1")])), SHANGHAI)
    assert made.document.tasks[1].after[0].task == "A1"
    assert made.remarks == ("task A1: it stands for a task of another project, and is taken for what waits for it",)


def test_days_without_times_end_in_the_evening():
    days = {"start": iso_time("2024-05-06"), "finish": iso_time("2024-05-10")}
    made = taken(order(), plan(task("1", **days), task("2", milestone=True, **days), dates_only=True), SHANGHAI).document
    assert [(each.start.hour, each.finish.isoformat()) for each in made.tasks] == [
        (0, "2024-05-10T23:59:00+08:00"),
        (23, "2024-05-10T23:59:00+08:00"),
    ]


@given(st.lists(st.text(max_size=80), max_size=20))
def test_keys_are_names_lasting_and_different(texts):
    used: dict[str, str] = {}
    for text in texts:
        key = key_of(text, used)
        assert is_name(key)
        assert key_of(text) == key_of(text)
        used[key] = text
    assert len(used) == len(texts)


@given(st.data())
def test_the_same_schedule_again_changes_nothing(data):
    uids = data.draw(st.lists(st.sampled_from("123456789"), unique=True, min_size=1))
    tasks = [
        replace(
            task(uid, data.draw(st.text(min_size=1, max_size=10))),
            milestone=data.draw(st.booleans()),
            parent=data.draw(st.sampled_from([None, *uids[:place]])),
            percent=data.draw(st.none() | st.floats(0, 100)),
            duration=data.draw(st.none() | st.builds(Span, st.floats(0, 1e6), st.booleans())),
            predecessors=[Predecessor(each, "FF", Span(data.draw(st.floats(-1e4, 1e4)))) for each in uids[:place]],
        )
        for place, uid in enumerate(uids)
    ]
    schedule = plan(*tasks, form=data.draw(st.sampled_from(["MSPDI", "XER"])))
    first = taken(order(), schedule, SHANGHAI).document
    stored = OrderDocument.model_validate_json(first.canonical())
    again = taken(stored, schedule, SHANGHAI).document
    assert again.canonical() == first.canonical()
    assert difference(stored, again) == []
