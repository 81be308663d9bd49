"""Every planning file of the corpus: read as MPXJ reads it, or refused with what to do."""

import json
import os
from pathlib import Path

import pytest

from tracking_service.errors import FileRefusedError
from tracking_service.schedules import Schedule, Task, chosen, read

CORPUS = Path(os.environ.get("PLUMBLINE_CORPUS", "../shared/corpus")) / "schedules"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}; set PLUMBLINE_CORPUS")

FILES = json.loads((CORPUS / "expected.json").read_text()) if CORPUS.is_dir() else []
READ = [each for each in FILES if each["type"] != "MPP"]
BINARY = [each for each in FILES if each["type"] == "MPP"]


def schedule(name: str) -> Schedule:
    return chosen(read((CORPUS / name).read_bytes(), name), name, None)


def as_expected(task: Task) -> dict:
    """A task in the words of `expected.json`."""

    def minute(at) -> str | None:
        return at.isoformat(timespec="minutes") if at is not None else None

    return {
        "uid": int(task.uid.removeprefix("wbs-")),
        "id": task.id,
        "name": task.title,
        "milestone": task.milestone,
        "summary": task.summary,
        "start": minute(task.start),
        "finish": minute(task.finish),
        "percent": task.percent,
        "level": task.level,
    }


@pytest.mark.parametrize("expected", READ, ids=[each["file"] for each in READ])
def test_a_planning_file_has_its_tasks_milestones_and_summaries(expected):
    tasks = schedule(expected["file"]).tasks
    assert len(tasks) == expected["tasks"]
    assert sum(task.milestone for task in tasks) == expected["milestones"]
    assert sum(task.summary for task in tasks) == expected["summaries"]
    assert {task.parent for task in tasks} <= {None, *(task.uid for task in tasks)}


TOLD = [each for each in READ if each.get("task_list")]


@pytest.mark.parametrize("expected", TOLD, ids=[each["file"] for each in TOLD])
def test_each_task_has_its_name_dates_percentage_and_place_in_the_outline(expected):
    wanted = {task["uid"]: task | {"percent": float(task["percent"])} for task in expected["task_list"]}
    found = {row["uid"]: row for row in map(as_expected, schedule(expected["file"]).tasks)}
    assert found == wanted


ROWS = [each for each in READ if each.get("xer_task_rows")]


@pytest.mark.parametrize("expected", ROWS, ids=[each["file"] for each in ROWS])
def test_activities_of_an_xer_file_have_the_codes_and_names_of_its_rows(expected):
    found = {(task.id, task.title) for task in schedule(expected["file"]).tasks if not task.summary}
    assert found == {(row["task_code"], row["task_name"]) for row in expected["xer_task_rows"]}


@pytest.mark.parametrize("expected", BINARY, ids=[each["file"] for each in BINARY])
def test_project_s_own_format_is_refused_with_how_to_export_it(expected):
    with pytest.raises(FileRefusedError, match=r"\.mpp.*Save As.*XML Format"):
        read((CORPUS / expected["file"]).read_bytes(), expected["file"])


@pytest.mark.parametrize("expected", READ, ids=[each["file"] for each in READ])
def test_a_planning_file_that_was_cut_off_never_passes_for_a_whole_one(expected):
    """MPX has no end mark: there a cut shows only where it goes through a record."""
    data = (CORPUS / expected["file"]).read_bytes()
    whole = schedule(expected["file"])
    for cut in range(0, len(data) - 16, max(1, len(data) // 40)):
        try:
            found = read(data[:cut], expected["file"])
        except FileRefusedError:
            continue
        assert expected["type"] == "MPX"
        assert len(found[0].tasks) <= len(whole.tasks)


def links(plan: Schedule) -> set[tuple]:
    titles = {task.uid: task.title for task in plan.tasks}
    return {
        (titles[link.uid], task.title, link.kind, link.lag.days(plan.minutes_per_day))
        for task in plan.tasks
        for link in task.predecessors
    }


STEMS = sorted({each["file"].split(".")[0] for each in READ if "via MPXJ" in each.get("source", "")})


@pytest.mark.parametrize("stem", STEMS)
def test_one_project_has_the_same_links_in_every_format(stem):
    told = [links(schedule(each["file"])) for each in READ if each["file"].split(".")[0] == stem]
    assert told[0]
    assert all(each == told[0] for each in told)
